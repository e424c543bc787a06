#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Opens a page of `sim report` in a headless Chromium without network, at three widths, light and dark: no script error, nothing on the
# console, figures and plots present, toggles, filter and explorer work, nothing is wider than the window. Then it is printed.
# Usage: check-page.sh report.html. Exit code 0 all well, 1 a check failed, 77 no browser found.
set -u
page=${1:?usage: check-page.sh report.html}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "SKIPPED: no Chromium here, so the page was NOT checked" >&2
    exit 77
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
{
    # The catcher of errors comes before the page's own script.
    sed "s|<body>|<body><script>window.faults=[];addEventListener('error',(e)=>faults.push('script: '+e.message));addEventListener('securitypolicyviolation',(e)=>faults.push('policy: '+e.violatedDirective));for(const k of ['error','warn'])console[k]=(...a)=>faults.push('console: '+a.join(' '));</script>|" "$page"
    cat <<'CHECK'
<script>
const need = (what, ok) => { if (!ok) faults.push(what); };
const figures = [...document.querySelectorAll("figure svg")];
need("no figure", figures.length > 0);
document.body.classList.add("drawings");
need("a drawing is empty", figures.every((f) => f.getBoundingClientRect().width > 100 && f.querySelector("path,polyline,rect")));
document.body.classList.remove("drawings");
need("a drawing has no name", figures.every((f) => f.getAttribute("aria-label") && f.querySelector("title,desc")));
need("a table has no caption", [...document.querySelectorAll("table")].every((t) => t.caption));
need("a figure has no table", [...document.querySelectorAll("figure[data-figure]")].every((f) => f.nextElementSibling.querySelector("table")));
redraws.forEach(seen);
const plots = [...document.querySelectorAll(".plot")];
const option = (p) => echarts.getInstanceByDom(p).getOption();
need("no plot", plots.length > 0);
for (const p of plots) {
  const name = p.getAttribute("aria-label") || p.getAttribute("aria-labelledby");
  need("a plot has no name", name);
  need("a plot is empty: " + name, p.querySelector("canvas") && p.getBoundingClientRect().width > 100 && option(p).series.some((s) => s.data && s.data.length));
  need("a plot has no tooltip: " + name, option(p).tooltip.length && option(p).dataZoom.length);
}
for (const figure of document.querySelectorAll("figure.paper")) {
  const plot = figure.querySelector(".plot"), svg = figure.querySelector("svg");
  const press = (key) => figure.dispatchEvent(new KeyboardEvent("keydown", { key }));
  const span = () => (plot ? option(plot).dataZoom.filter((z) => z.type === "inside").reduce((n, z) => n + z.end - z.start, 0) : -svg.getBoundingClientRect().width);
  const whole = span();
  press("+");
  need("+ does not zoom: " + figure.dataset.figure, span() < whole);
  press("0");
  need("0 does not show the whole: " + figure.dataset.figure, Math.abs(span() - whole) < 1);
  need("a drawing says nothing when pointed at: " + figure.dataset.figure, !/^(links|lattice|landings|timeline|contributions)/.test(figure.dataset.figure) || svg.querySelector("g > title"));
}
const points = (p) => option(p).series.reduce((n, s) => n + (s.data ? s.data.length : 0), 0);
for (const box of document.querySelectorAll("input[data-stage]")) {
  const experiment = box.closest(".experiment");
  const groups = [...experiment.querySelectorAll("figure .stage-" + box.dataset.stage)];
  need("stage " + box.dataset.stage + " is in no figure", groups.length > 0);
  box.focus();
  need("a toggle takes no focus", document.activeElement === box);
  const bars = experiment.querySelector('[data-figure="coherence-traffic"] .plot'), before = bars && points(bars);
  box.click();
  need("a toggle does not hide", groups.every((g) => getComputedStyle(g).display === "none"));
  need("a toggle does not hide in a plot", !bars || points(bars) < before);
  box.click();
  need("a toggle does not show", groups.every((g) => g.style.display !== "none"));
  need("a toggle does not show in a plot", !bars || points(bars) === before);
}
for (const explorer of document.querySelectorAll("[data-explorer]")) {
  const plot = explorer.querySelector(".plot"), all = Number(plot.dataset.points), selects = explorer.querySelectorAll("select");
  const last = selects[selects.length - 1];
  last.value = "1";
  last.dispatchEvent(new Event("change"));
  need("the explorer keeps all points", Number(plot.dataset.points) < all);
  last.value = "0";
  last.dispatchEvent(new Event("change"));
  need("the explorer does not give points back", Number(plot.dataset.points) === all);
}
const field = document.getElementById("filter");
field.value = "no such stage";
field.dispatchEvent(new Event("input"));
need("the filter hides nothing", [...document.querySelectorAll("tr[data-row]")].every((r) => r.offsetHeight === 0));
field.value = "";
field.dispatchEvent(new Event("input"));
need("wider than the window", document.documentElement.scrollWidth <= innerWidth);
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const light = Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]) > 128;
need("the page is not in its scheme", dark !== light);
document.body.setAttribute("data-faults", (dark ? "dark" : "light") + " " + innerWidth + ", " + figures.length + " figures, " + plots.length + " plots, faults: " + (faults.join("; ") || "none"));
</script>
CHECK
} >"$dir/page.html"
# Arguments: the folder of the browser's profile, then options.
run() {
    profile=$1
    shift
    "$browser" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$dir/$profile" --host-resolver-rules="MAP * ~NOTFOUND" "$@" 2>/dev/null
}
# Arguments: Blink's number of the scheme, 1 light and 0 dark, and its name.
look() {
    for width in 500 900 1400; do
        said=
        for attempt in 1 2; do # A browser that did not come up on a busy machine has a second chance; a page with faults has none.
            [ -n "$said" ] || said=$(run "$2$attempt" --blink-settings=preferredColorScheme="$1" --window-size=$width,900 --virtual-time-budget=3000 \
                --dump-dom "file://$dir/page.html" | sed -n 's/.*data-faults="\([^"]*\)".*/\1/p' | head -1)
        done
        echo "${said:-$2 $width: the page did not run}"
        case $said in "$2 "*"faults: none") ;; *) echo "FAILED: $2 $width" ;; esac
    done
}
look 1 light >"$dir/light" &
look 0 dark >"$dir/dark"
wait
cat "$dir/light" "$dir/dark"
failed=0
if grep -q FAILED "$dir/light" "$dir/dark"; then failed=1; fi
cp "$page" "$dir/print.html"
run print --no-pdf-header-footer --virtual-time-budget=3000 --print-to-pdf="$dir/page.pdf" "file://$dir/print.html"
if head -c 5 "$dir/page.pdf" 2>/dev/null | grep -q %PDF && [ "$(wc -c <"$dir/page.pdf")" -gt 20000 ]; then
    echo "print: $(wc -c <"$dir/page.pdf") bytes of PDF"
    [ -z "${KEEP_PDF:-}" ] || cp "$dir/page.pdf" "$KEEP_PDF"
else
    echo "print: no PDF"
    failed=1
fi
exit $failed
