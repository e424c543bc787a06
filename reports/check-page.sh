#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Opens a page of `sim report` in a headless Chromium without network, at three widths: no script error, figures present,
# toggles and filter work, nothing is wider than the window.
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
    sed "s|<body>|<body><script>window.faults=[];addEventListener('error',(e)=>faults.push('script: '+e.message));addEventListener('securitypolicyviolation',(e)=>faults.push('policy: '+e.violatedDirective));</script>|" "$page"
    cat <<'CHECK'
<script>
const need = (what, ok) => { if (!ok) faults.push(what); };
const figures = [...document.querySelectorAll("figure svg")];
need("no figure", figures.length > 0);
need("a figure is empty", figures.every((f) => f.getBoundingClientRect().width > 100 && f.querySelector("path,polyline,rect")));
need("a figure has no name", figures.every((f) => f.getAttribute("aria-label") && f.querySelector("title,desc")));
need("a table has no caption", [...document.querySelectorAll("table")].every((t) => t.caption));
for (const box of document.querySelectorAll("input[data-stage]")) {
  const groups = [...box.closest(".experiment").querySelectorAll("figure .stage-" + box.dataset.stage)];
  need("stage " + box.dataset.stage + " is in no figure", groups.length > 0);
  box.focus();
  need("a toggle takes no focus", document.activeElement === box);
  box.click();
  need("a toggle does not hide", groups.every((g) => getComputedStyle(g).display === "none"));
  box.click();
  need("a toggle does not show", groups.every((g) => getComputedStyle(g).display !== "none"));
}
const field = document.getElementById("filter");
field.value = "no such stage";
field.dispatchEvent(new Event("input"));
need("the filter hides nothing", [...document.querySelectorAll("tr[data-row]")].every((r) => r.offsetHeight === 0));
field.value = "";
field.dispatchEvent(new Event("input"));
need("wider than the window", document.documentElement.scrollWidth <= innerWidth);
document.body.setAttribute("data-faults", "width " + innerWidth + ", " + figures.length + " figures, faults: " + (faults.join("; ") || "none"));
</script>
CHECK
} >"$dir/page.html"
failed=0
for width in 500 900 1400; do
    said=$("$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$dir/profile" --host-resolver-rules="MAP * ~NOTFOUND" \
        --window-size=$width,900 --virtual-time-budget=5000 --dump-dom "file://$dir/page.html" 2>/dev/null |
        sed -n 's/.*data-faults="\([^"]*\)".*/\1/p' | head -1)
    echo "$width: ${said:-the page did not run}"
    case $said in *"faults: none") ;; *) failed=1 ;; esac
done
exit $failed
