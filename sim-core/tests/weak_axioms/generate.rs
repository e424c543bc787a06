// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random straight-line programs, as data and as text.

use sim_core::isa::{Fence, Order};
use sim_core::rng::Stream;

/// Locations, each on a line of its own.
pub(crate) const LOCATIONS: usize = 3;
/// Reads and writes of one program, so that all executions can be gone through.
const ACCESSES_MAX: u64 = 8;

/// One step of a thread. Dependencies name an earlier load of the thread by its number there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Load { place: usize, order: Order, addr: Option<usize> },
    Store { place: usize, value: u64, order: Order, addr: Option<usize>, data: Option<usize> },
    Exchange { place: usize, value: u64, order: Order },
    Fence(Fence),
    Branch { on: usize },
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) threads: Vec<Vec<Step>>,
}

fn pick<T: Copy>(s: &mut Stream, of: &[T]) -> T {
    of[s.below(of.len() as u64) as usize]
}

pub(crate) fn program(seed: u64) -> Program {
    let mut s = Stream::derive(seed, 0, "weak axioms");
    let n = 2 + s.below(2) as usize;
    let places = 2 + s.below(LOCATIONS as u64 - 1);
    // In a third of all programs the last location is the first thread's own.
    let own = seed % 3 == 1;
    let mut threads = vec![Vec::new(); n];
    let mut loads = vec![0; n];
    // Programs with few kinds of annotation say more about each.
    let rich = s.below(3);
    let mut value = 0;
    for _ in 0..3 + s.below(ACCESSES_MAX - 2) {
        let t = s.below(n as u64) as usize;
        let between = s.below(if rich == 0 { 12 } else { 4 });
        match between {
            0 => threads[t].push(Step::Fence(pick(
                &mut s,
                &[Fence::Full, Fence::Write, Fence::Read, Fence::Acquire, Fence::Release, Fence::Control],
            ))),
            1 if loads[t] > 0 => {
                let on = s.below(loads[t] as u64) as usize;
                threads[t].push(Step::Branch { on });
                if s.below(2) == 0 {
                    threads[t].push(Step::Fence(Fence::Control));
                }
            }
            _ => {}
        }
        let place = match (s.below(places) as usize, t) {
            (1, 0) if own && places == 2 => 2,
            (2, 1..) if own => 0,
            (place, _) => place,
        };
        // Sometimes a value that is there already.
        value = if value > 0 && s.below(6) == 0 { value } else { value + 1 };
        let from = |s: &mut Stream| (loads[t] > 0 && s.below(3) == 0).then(|| s.below(loads[t] as u64) as usize);
        let (addr, data) = (from(&mut s), from(&mut s));
        let ordered = rich > 0 && s.below(2) == 0;
        let step = match s.below(12) {
            0 => {
                let order = pick(&mut s, &[Order::Relaxed, Order::Acquire, Order::Release, Order::Full]);
                Step::Exchange { place, value, order }
            }
            1..=6 => {
                let order = if ordered { pick(&mut s, &[Order::Acquire, Order::AcquirePc]) } else { Order::Relaxed };
                Step::Load { place, order, addr }
            }
            _ => {
                let order = if ordered { Order::Release } else { Order::Relaxed };
                Step::Store { place, value, order, addr, data }
            }
        };
        loads[t] += usize::from(!matches!(step, Step::Store { .. }));
        threads[t].push(step);
    }
    Program { threads }
}

/// As program text; the `i`-th load of a thread is in `r` and its number.
pub(crate) fn text(p: &Program) -> String {
    let mut out = objects();
    for (t, steps) in p.threads.iter().enumerate() {
        out += &procedure(&format!("p{t}"), &body(steps, ""));
    }
    out
}

/// The locations.
pub(crate) fn objects() -> String {
    let objects = (0..LOCATIONS).map(|i| format!("object m{i}: line\n"));
    std::iter::once("struct line align 64 { w: [u32; 16] }\n".to_owned()).chain(objects).collect()
}

pub(crate) fn procedure(name: &str, body: &[String]) -> String {
    format!("proc {name}() {{\n{}  ret\n}}\n", body.concat())
}

/// `[step]`: its text; names of registers and labels begin with `prefix`.
pub(crate) fn body(steps: &[Step], prefix: &str) -> Vec<String> {
    let mut load = 0;
    let one = |(i, step): (usize, &Step)| {
        let mut out = String::new();
        let index = |out: &mut String, from: Option<usize>| match from {
            Some(r) => {
                *out += &format!("  {prefix}a{i} = {prefix}r{r} ^ {prefix}r{r}\n");
                format!("{prefix}a{i}")
            }
            None => "0".to_owned(),
        };
        match *step {
            Step::Load { place, order, addr } => {
                let at = index(&mut out, addr);
                out += &format!("  {prefix}r{load} = load.u32{} [m{place}.w[{at}]]\n", suffix(order));
                load += 1;
            }
            Step::Store { place, value, order, addr, data } => {
                let at = index(&mut out, addr);
                let mut shown = value.to_string();
                if let Some(r) = data {
                    shown = format!("{prefix}d{i}");
                    out += &format!("  {shown} = {prefix}r{r} ^ {prefix}r{r}\n  {shown} = {shown} + {value}\n");
                }
                out += &format!("  store.u32{} [m{place}.w[{at}]], {shown}\n", suffix(order));
            }
            Step::Exchange { place, value, order } => {
                let order = if order == Order::Relaxed { ".relaxed" } else { suffix(order) };
                out += &format!("  {prefix}r{load} = xchg.u32{order} [m{place}.w[0]], {value}\n");
                load += 1;
            }
            Step::Fence(f) => {
                let name = match f {
                    Fence::Full => "full",
                    Fence::Write => "w",
                    Fence::Read => "r",
                    Fence::Acquire => "acq",
                    Fence::Release => "rel",
                    Fence::Control => "ctrl",
                };
                out += &format!("  fence.{name}\n");
            }
            Step::Branch { on } => {
                out += &format!("  if {prefix}r{on} == 99 goto {prefix}l{i}\n{prefix}l{i}:\n");
            }
        }
        out
    };
    steps.iter().enumerate().map(one).collect()
}

fn suffix(order: Order) -> &'static str {
    match order {
        Order::Relaxed | Order::Full => "",
        Order::Acquire => ".acq",
        Order::AcquirePc => ".acqpc",
        Order::Release => ".rel",
    }
}
