# SPDX-License-Identifier: MIT OR Apache-2.0
"""gem5 24.0: eight TimingSimpleCPUs at 4 GHz, Ruby MESI_Two_Level, one program of eight threads, system-call emulation.

    build/X86_MESI_Two_Level/gem5.fast config.py BINARY [--threads 8] [--acquisitions 2000] [--warm-up 200]

Prints host seconds and acquisitions of the region that the program marks, and their ratio.
"""

import argparse
import time

from gem5.components.boards.simple_board import SimpleBoard
from gem5.components.cachehierarchies.ruby.mesi_two_level_cache_hierarchy import (
    MESITwoLevelCacheHierarchy,
)
from gem5.components.memory import SingleChannelDDR4_2400
from gem5.components.processors.cpu_types import CPUTypes
from gem5.components.processors.simple_processor import SimpleProcessor
from gem5.isas import ISA
from gem5.resources.resource import BinaryResource
from gem5.simulate.exit_event import ExitEvent
from gem5.simulate.simulator import Simulator

parser = argparse.ArgumentParser()
parser.add_argument("binary")
parser.add_argument("--threads", type=int, default=8)
parser.add_argument("--acquisitions", type=int, default=2000)
parser.add_argument("--warm-up", type=int, default=200)
args = parser.parse_args()

# The sizes of skylake-ring-8: 32 KiB, 8 ways; 1 MiB of last-level cache a bank, 16 ways, a bank per core.
board = SimpleBoard(
    clk_freq="4GHz",
    processor=SimpleProcessor(CPUTypes.TIMING, isa=ISA.X86, num_cores=args.threads),
    memory=SingleChannelDDR4_2400(size="2GiB"),
    cache_hierarchy=MESITwoLevelCacheHierarchy(
        l1i_size="32KiB",
        l1i_assoc=8,
        l1d_size="32KiB",
        l1d_assoc=8,
        l2_size="1MiB",
        l2_assoc=16,
        num_l2_banks=args.threads,
    ),
)
board.set_se_binary_workload(
    BinaryResource(args.binary),
    arguments=[args.threads, args.acquisitions, args.warm_up],
)

marks = []


def note(_name):
    """The host's clock at an m5_work_begin or m5_work_end; goes on."""
    while True:
        marks.append(time.perf_counter())
        yield False


simulator = Simulator(
    board=board,
    on_exit_event={
        ExitEvent.WORKBEGIN: note("begin"),
        ExitEvent.WORKEND: note("end"),
    },
)
simulator.run()
if len(marks) != 2:
    raise SystemExit(f"the program marked {len(marks)} instants, not 2: was it built with -DGEM5?")
seconds = marks[1] - marks[0]
done = args.threads * args.acquisitions
print(f"host seconds {seconds:.3f}, acquisitions {done}, acquisitions per host second {done / seconds:.1f}")
