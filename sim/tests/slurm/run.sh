#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# `sim sweep --engine slurm` against a real Slurm of one node: one element of the array is killed and one requeued, the controller
# is asked for nothing but squeue, and the merged store has to be byte for byte that of a run without Slurm.
#
#   sim/tests/slurm/run.sh [PATH-OF-SIM]
#
# Needs slurmctld, slurmd and munged (Debian: slurm-wlm, munge), no root, no systemd, no database. Skipped without them.
set -eu

SIM=${1:-${CARGO_TARGET_DIR:-target}/release/sim}
case $SIM in /*) ;; *) SIM=$PWD/$SIM ;; esac
PATH=$PATH:/usr/sbin:/sbin
for tool in slurmctld slurmd munged sbatch squeue scontrol scancel; do
    if ! command -v $tool >/dev/null; then
        echo "skipped: there is no $tool here (Debian: apt-get install slurm-wlm munge)"
        exit 0
    fi
done
test -x "$SIM" || { echo "there is no program $SIM: cargo build --release -p sim --bin sim"; exit 2; }

DIR=$(mktemp -d /tmp/rqsim-slurm.XXXXXX)
HOST=$(hostname -s)
ME=$(id -un)
chmod 711 "$DIR"
mkdir -p "$DIR/state" "$DIR/spool" "$DIR/log"

stop() {
    for name in slurmd slurmctld munged; do
        if [ -f "$DIR/$name.pid" ]; then kill "$(cat "$DIR/$name.pid")" 2>/dev/null || true; fi
    done
    if [ -z "${KEEP:-}" ]; then sleep 1; rm -rf "$DIR"; else echo "kept: $DIR"; fi
}
trap stop EXIT

(umask 077; head -c 1024 /dev/urandom >"$DIR/munge.key")
munged --socket="$DIR/munge.sock" --key-file="$DIR/munge.key" --pid-file="$DIR/munged.pid" \
    --log-file="$DIR/log/munged.log" --seed-file="$DIR/munged.seed" --force
MB=$(awk '/MemTotal/ { print int($2 / 1024 / 2) }' /proc/meminfo)
export SLURM_CONF="$DIR/slurm.conf"
cat >"$SLURM_CONF" <<CONF
ClusterName=simtest
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=$ME
SlurmdUser=$ME
AuthType=auth/munge
AuthInfo=socket=$DIR/munge.sock
CredType=cred/munge
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool
SlurmctldPidFile=$DIR/slurmctld.pid
SlurmdPidFile=$DIR/slurmd.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd.log
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$DIR/log/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=5
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=4 RealMemory=$MB State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -f "$SLURM_CONF" -i
slurmd -f "$SLURM_CONF" -N "$HOST"
for _ in $(seq 60); do
    [ "$(sinfo -h -o %T 2>/dev/null || true)" = idle ] && break
    sleep 1
done
[ "$(sinfo -h -o %T)" = idle ] || { echo "Slurm did not come up; its logs:"; tail "$DIR"/log/*; exit 1; }
echo "Slurm $(sinfo --version) is up"

cd "$DIR"
cat >tiny.ron <<'RON'
(
    title: "tiny", question: "how cheap is a run?",
    machine: Preset("skylake-ring-8"),
    lock: (program: Builtin("rqspinlock")),
    stages: [(name: "base", patches: []), (name: "+1", patches: ["enclose"])],
    locks: ["a"],
    workload: (tasks: [(on: All, body: [Forever([Work(Exp("2us")), Critical(lock: "a", body: [])])])]),
    duration: "DURATION",
    seeds: Count(first: 1, n: 4),
)
RON
cat >s.ron <<'RON'
(
    title: "Slurm", question: "is it the same?", base: "tiny.ron",
    axes: [
        List(field: "machine.cores", values: [1, 2, 3, 4]),
        Log(name: "work", field: "workload.tasks[0].body[0].Forever[0].Work.Exp", from: "500ns", to: "5us", n: 4),
    ],
    adaptive: (metric: "throughput_per_s", half_width: Relative(0.01), seeds_max: 12),
)
RON
sed -i "s/DURATION/${DURATION:-4ms}/" tiny.ron
"$SIM" sweep s.ron -q --out local >/dev/null
echo "run here: $(wc -l <local/records.jsonl) runs"

"$SIM" sweep s.ron --engine slurm --shards 6 --poll 1 --out slurm >out.txt 2>err.txt &
ENGINE=$!
JOB=
while [ -z "$JOB" ]; do
    sleep 0.2
    JOB=$(sed -n 's/^job \([0-9]*\):.*/\1/p' err.txt | head -1)
    kill -0 $ENGINE 2>/dev/null || { cat err.txt; exit 1; }
done
# One element is killed as by a node that fails, one is requeued as by preemption; both have runs behind them.
running() { squeue -h -r -j "$JOB" -t RUNNING -o %i | head -1; }
HIT=0
for how in "scancel --signal=KILL --full" "scontrol requeue"; do
    for _ in $(seq 100); do
        ELEMENT=$(running)
        PART=${ELEMENT#*_}
        if [ -n "$ELEMENT" ] && [ -s "slurm/records.partial.$PART-of-6.jsonl" ]; then
            if $how "$ELEMENT"; then
                echo "$how $ELEMENT, after $(wc -l <"slurm/records.partial.$PART-of-6.jsonl") runs"
                HIT=$((HIT + 1))
                break
            fi
        fi
        sleep 0.1
    done
    sleep 0.5
done
[ $HIT -eq 2 ] || { echo "the sweep was over before something could be killed: choose a longer DURATION"; exit 1; }
# A requeued element is held back for two minutes; it may begin at once here.
for _ in $(seq 40); do
    squeue -h -r -j "$JOB" -t PENDING -o %i | while read -r element; do
        scontrol update jobid="$element" starttime=now >/dev/null 2>&1 || true
    done
    kill -0 $ENGINE 2>/dev/null || break
    sleep 1
done
CODE=0
wait $ENGINE || CODE=$?
cat err.txt
[ $CODE -eq 0 ] || { echo "the engine ended with $CODE"; tail slurm/slurm/*.log 2>/dev/null; exit 1; }
diff -r local slurm
"$SIM" results verify slurm --rerun 5
echo "the same bytes: $(wc -l <slurm/records.jsonl) runs by Slurm, two elements hit"
