// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine to put programs on.

use std::sync::Arc;

use cache_model::timing::{Coherence, MemoryParams, Numa};
use sim_core::asm::{Options, assemble};
use sim_core::isa::{MarkKind, Pc, Width};
use sim_core::ports::Probe;
use sim_core::program::{GLOBAL_BASE, LINE_BYTES, Program, Source};
use sim_core::time::Cycle;

use crate::machine::{Machine, MachineSpec, Outcome};
use crate::plan::InputError;

/// No calibration program runs longer: about a second on the machine's clock.
const CYCLES_MAX: u64 = 4_000_000_000;

/// A program text of this folder.
macro_rules! text {
    ($name:literal) => {
        (concat!($name, ".uop"), include_str!(concat!("../../programs/calibrate/", $name, ".uop")))
    };
}
pub(super) const CHASE: (&str, &str) = text!("chase");
pub(super) const OWNED: (&str, &str) = text!("owned");
pub(super) const PING_PONG: (&str, &str) = text!("ping_pong");
pub(super) const ATOMICS: (&str, &str) = text!("atomics");
pub(super) const STORES: (&str, &str) = text!("stores");
pub(super) const COSTS: (&str, &str) = text!("costs");

/// A machine without a program, from which runs are made.
#[derive(Clone, Debug)]
pub struct Bench {
    machine: configs::Machine,
    spec: MachineSpec,
    /// `[memory node]`: its cores.
    nodes: Vec<std::ops::Range<usize>>,
}

/// One run of a program: which, with what, where.
pub(super) struct Job<'a> {
    /// Name and text.
    pub(super) text: (&'static str, &'static str),
    /// Lines of memory it uses, from [`line`] 0 on.
    pub(super) lines: u64,
    /// Parameters.
    pub(super) params: &'a [(&'static str, u64)],
    /// Core and the procedure it executes.
    pub(super) tasks: &'a [(usize, &'static str)],
    /// The memory node of those lines.
    pub(super) node: usize,
    /// 8-byte words put into memory before the run.
    pub(super) initial: &'a [(u64, u64)],
}

/// Notes in order: core, first argument, cycle.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(pub(super) Vec<(usize, u64, u64)>);

impl Probe for Notes {
    fn mark(&mut self, at: Cycle, core: usize, kind: MarkKind, args: [u64; 3], _: Pc) {
        if kind == MarkKind::Note {
            self.0.push((core, args[0], at.0));
        }
    }
}

impl Notes {
    /// Cycle of a core's first note of this number.
    pub(super) fn at(&self, core: usize, number: u64) -> Result<u64, String> {
        let found = self.0.iter().find(|n| n.0 == core && n.1 == number);
        found.map(|n| n.2).ok_or_else(|| format!("core {core} never came to its note {number}"))
    }

    /// From note 0 to note 1, less from note 1 to note 2: the loop's own cost.
    pub(super) fn span(&self, core: usize) -> Result<f64, String> {
        let [a, b, c] = [self.at(core, 0)?, self.at(core, 1)?, self.at(core, 2)?];
        Ok((b - a) as f64 - (c - b) as f64)
    }
}

/// Address of a line.
pub(super) const fn line(i: u64) -> u64 {
    GLOBAL_BASE + i * LINE_BYTES
}

impl Bench {
    /// A bench for a machine that `configs` has checked.
    ///
    /// # Errors
    /// What can be known of its network only when its routes are.
    pub fn new(m: &configs::Machine) -> Result<Bench, InputError> {
        let spec = MachineSpec::bare(m, Program::default())?;
        let nodes = m.interconnect.nodes(m.cores);
        let nodes = nodes.iter().map(|n| n.0 as usize..(n.0 + n.1) as usize).collect();
        Ok(Bench { machine: m.clone(), spec, nodes })
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &configs::Machine {
        &self.machine
    }

    /// Its cores.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.spec.memory.cores
    }

    /// `[memory node]`: its cores.
    #[must_use]
    pub fn nodes(&self) -> &[std::ops::Range<usize>] {
        &self.nodes
    }

    /// The memory node of a core.
    pub(super) fn node_of(&self, core: usize) -> usize {
        self.nodes.iter().position(|n| n.contains(&core)).unwrap_or(0)
    }

    /// Home slice of a line whose memory is a node's.
    pub(super) fn home(&self, node: usize, i: u64) -> usize {
        self.spec.topology.home_slice_in(node, line(i) / LINE_BYTES)
    }

    /// The slices of a node.
    pub(super) fn slices_of(&self, node: usize) -> Vec<usize> {
        self.spec.topology.slices_of_node(node).iter().map(|&s| usize::from(s)).collect()
    }

    /// Sizes and latencies.
    pub(super) fn params(&self) -> &MemoryParams {
        &self.spec.memory
    }

    /// Sets and ways of a slice's directory, if it is apart from the data.
    pub(super) fn directory(&self) -> Option<(u64, usize)> {
        self.spec.coherence.directory
    }

    /// All slices.
    pub(super) fn slices(&self) -> usize {
        self.spec.topology.slices()
    }

    fn program(job: &Job<'_>) -> Result<Program, String> {
        let words = job.lines * LINE_BYTES / 8;
        let area = format!("struct area_words align 4096 {{ w: [u64; {words}] }}\nobject area: area_words\n");
        let sources =
            [Source { name: "(area)".into(), text: area }, Source { name: job.text.0.into(), text: job.text.1.into() }];
        let params = job.params.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
        assemble(&sources, &Options { enabled: Vec::new(), params }).map_err(|e| e.render(&sources, false))
    }

    /// Runs a program to its end.
    pub(super) fn run(&self, job: &Job<'_>) -> Result<Notes, String> {
        let program = Self::program(job)?;
        let mut spec = MachineSpec {
            coherence: Coherence { numa: Numa::Node(job.node as u32), ..self.spec.coherence },
            ..self.spec.clone()
        };
        for (core, name) in job.tasks {
            let found = program.procs.iter().position(|p| p.name == *name);
            spec.tasks[*core] = Some(found.ok_or_else(|| format!("{} has no procedure {name}", job.text.0))? as u16);
        }
        spec.program = Arc::new(program);
        let mut machine = Machine::new(&spec, Notes::default());
        for &(addr, value) in job.initial {
            machine.set_initial(addr, Width::U64, value);
        }
        match machine.run_until(Cycle(CYCLES_MAX)) {
            Outcome::Idle if machine.is_quiescent() => Ok(machine.probe),
            Outcome::Idle => Err(format!("{}: stuck, nothing is left that could happen", job.text.0)),
            Outcome::Limit => Err(format!("{}: not at its end after {CYCLES_MAX} cycles", job.text.0)),
            Outcome::Fault(f) => Err(format!("{}: {f}", job.text.0)),
        }
    }
}
