// SPDX-License-Identifier: MIT OR Apache-2.0
//! From addresses and program counters to fields and program lines: a run's traffic by cause.

use cache_model::timing::{MessageKind, PairKey, Sharing as Kind, SiteKey, Waits as Counted};
use reports::attribution::{Access, Attribution, Link, Sharing, Site, Waits};
use reports::{Traffic, names};
use sim_core::isa::{ContextKind, Pc};
use sim_core::ports::Probe;
use sim_core::program::Program;
use sim_core::time::Cycle;

use crate::machine::Machine;

/// Names of the virtual networks, in their order.
const NETWORKS: [&str; 3] = ["request", "forward", "response"];

/// What a machine counted by cause until `end`; `None` if it was not asked to.
#[must_use]
pub fn attribution<P: Probe>(machine: &Machine<P>, end: Cycle) -> Option<Attribution> {
    let memory = machine.memory();
    let counted = memory.attribution()?;
    let program = machine.program();
    let traffic = |c: &cache_model::timing::Count| Traffic { messages: c.messages, bytes: c.bytes, hops: c.hops };
    let site = |(key, c): (&SiteKey, &cache_model::timing::SiteCounts)| Site {
        access: access(program, program.field_name(key.addr, key.bytes.into()), key.pc, key.context),
        misses: c.misses,
        invalidations: c.invalidations,
        downgrades: c.downgrades,
        recalls: c.recalls,
        transfers: c.transfers,
        by_class: MessageKind::ALL
            .iter()
            .zip(&c.by_class)
            .filter(|(_, c)| c.messages > 0)
            .map(|(k, c)| (k.name().to_owned(), traffic(c)))
            .collect(),
        elsewhere: traffic(&c.elsewhere),
    };
    let link = |l: cache_model::timing::LinkUse| Link {
        from: l.from,
        to: l.to,
        ticks: l.ticks,
        wires: l.wires,
        busy_ticks: l.busy_ticks,
        networks: NETWORKS.iter().zip(l.waits).map(|(n, w)| ((*n).to_owned(), waits(w))).collect(),
    };
    let mut all = Attribution {
        sites: counted.sites().map(site).collect(),
        sharing: counted.pairs().map(|(key, c)| sharing(program, key, c.invalidations, c.downgrades)).collect(),
        links: memory.link_use(end).into_iter().map(link).collect(),
        transfers: counted.transfers().collect(),
        networks: NETWORKS.iter().zip(memory.network_waits()).map(|(n, w)| ((*n).to_owned(), waits(w))).collect(),
    };
    all.normalize();
    Some(all)
}

fn waits(w: Counted) -> Waits {
    Waits { messages: w.messages, waited_cycles: w.waited_cycles, longest_cycles: w.longest_cycles }
}

fn sharing(program: &Program, key: &PairKey, invalidations: u64, downgrades: u64) -> Sharing {
    let taker = &key.taker;
    let kind = match key.sharing() {
        Kind::False => names::FALSE_SHARING,
        Kind::True => names::TRUE_SHARING,
        Kind::Unused => names::UNUSED_COPY,
    };
    let used = program.field_names(taker.addr, key.read | key.written);
    let victim =
        (key.sharing() != Kind::Unused).then(|| access(program, used.join(", "), key.victim_pc, key.victim_context));
    Sharing {
        kind: kind.to_owned(),
        taker: access(program, program.field_name(taker.addr, taker.bytes.into()), taker.pc, taker.context),
        victim,
        invalidations,
        downgrades,
    }
}

fn access(program: &Program, field: String, pc: Pc, context: u8) -> Access {
    let context = ContextKind::from_number(context.into()).map_or("?", ContextKind::name);
    let (file, line, text) = program.source_line(pc).expect("every micro-op has a line");
    Access { field, context: context.to_owned(), file: file.to_owned(), line, text: text.to_owned() }
}
