// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel would print about long interrupts, by the kernel's own rules, and the stress test's counts.
//!
//! A handler *ran* from its first micro-op to its return: the kernel's clock reads are inside it too. Costs of entry
//! and exit are not part of it; what interrupted it is.
//!
//! * **NMI handlers**: a run of at least 1 ms and at least as long as the longest one so far of the handler with this name, on
//!   any CPU, is printed and becomes the longest. The name is the interrupt's in the experiment.
//! * **Sampling**: an NMI whose source is a counter (`Overflow`, `Frequency`) is a sample; its handler's run enters its
//!   CPU's mean. See [`Samples`].
//! * **Timer**: a kernel's handler that finds, when it wants to set the timer, that the next event is due already serves it and
//!   tries again; when that happened three times it gives up and says so, once per boot. Here every due event is an interrupt of
//!   its own. A timer handler that ended with the next timer interrupt of its CPU pending is such a retry: with the
//!   third in a row the line is printed, with the time from the first handler's begin to the third's end.
//!
//! Left out: that the kernel prints at most some lines in five seconds; effects of the lines, such as the lowered rate.

use configs::{Experiment, Source, Vector};
use reports::klog::{BOUNDS_MS, CpuAttempts, KernelLine, KernelLog, Message, bucket_of};
use sim_core::isa::ContextKind;
use sim_core::ports::Taken;
use sim_core::recur::{Recur, Walk};
use sim_core::time::{Clock, Cycle};

/// What the kernel calls the one NMI handler of all counters on x86: they share its longest run.
const COUNTERS: &str = "perf_event_nmi_handler";

/// Ticks per second of a kernel whose experiment has no `tick`.
const HZ: u64 = 1000;
/// A shorter NMI handler is not worth a line, ns.
const LONG_NMI_NS: u64 = 1_000_000;
/// Retries after which a timer interrupt gives up.
const RETRIES: u32 = 3;

/// What the log has to know of the experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelView {
    /// Ticks per second.
    pub hz: u64,
    /// `[number of the interrupt]`.
    pub interrupts: Vec<Interrupt>,
}

/// An interrupt of the experiment as a kernel would see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interrupt {
    /// Name.
    pub name: String,
    /// Its arrivals are overflows of a counter, and NMIs.
    pub samples: bool,
    /// It is the timer's.
    pub timer: bool,
}

impl Default for KernelView {
    fn default() -> Self {
        KernelView { hz: HZ, interrupts: Vec::new() }
    }
}

impl KernelView {
    /// The view of an experiment. A `tick`'s interrupt comes behind the others, and its rate is HZ.
    #[must_use]
    pub fn of(e: &Experiment) -> KernelView {
        let mut interrupts: Vec<Interrupt> = e
            .interrupts
            .iter()
            .map(|i| {
                let counter = matches!(i.source, Source::Overflow { .. } | Source::Frequency { .. });
                let samples = i.vector == Vector::Nmi && counter;
                let name = if samples { COUNTERS.to_owned() } else { i.name.clone() };
                Interrupt { name, samples, timer: i.vector == Vector::Timer }
            })
            .collect();
        let mut hz = HZ;
        if let Some(tick) = &e.tick {
            let khz = e.machine.clock.khz();
            hz = (khz * 1000 / tick.rate.period_cycles(khz).max(1)).max(1);
            interrupts.push(Interrupt { name: "tick".into(), samples: false, timer: true });
        }
        KernelView { hz, interrupts }
    }
}

/// Running means of the time that samples take, one per CPU over 128 samples, and what is allowed, for all CPUs.
///
/// All integer divisions, as in the kernel: `len = len - len / 128 + sample`, the mean is `len / 128`, from 0. If it
/// exceeds what is allowed (2500 ns at first), then `mean + mean / 4` is allowed from now on, and the ceiling of the sampling rate
/// is `max(1, tick_ns / 100 * 25 / mean) * HZ`.
#[derive(Clone, Debug)]
struct Samples {
    hz: u64,
    /// `[cpu]`
    len: Vec<u64>,
    allowed_ns: u64,
}

impl Samples {
    const NUMBER: u64 = 128;
    const ALLOWED_NS: u64 = 2500;
    /// Per cent of a tick that samples may take.
    const SHARE: u64 = 25;

    fn new(cpus: usize, hz: u64) -> Samples {
        Samples { hz, len: vec![0; cpus], allowed_ns: Samples::ALLOWED_NS }
    }

    fn add(&mut self, cpu: usize, sample_ns: u64) -> Option<Message> {
        let len = &mut self.len[cpu];
        *len = *len - *len / Self::NUMBER + sample_ns;
        let mean_ns = *len / Self::NUMBER;
        let allowed_ns = self.allowed_ns;
        if mean_ns <= allowed_ns {
            return None;
        }
        self.allowed_ns = mean_ns + mean_ns / 4;
        let tick_ns = 1_000_000_000 / self.hz;
        let rate_hz = (tick_ns / 100 * Self::SHARE / mean_ns).max(1) * self.hz;
        Some(Message::SampleTime { mean_ns, allowed_ns, rate_hz })
    }
}

/// Timer handlers of one CPU: the chain of retries under way.
#[derive(Clone, Copy, Debug, Default)]
struct Timer {
    began: Cycle,
    ended: Option<Cycle>,
    retries: u32,
}

/// Attempts of one CPU and context.
#[derive(Clone, Copy, Debug, Default)]
struct Durations {
    successes: u64,
    failures: u64,
    buckets: [u64; BOUNDS_MS.len() + 1],
}

/// Follows a run and keeps the log.
#[derive(Clone, Debug)]
pub struct KernelWatch {
    clock: Clock,
    view: KernelView,
    /// `[number of the interrupt]`: the first interrupt with the same name.
    same_name: Vec<usize>,
    /// `[number of the interrupt]`: longest run, ns; only those of first ones of a name are used.
    longest_ns: Vec<u64>,
    samples: Samples,
    /// `[cpu]`: handlers running, outermost first: number and first micro-op.
    running: Vec<Vec<(u64, Cycle)>>,
    /// `[cpu]`
    timers: Vec<Timer>,
    timer_hung: bool,
    /// With the cycle, to be put in order at the end.
    lines: Vec<(Cycle, u32, Message)>,
    /// `[cpu][context kind]`
    attempts: Vec<[Durations; 4]>,
}

impl KernelWatch {
    /// A kernel that has just booted.
    #[must_use]
    pub fn new(cpus: usize, clock: Clock, view: KernelView) -> KernelWatch {
        let names = &view.interrupts;
        let first = |name: &str| names.iter().position(|i| i.name == name).unwrap_or_default();
        KernelWatch {
            clock,
            same_name: names.iter().map(|i| first(&i.name)).collect(),
            longest_ns: vec![0; names.len()],
            samples: Samples::new(cpus, view.hz),
            running: vec![Vec::new(); cpus],
            timers: vec![Timer::default(); cpus],
            timer_hung: false,
            lines: Vec::new(),
            attempts: vec![Default::default(); cpus],
            view,
        }
    }

    /// An interrupt was taken.
    pub fn taken(&mut self, at: Cycle, cpu: usize, taken: &Taken) {
        let began = at.after(taken.entry_cycles);
        self.running[cpu].push((taken.number, began));
        if !self.view.interrupts.get(taken.number as usize).is_some_and(|i| i.timer) {
            return;
        }
        let timer = &mut self.timers[cpu];
        let Some(ended) = timer.ended.filter(|ended| taken.pending_since <= *ended) else {
            *timer = Timer { began, ended: None, retries: 0 };
            return;
        };
        timer.retries += 1;
        if timer.retries < RETRIES {
            return;
        }
        let took_ns = self.clock.nanos(Cycle(ended.since(timer.began)));
        // It has given up: what comes is another timer interrupt.
        *timer = Timer { began, ended: None, retries: 0 };
        if !std::mem::replace(&mut self.timer_hung, true) {
            self.lines.push((ended, cpu as u32, Message::TimerHang { took_ns }));
        }
    }

    /// The topmost handler returned.
    pub fn leave(&mut self, at: Cycle, cpu: usize, kind: ContextKind) {
        let Some((number, began)) = self.running[cpu].pop() else { return };
        let number = number as usize;
        let Some(interrupt) = self.view.interrupts.get(number) else { return };
        if interrupt.timer {
            self.timers[cpu].ended = Some(at);
        }
        if kind != ContextKind::Nmi {
            return;
        }
        let ran_ns = self.clock.nanos(Cycle(at.since(began)));
        let longest = &mut self.longest_ns[self.same_name[number]];
        if ran_ns >= LONG_NMI_NS && ran_ns >= *longest {
            *longest = ran_ns;
            let name = interrupt.name.clone();
            self.lines.push((at, cpu as u32, Message::NmiHandler { name, ran_ns }));
        }
        if interrupt.samples
            && let Some(message) = self.samples.add(cpu, ran_ns)
        {
            self.lines.push((at, cpu as u32, message));
        }
    }

    /// An attempt returned after this time.
    pub fn attempt(&mut self, cpu: usize, kind: ContextKind, lasted_ns: u64, success: bool) {
        let d = &mut self.attempts[cpu][kind as usize];
        d.successes += u64::from(success);
        d.failures += u64::from(!success);
        d.buckets[bucket_of(lasted_ns)] += 1;
    }

    /// The record's form.
    #[must_use]
    pub fn log(&self) -> KernelLog {
        let mut lines = self.lines.clone();
        lines.sort_by_key(|(at, ..)| *at);
        let line = |(at, cpu, what)| KernelLine { at_ns: self.clock.nanos(at), cpu, what };
        let mut attempts = Vec::new();
        for (cpu, kinds) in self.attempts.iter().enumerate() {
            for (kind, d) in ContextKind::ALL.iter().zip(kinds).filter(|(_, d)| d.successes + d.failures > 0) {
                attempts.push(CpuAttempts {
                    cpu: cpu as u32,
                    context: kind.name().to_owned(),
                    successes: d.successes,
                    failures: d.failures,
                    buckets: BOUNDS_MS.into_iter().zip(d.buckets).filter(|(_, n)| *n > 0).collect(),
                    longer: d.buckets[BOUNDS_MS.len()],
                });
            }
        }
        KernelLog { hz: self.view.hz, lines: lines.into_iter().map(line).collect(), attempts }
    }
}

/// What interrupts have left does not move: none is taken in a period that comes again, unless it leaves nothing new.
impl Recur for KernelWatch {
    fn walk(&mut self, w: &mut Walk) {
        let KernelWatch {
            clock: _,
            view: _,
            same_name: _,
            longest_ns,
            samples,
            running,
            timers,
            timer_hung,
            lines,
            attempts,
        } = self;
        w.each(longest_ns, |ns, w| w.word(*ns));
        let Samples { hz: _, len, allowed_ns } = samples;
        w.each(len, |len, w| w.word(*len));
        w.word(*allowed_ns);
        for stack in running {
            w.each(stack, |(number, began), w| {
                w.word(*number);
                w.moment(began);
            });
        }
        w.each(timers, |Timer { began, ended, retries }, w| {
            w.word(began.0);
            w.maybe(ended.map(|at| at.0));
            w.word(u64::from(*retries));
        });
        w.flag(*timer_hung);
        w.word(lines.len() as u64);
        for Durations { successes, failures, buckets } in attempts.iter_mut().flatten() {
            w.count(successes);
            w.count(failures);
            buckets.iter_mut().for_each(|n| w.count(n));
        }
    }
}

#[cfg(test)]
mod tests;
