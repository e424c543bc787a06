// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traffic by cause as text and CSV, from records alone.

use std::collections::BTreeMap;

use super::{attribution_csv, attribution_text, links_csv, sharing_csv};
use crate::attribution::{Access, Attribution, Link, Sharing, Site, Waits};
use crate::names;
use crate::record::{Record, Traffic};
use crate::sample::sample_records;
use crate::stage::StageSummary;

fn access(field: &str, line: u32) -> Access {
    Access {
        field: field.into(),
        context: names::TASK.into(),
        file: "two.uop".into(),
        line,
        text: format!("store.u32 [{field}], 1"),
    }
}

fn site(field: &str, line: u32, messages: u64) -> Site {
    let t = Traffic { messages, bytes: 8 * messages, hops: messages };
    Site { access: access(field, line), misses: 3, by_class: [("GetM".into(), t)].into(), ..Site::default() }
}

fn sharing(taker: &str, victim: &str, kind: &str) -> Sharing {
    let victim = (!victim.is_empty()).then(|| access(victim, 7));
    Sharing { kind: kind.into(), taker: access(taker, 4), victim, invalidations: 5, downgrades: 1 }
}

/// A record of one site more than fit into the table, two pairs and a link.
fn record() -> Record {
    let waits = Waits { messages: 4, waited_cycles: 6, longest_cycles: 5 };
    let networks: BTreeMap<String, Waits> = [("request".to_owned(), waits)].into();
    let link = Link {
        from: "stop 0".into(),
        to: "stop 1".into(),
        ticks: 100,
        wires: 3,
        busy_ticks: 30,
        networks: networks.clone(),
    };
    let mut a = Attribution {
        sites: (1..=17).map(|i| site(&format!("c.f{i}"), i, u64::from(i))).collect(),
        sharing: vec![
            sharing("c.mine", "c.yours", names::FALSE_SHARING),
            sharing("c.yours", "c.mine", names::FALSE_SHARING),
            sharing("c.mine", "c.mine", names::TRUE_SHARING),
            sharing("c.mine", "", names::UNUSED_COPY),
        ],
        links: vec![link],
        transfers: Vec::new(),
        networks,
    };
    a.normalize();
    let mut record = sample_records().remove(0);
    record.traffic.by_class = a.by_class();
    record.attribution = Some(a);
    record
}

#[test]
fn sums_that_do_not_add_up_are_a_contradiction() {
    let mut r = record();
    assert_eq!(r.check(), Ok(()));
    let line = r.to_json_line().unwrap();
    assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), r);
    r.traffic.by_class.get_mut("GetM").unwrap().hops += 1;
    assert!(r.check().unwrap_err().contains("does not add up"));
    let mut r = record();
    r.attribution.as_mut().unwrap().transfers = vec![(0, 1, 1_000_000)];
    assert!(r.check().unwrap_err().contains("transfers between cores"));
}

#[test]
fn a_record_without_it_says_nothing_of_it() {
    let r = sample_records().remove(0);
    assert!(!r.to_json_line().unwrap().contains("attribution"));
    let stages = StageSummary::from_records(&[r]);
    assert_eq!(attribution_text(&stages, 160, false, false), "");
    assert_eq!(sharing_csv(&stages).lines().count(), 1);
}

#[test]
fn text_shows_the_most_expensive_sites_both_ways_of_a_pair_and_the_links() {
    let text = attribution_text(&StageSummary::from_records(&[record()]), 160, false, true);
    let row = |start: &str| {
        let found: Vec<&str> = text.lines().filter(|l| l.starts_with(start)).collect();
        assert_eq!(found.len(), 1, "{start}: {text}");
        found[0].split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(row("c.f17 ").starts_with("c.f17 two.uop:17 task store.u32 [c.f17], 1 3 0 0 17 136 11.1 %"), "{text}");
    assert!(row("1 more ").starts_with("1 more 3 0 0 1 8 0.654 %"), "{text}");
    assert!(row("all ").starts_with("all 51 0 0 153 1 224 100 %"), "{text}");
    assert_eq!(row("c.mine "), "c.mine c.yours 10 2 two.uop:4 in task two.uop:7 in task");
    assert_eq!(
        row("True sharing").split(':').nth(1),
        Some(" 6 times a line was taken for bytes in use; copies taken that were not in use")
    );
    assert_eq!(row("stop 0 "), "stop 0 stop 1 10.0 % 4 1.50 5");
    assert_eq!(row("request network"), "request network: 4 messages, wait mean 1.50 c, max 5 c");
    assert!(text.is_ascii());
    // Less room: first the program's text goes, then numbers go below.
    let narrow = attribution_text(&StageSummary::from_records(&[record()]), 100, false, true);
    assert!(!narrow.contains("store.u32") && narrow.matches("c.f17 ").count() == 1, "{narrow}");
    let narrower = attribution_text(&StageSummary::from_records(&[record()]), 60, false, true);
    assert_eq!(narrower.matches("c.f17 ").count(), 2, "{narrower}");
    assert!(narrower.lines().all(|l| l.chars().count() <= 60), "{narrower}");
}

#[test]
fn runs_of_a_stage_add_up() {
    let second = Record { seed: 99, ..record() };
    let stages = StageSummary::from_records(&[record(), second]);
    let sum = stages[0].attribution.as_ref().unwrap();
    assert_eq!(sum.by_class()["GetM"], Traffic { messages: 306, bytes: 2448, hops: 306 });
    assert_eq!((sum.sites.len(), sum.sharing.len(), sum.links[0].busy_ticks), (17, 4, 60));
    assert_eq!(sum.networks["request"], Waits { messages: 8, waited_cycles: 12, longest_cycles: 5 });
    let csv = attribution_csv(&stages);
    assert_eq!(csv.lines().count(), 18);
    assert!(csv.lines().next().unwrap().ends_with("hops_elsewhere,messages_GetM,bytes_GetM,hops_GetM"));
    assert!(
        csv.contains(",c.f17,task,two.uop,17,\"store.u32 [c.f17], 1\",6,0,0,0,0,34,272,34,0,0,0,34,272,34\n"),
        "{csv}"
    );
    assert!(sharing_csv(&stages).contains(",unused,10,2,c.mine,task,two.uop,4,\"store.u32 [c.mine], 1\",,,,,\n"));
    assert!(links_csv(&stages).contains(",stop 0,stop 1,all,200,3,60,8,12,5\n"));
}
