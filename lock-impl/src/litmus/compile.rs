// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a test to a program of micro-ops, and from a final state to an outcome.

use std::fmt::Write;
use std::sync::Arc;

use sim_core::asm::{Diagnostics, Options, assemble};
use sim_core::isa::Width;
use sim_core::program::{Program, Source};

use super::{Condition, Line, Observable, Quantifier, Scalar, Test, Thread, Value};

/// Simulated nanoseconds for preparing the caches, per location and for all.
const PREPARE_NS: usize = 2000;

/// Read-modify-writes, as the threads' lines call them.
const RMW_WORDS: [&str; 7] = ["cas", "xchg", "fetch_add", "fetch_or", "fetch_and", "fetch_xor", "test_set_bit"];

/// Which program is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The test alone: for the untimed engine.
    Bare,
    /// With caches prepared at random, a common start with random skews, sometimes stores to a line of
    /// the thread's own in front, and random pauses between the accesses: for the timed machine. None
    /// of it can change what the memory model allows.
    Timed,
}

/// Where an observable is found when all threads have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A register of a thread's context.
    Register {
        /// Thread.
        thread: usize,
        /// Index in the context's registers.
        index: usize,
        /// How its bits are read; `None`: as a 32-bit number if they fit.
        scalar: Option<Scalar>,
    },
    /// Memory.
    Memory {
        /// Address.
        addr: u64,
        /// How its bits are read.
        scalar: Scalar,
    },
}

/// A test as a program.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The program.
    pub program: Arc<Program>,
    /// `[thread]`: its procedure.
    pub procs: Vec<u16>,
    /// Initial memory: address, width, value.
    pub memory: Vec<(u64, Width, u64)>,
    /// `[observable]`: where it is.
    pub slots: Vec<Slot>,
    /// `[location]`: address.
    addresses: Vec<u64>,
}

/// The program text of a test.
#[must_use]
pub fn uop_text(test: &Test, variant: Variant) -> String {
    let title: String = test.name.chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
    let mut out = format!("# Made from a litmus test.\nprogram litmus \"{title}\"\n");
    // Writing to a string cannot fail.
    let _ = writeln!(out, "struct cell align 64 {{ u64: u64 @0, u32: u32 @0, u16: u16 @0, u8: u8 @0 }}");
    for l in &test.locations {
        let _ = writeln!(out, "object m_{}: cell", l.name);
    }
    if variant == Variant::Timed {
        // Pauses of all sizes from nothing to some misses, each size as likely as any other.
        out += "dist way = uniform(0cy, 3cy)\ndist scale = uniform(0cy, 11cy)\ndist wide = uniform(0cy, 2047cy)\n";
        out += "struct own align 64 { near: u64 @0, far: u64 @64 }\n";
        (0..test.threads.len()).for_each(|i| out += &format!("object own_{i}: own\n"));
        let late = test.threads.iter().enumerate().filter(|(_, t)| !stores_behind(t).is_empty());
        late.for_each(|(i, _)| out += &format!("object late_{i}: cell\n"));
    }
    for (i, t) in test.threads.iter().enumerate() {
        let _ = writeln!(out, "\nproc p{i}() {{");
        for r in &t.registers {
            let _ = match r.init {
                Value::Int(n) => writeln!(out, "  {} = {:#x}", r.uop, n as u64),
                Value::Address(l) => writeln!(out, "  {} = lea [m_{}.u64]", r.uop, test.locations[l].name),
            };
        }
        if variant == Variant::Timed {
            prepare(&mut out, test, i);
        }
        let mut pauses = 0;
        let behind = stores_behind(t);
        for (at, line) in t.lines.iter().enumerate() {
            match line {
                Line::Label(name) => {
                    let _ = writeln!(out, "{name}:");
                }
                Line::Local(text) => {
                    let _ = writeln!(out, "  {text}");
                }
                Line::Access(text) | Line::StandIn(text) => {
                    if variant == Variant::Timed {
                        pauses += 1;
                        if behind.contains(&at) {
                            keep_busy(&mut out, i, at);
                        }
                        pause(&mut out);
                    }
                    let _ = writeln!(out, "  {text}");
                }
            }
        }
        debug_assert!(variant == Variant::Timed || pauses == 0);
        out += "  ret\n}\n";
    }
    out
}

/// Lines of a thread with the first store behind a read-modify-write, which leaves the store buffer empty.
fn stores_behind(thread: &Thread) -> Vec<usize> {
    let mut emptied = false;
    let mut out = Vec::new();
    for (at, line) in thread.lines.iter().enumerate() {
        let (Line::Access(text) | Line::StandIn(text)) = line else { continue };
        if text.starts_with("store.") {
            if emptied {
                out.push(at);
            }
            emptied = false;
        } else {
            emptied |= RMW_WORDS.iter().any(|w| text.split([' ', '.']).any(|part| part == *w));
        }
    }
    out
}

/// A store to a line of the thread's own, now and then, so that the next one finds the buffer busy again: alone
/// it would ask for its line at once, and no other thread could do a store, a fence and a load meanwhile.
fn keep_busy(out: &mut String, thread: usize, at: usize) {
    let _ = write!(
        out,
        "  own_stores = draw way\n  if own_stores > 1 goto emptied_{at}\n  store.u64 [late_{thread}.u64], 1\nemptied_{at}:\n"
    );
}

/// A pause of random size.
fn pause(out: &mut String) {
    out.push_str("  pause_cy = draw wide\n  pause_cy = pause_cy >> pause_scale\n  work pause_cy\n");
}

/// Each location is at random loaded, asked for in a writable state, or left alone; then all
/// threads wait for the same moment, and a random skew more. Stores to lines that nobody else
/// touches keep a store buffer busy now and then, as whatever ran before would.
fn prepare(out: &mut String, test: &Test, thread: usize) {
    for (i, l) in test.locations.iter().enumerate() {
        let name = &l.name;
        let _ = write!(
            out,
            "  way_{i} = draw way\n  if way_{i} > 1 goto warm_{i}\n  if way_{i} == 0 goto read_{i}\n  \
             prefetchw [m_{name}.u64]\n  goto warm_{i}\nread_{i}:\n  way_{i} = load.u64 [m_{name}.u64]\nwarm_{i}:\n"
        );
    }
    let _ = writeln!(out, "  delay_until {}", PREPARE_NS * (test.locations.len() + 1));
    out.push_str("  pause_scale = draw scale\n");
    pause(out);
    let _ = write!(
        out,
        "  own_stores = draw way\n  if own_stores > 1 goto begin\n  store.u64 [own_{thread}.near], 1\n  \
         if own_stores == 0 goto begin\n  store.u64 [own_{thread}.far], 1\nbegin:\n"
    );
    out.push_str("  pause_scale = draw scale\n");
}

/// Makes the program of a test.
///
/// # Errors
/// What the assembler says: more registers than a procedure can have, for instance.
pub fn compile(test: &Test, variant: Variant) -> Result<Compiled, Diagnostics> {
    let source = Source { name: format!("{}.uop", test.name), text: uop_text(test, variant) };
    let program = assemble(&[source], &Options::default())?;
    let addresses: Vec<u64> =
        test.locations.iter().map(|l| program.object(&format!("m_{}", l.name)).map_or(0, |o| o.addr)).collect();
    let bits = |v: Value| match v {
        Value::Int(n) => n as u64,
        Value::Address(l) => addresses[l],
    };
    let memory = test.locations.iter().zip(&addresses).map(|(l, a)| {
        let scalar = l.scalar.unwrap_or(Scalar::INT);
        (*a, width(scalar.bytes), bits(l.init) & width(scalar.bytes).mask())
    });
    let memory = memory.filter(|m| m.2 != 0).collect();
    let procs = (0..test.threads.len()).map(|i| {
        let name = format!("p{i}");
        program.procs.iter().position(|p| p.name == name).unwrap_or_default() as u16
    });
    let procs: Vec<u16> = procs.collect();
    let slots = test.observed.iter().map(|o| slot(test, &program, &procs, &addresses, o)).collect();
    Ok(Compiled { program: Arc::new(program), procs, memory, slots, addresses })
}

fn width(bytes: u64) -> Width {
    match bytes {
        1 => Width::U8,
        2 => Width::U16,
        4 => Width::U32,
        _ => Width::U64,
    }
}

fn slot(test: &Test, program: &Program, procs: &[u16], addresses: &[u64], o: &Observable) -> Slot {
    match o {
        Observable::Location { name } => {
            let i = test.locations.iter().position(|l| l.name == *name).unwrap_or_default();
            Slot::Memory { addr: addresses[i], scalar: test.locations[i].scalar.unwrap_or(Scalar::INT) }
        }
        Observable::Register { thread, name } => {
            let register = test.threads[*thread].registers.iter().find(|r| r.name == *name);
            let regs = &program.procs[procs[*thread] as usize].regs;
            let index = register.and_then(|r| regs.iter().position(|n| *n == r.uop)).unwrap_or_default();
            Slot::Register { thread: *thread, index, scalar: register.and_then(|r| r.scalar) }
        }
    }
}

impl Slot {
    /// The number that the bits found stand for.
    #[must_use]
    pub fn number(&self, bits: u64) -> i64 {
        match self {
            Slot::Memory { scalar, .. } | Slot::Register { scalar: Some(scalar), .. } => scalar.number(bits),
            Slot::Register { scalar: None, .. } => match u32::try_from(bits) {
                Ok(low) => i64::from(low as i32),
                Err(_) => bits as i64,
            },
        }
    }

    /// Width of a place in memory.
    #[must_use]
    pub fn memory(&self) -> Option<(u64, Width)> {
        match self {
            Slot::Memory { addr, scalar } => Some((*addr, width(scalar.bytes))),
            Slot::Register { .. } => None,
        }
    }
}

impl Compiled {
    /// An outcome, read from registers of contexts and from memory.
    pub fn outcome(&self, register: impl Fn(usize, usize) -> u64, memory: impl Fn(u64, Width) -> u64) -> Vec<i64> {
        let read = |s: &Slot| match s {
            Slot::Register { thread, index, .. } => s.number(register(*thread, *index)),
            Slot::Memory { addr, scalar } => s.number(memory(*addr, width(scalar.bytes))),
        };
        self.slots.iter().map(read).collect()
    }

    /// Whether an outcome meets a condition.
    #[must_use]
    pub fn holds(&self, condition: &Condition, outcome: &[i64]) -> bool {
        condition.holds(&|i, v| {
            let bits = match v {
                Value::Int(n) => n as u64,
                Value::Address(l) => self.addresses[l],
            };
            outcome[i] == self.slots[i].number(bits)
        })
    }

    /// Whether an outcome counts.
    #[must_use]
    pub fn counts(&self, test: &Test, outcome: &[i64]) -> bool {
        test.filter.as_ref().is_none_or(|f| self.holds(f, outcome))
    }

    /// An outcome as the tools of the family write it: `0:EAX=1; x=2;`.
    #[must_use]
    pub fn show(&self, test: &Test, outcome: &[i64]) -> String {
        let shown = |v: i64| {
            let named = self.addresses.iter().position(|a| test.has_pointers && *a == v as u64);
            named.map_or_else(|| v.to_string(), |i| test.locations[i].name.clone())
        };
        let one = |(o, v): (&Observable, &i64)| format!("{o}={};", shown(*v));
        test.observed.iter().zip(outcome).map(one).collect::<Vec<_>>().join(" ")
    }
}

impl Quantifier {
    /// The word in the first line of a result.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Quantifier::Exists => "Allowed",
            Quantifier::NotExists => "Forbidden",
            Quantifier::Forall => "Required",
        }
    }
}
