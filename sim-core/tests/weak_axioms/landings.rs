// SPDX-License-Identifier: MIT OR Apache-2.0
//! An interrupt that lands anywhere is a program with its handler there: the same outcomes, whatever is merged.

use sim_core::isa::ContextKind;
use sim_core::rng::Stream;
use sim_core::untimed::{Model, Source, System};

use crate::generate::{Step, body, objects, procedure, program};
use crate::{Outcomes, found, system};

/// Steps of a handler; more make too many states of the unmerged search.
const HANDLER_MAX: usize = 3;

/// What a handler's loads gave is in locations of its own.
fn reports(handler: &[Step]) -> Vec<String> {
    let loads = handler.iter().filter(|s| matches!(s, Step::Load { .. } | Step::Exchange { .. })).count();
    (0..loads).map(|i| format!("  store.u32 [told{i}.w[0]], hr{i}\n")).collect()
}

/// A random program of two threads, the handler, and which thread it interrupts.
fn draw(seed: u64) -> (Vec<Vec<Step>>, Vec<Step>, usize) {
    let mut stream = Stream::derive(seed, 0, "landings");
    let two = |s: u64| program(s).threads.into_iter().take(2).collect::<Vec<_>>();
    let threads = two(2 * seed);
    let mut handler = two(2 * seed + 1).swap_remove(0);
    handler.truncate(HANDLER_MAX);
    (threads, handler, stream.below(2) as usize)
}

fn compare(seed: u64, model: Model) -> usize {
    let (threads, handler, on) = draw(seed);
    let locations: String = (0..HANDLER_MAX).map(|i| format!("object told{i}: line\n")).collect();
    let bodies: Vec<Vec<String>> = threads.iter().map(|t| body(t, "")).collect();
    let inner: Vec<String> = body(&handler, "h").into_iter().chain(reports(&handler)).collect();
    let text = |bodies: &[Vec<String>]| {
        let procs = bodies.iter().enumerate().map(|(i, b)| procedure(&format!("p{i}"), b));
        std::iter::once(objects() + &locations).chain(procs).collect::<String>()
    };
    // Where none has landed, one still can: the end is behind it.
    let mut theirs = Outcomes::new();
    // The return is serialising on x86.
    let behind: &[String] = if model == Model::Tso { &["  fence.full\n".to_owned()] } else { &[] };
    // No load of a handler is before the interrupt. Others can tell by older loads only: what nobody can see may come later.
    let before: &[String] = if model == Model::Weak { &["  fence.r\n".to_owned()] } else { &[] };
    for at in 0..=bodies[on].len() {
        let mut with = bodies.clone();
        with[on].splice(at..at, before.iter().chain(&inner).chain(behind).cloned());
        theirs.extend(found(&system(text(&with), with.len(), model)));
    }
    let whole = text(&bodies) + &procedure("handler", &inner);
    let mut base = system(whole, bodies.len(), model);
    base.sources = vec![Vec::new(); bodies.len()];
    base.sources[on] =
        vec![Source { kind: ContextKind::Nmi, rank: u16::MAX, handler: bodies.len() as u16, number: None }];
    base.interrupts = 1;
    for (merge_local, private) in [(false, false), (true, false), (true, true)] {
        let ours = found(&System { merge_local, private, ..base.clone() });
        let differ = |a: &Outcomes, b: &Outcomes| a.difference(b).take(3).cloned().collect::<Vec<_>>();
        assert!(
            ours == theirs,
            "seed {seed}, core {on}, merged {merge_local}, private {private}: extra {:?}, missing {:?}\n{}",
            differ(&ours, &theirs),
            differ(&theirs, &ours),
            base.program.sources.first().map_or("", |s| s.text.as_str()),
        );
    }
    theirs.len()
}

fn programs() -> u64 {
    if std::env::var_os("RQSIM_LONG").is_some() { 8000 } else { 100 }
}

#[test]
fn an_interrupt_that_lands_anywhere_is_a_program_with_its_handler_there() {
    for model in [Model::Sc, Model::Tso, Model::Weak] {
        // Old values make many states.
        let programs = if model == Model::Weak { programs() / 4 } else { programs() };
        let many = (0..programs).filter(|seed| compare(*seed, model) > 2).count() as u64;
        assert!(many > programs / 2, "{many} programs with a choice");
    }
}
