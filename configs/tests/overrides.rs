// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overriding fields by path, and texts that are broken anywhere.

use configs::{expanded, load, override_field, parse};

/// An experiment that uses every kind of statement once.
const SMALL: &str = include_str!("small.ron");

const RON: &str = "(a: 1, /* b: 2, */ b: (c: \"5ms\", // five\n d: [1, [2, 3]], e: Pick(f: ')', g: Inner([7, 8])), h: Two(1, (x: 2)), i: ()), m: {\"p\": r#\"q\"#}, n: Unit)";

#[track_caller]
fn set(path: &str, value: &str, from: &str, to: &str) {
    assert_eq!(RON.matches(from).count(), 1, "{from} must be there once");
    match override_field(RON, path, value) {
        Ok(text) => assert_eq!(text, RON.replace(from, to)),
        Err(e) => panic!("{}", e.render(false)),
    }
}

#[test]
fn a_value_is_replaced_where_it_stands_and_comments_stay() {
    set("a", "2", "a: 1", "a: 2");
    set("b.c", "\"6ms\"", "\"5ms\"", "\"6ms\"");
    set("b.d[0]", "9", "[1, ", "[9, ");
    set("b.d[1][1]", "9", "3]", "9]");
    set("b.e", "Other", "Pick(f: ')', g: Inner([7, 8]))", "Other");
    set("m.p", "x", "r#\"q\"#", "\"x\"");
    set("n", "Other(1)", "Unit", "Other(1)");
}

#[test]
fn names_of_choices_may_be_left_out() {
    set("b.e.Pick.g.Inner[1]", "9", "8]", "9]");
    set("b.e.g[1]", "9", "8]", "9]");
    set("b.e.g", "Outer", "Inner([7, 8])", "Outer");
    set("b.e.g.Inner", "[]", "[7, 8]", "[]");
    set("b.h[1].x", "3", "x: 2", "x: 3");
    set("b.h.Two[0]", "3", "Two(1", "Two(3");
}

#[test]
fn quotes_may_be_left_out_where_a_text_stands() {
    set("b.c", "6ms", "\"5ms\"", "\"6ms\"");
    set("b.c", "a\"b\\", "\"5ms\"", "\"a\\\"b\\\\\"");
    set("b.c", "rqspinlock", "\"5ms\"", "\"rqspinlock\"");
}

#[test]
fn a_missing_field_is_added() {
    set("b.z", "1", "i: ())", "i: (), z: 1)");
    set("b.i.z", "(q: 1)", "i: ()", "i: (z: (q: 1))");
    set("m.z", "1", "\"q\"#}", "\"q\"#, \"z\": 1}");
    let trailing = override_field("(a: 1,)", "b", "2");
    assert_eq!(trailing.ok().as_deref(), Some("(a: 1, b: 2,)"));
}

#[test]
fn paths_that_lead_nowhere_and_values_that_are_none_are_refused() {
    let table = [
        ("", "1", "`` is not the path of a field"),
        ("a..b", "1", "`a..b` is not the path of a field"),
        ("b.d[x]", "1", "`b.d[x]` is not the path of a field"),
        ("b.cc.x", "1", "cannot set `b.cc.x`: there is no `cc`"),
        ("b.d[2]", "1", "cannot set `b.d[2]`: there is no [2]"),
        ("a[0]", "1", "cannot set `a[0]`: there is no [0]"),
        ("a.x", "1", "cannot set `a.x`: there is no `x`"),
        ("a", "1, z: 2", "cannot set `a`: `1, z: 2` is not one RON value"),
        ("a", "", "cannot set `a`: `` is not one RON value"),
        ("a", "(", "cannot set `a`: `(` is not one RON value"),
        ("b.z", "1)", "cannot set `b.z`: `1)` is not one RON value"),
    ];
    for (path, value, message) in table {
        let error = override_field(RON, path, value).expect_err(path);
        assert_eq!(error.message(), message);
        assert!(error.help().is_some());
    }
    let near = override_field(RON, "m.pp.x", "1").expect_err("no such field");
    assert_eq!(
        near.render(false),
        "error: override: cannot set `m.pp.x`: there is no `pp`\n  help: did you mean `p`? fields there: p\n"
    );
    let broken = override_field("(a: ", "a", "1").expect_err("not RON");
    assert_eq!(broken.message(), "cannot set `a`: the text is not RON");
}

#[test]
fn a_field_of_a_preset_machine_is_overridden_in_the_expanded_text() {
    let e = load("ring8").expect("loads").experiment;
    let text = override_field(&expanded(&e), "machine.l1d.ways", "4").expect("there");
    let text = override_field(&text, "interrupts[0].source.period", "250000cy").expect("there");
    let changed = parse(&text, "ring8.ron").expect("loads").experiment;
    assert_eq!(changed.machine.l1d.ways, 4);
    assert_ne!(changed.interrupts, e.interrupts);
    let bad = override_field(&text, "machine.l1d.wayz", "4").expect("added");
    assert!(parse(&bad, "ring8.ron").expect_err("no such field").help().is_some_and(|h| h.contains("`ways`")));
}

/// Every message about a broken text is made without a panic and points into it.
#[track_caller]
fn survives(text: &str) -> bool {
    match parse(text, "broken.ron") {
        Ok(loaded) => {
            assert_eq!(parse(&expanded(&loaded.experiment), "x").expect("loads").experiment, loaded.experiment);
            false
        }
        Err(error) => {
            assert!(error.render(false).contains("broken.ron:"), "{error}");
            assert!(error.column().is_some(), "{error}");
            true
        }
    }
}

#[test]
fn a_text_cut_off_anywhere_gives_a_message() {
    let refused = (0..SMALL.len()).filter(|&i| survives(&SMALL[..i])).count();
    let behind_the_end = SMALL.len() - SMALL.trim_end().len();
    assert_eq!(refused, SMALL.len() - behind_the_end);
}

#[test]
fn a_text_with_any_one_character_changed_gives_a_message_or_an_experiment() {
    let mut refused = 0;
    for i in (0..SMALL.len()).step_by(3) {
        for with in ["", "(", "]", "\"", "é", "/*", "\\", "-", "0"] {
            let text = [&SMALL[..i], with, &SMALL[i + 1..]].concat();
            refused += usize::from(survives(&text));
            // The splicer reads the same text and must not fail in another way than by its error.
            let _ = override_field(&text, "workload.tasks[0].body[1].Uniform[0]", "1us");
        }
    }
    assert!(refused > SMALL.len(), "only {refused} of these texts were refused");
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["(", "[", "Forever([", "{", "/*", "(a:"] {
        assert!(survives(&open.repeat(20_000)));
    }
    let deep = format!("{}Wait{}", "Forever([".repeat(200), "])".repeat(200));
    let text = SMALL.replace("IrqOff([Work(Fixed(\"60ns\"))])", &deep);
    let message = parse(&text, "deep.ron").expect_err("too deep").rule().to_owned();
    assert_eq!(message, "nested too deeply");
}
