#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The recipes of docs/sweeps.md for other schedulers, their very lines: GNU parallel, one job of it killed and resumed; the container of the
# Kubernetes job, once for each index, one pod killed and started again; folders of their own, as on a cloud without a shared file
# system. Each store has to be byte for byte that of a plain run.
#
#   sim/tests/recipes/run.sh [PATH-OF-SIM]
#
# Needs python3; without GNU parallel or PyYAML that part is skipped, and said so.
set -eu

SIM=${1:-${CARGO_TARGET_DIR:-target}/release/sim}
case $SIM in /*) ;; *) SIM=$PWD/$SIM ;; esac
DOCS=$(cd "$(dirname "$0")/../../.." && pwd)/docs/sweeps.md
test -x "$SIM" || { echo "there is no program $SIM: cargo build --release -p sim --bin sim"; exit 2; }
DIR=$(mktemp -d -t rqsim-recipes.XXXXXX)
trap 'rm -rf "$DIR"' EXIT
mkdir "$DIR/bin" "$DIR/work"
ln -s "$SIM" "$DIR/bin/sim"
PATH=$DIR/bin:$PATH
cd "$DIR/work"

cat >mine.ron <<'RON'
(
    title: "Recipes", question: "does every scheduler leave the same bytes?",
    base: "hammer8.ron",
    set: [(field: "lock.base", value: "6.17"), (field: "duration", value: "300us")],
    axes: [
        List(field: "machine.cores", values: [2, 4, 8]),
        List(name: "program", field: "lock.program", values: [Builtin("ticket"), Builtin("mcs"), Builtin("clh"), Builtin("rqspinlock")]),
    ],
    seeds: Count(first: 1, n: 4),
)
RON
sim sweep mine.ron --out plain -q >/dev/null

same() {
    for file in records.jsonl runs.csv points.csv plan.jsonl; do cmp "plain/$file" "$1/$file"; done
    test "$(ls "$1" | grep -c partial)" = 0 || { echo "journals are left in $1"; exit 1; }
    sim results verify "$1" --rerun 2 >/dev/null
    echo "ok: $2"
}

# Kills the first process of ours that works on this part, as soon as there is one.
kill_part() {
    for _ in $(seq 500); do
        for pid in $(pgrep -u "$(id -u)" -f "^sim sweep mine.ron --shard $1 --out $2" || true); do
            # Nobody else's, whatever it is called.
            test "$(readlink "/proc/$pid/cwd")" = "$DIR/work" || continue
            kill -9 "$pid" 2>/dev/null && return 0
        done
        sleep 0.002
    done
    echo "note: part $1 had ended before it could be killed"
}

if command -v parallel >/dev/null; then
    line=$(grep -m 1 '^    parallel --joblog' "$DOCS")
    kill_part 3/8 mine &
    killer=$!
    # A killed job makes the first line fail; the same line again does what is missing.
    sh -c "$line" >/dev/null 2>&1 || true
    wait $killer
    sh -c "$line" >/dev/null 2>&1 || true
    same mine "GNU parallel"
    mv mine by-parallel
else
    echo "skipped: there is no parallel here (Debian: apt-get install parallel)"
fi

if python3 -c 'import yaml' 2>/dev/null; then
    # What the job needs of Kubernetes, and the shell line of its container with /work as it is here.
    python3 - "$DOCS" "$DIR/work" >pod.sh <<'PY'
import re, sys, yaml
text = re.search(r"```yaml\n(apiVersion: batch/v1.*?)```", open(sys.argv[1]).read(), re.S).group(1)
job = yaml.safe_load(text)
assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
spec = job["spec"]
assert spec["completionMode"] == "Indexed" and spec["completions"] == 16
pod = spec["template"]["spec"]
assert pod["restartPolicy"] == "OnFailure"
(container,) = pod["containers"]
names = {v["name"] for v in pod["volumes"]}
mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
assert set(mounts) <= names and container["workingDir"] == mounts["work"]
shell, flag, line = container["command"]
assert (shell, flag) == ("sh", "-c") and f"/{spec['completions']} " in line
print(line.replace("/work/", sys.argv[2] + "/"))
PY
    kill_part 5/16 "$DIR/work/mine" &
    for index in $(seq 0 15); do
        # A pod that fails is started again.
        for try in 1 2 3; do JOB_COMPLETION_INDEX=$index sh -c "$(cat pod.sh)" 2>/dev/null && break; done
        test "$try" -lt 3 || { echo "index $index failed again and again"; exit 1; }
    done
    wait
    sim results merge mine >/dev/null 2>&1
    same mine "Kubernetes, the container's line for 16 indices"
    mv mine by-pods
else
    echo "skipped: there is no PyYAML here"
fi

for INDEX in 0 1 2; do sim sweep mine.ron --shard $((INDEX + 1))/3 --out "part-$INDEX" -q 2>/dev/null; done
sim results merge part-0 part-1 part-2 --out whole >/dev/null 2>&1
same whole "folders of their own"
