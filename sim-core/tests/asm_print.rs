// SPDX-License-Identifier: MIT OR Apache-2.0
//! Printing inverts parsing.

mod asm_common;

use asm_common::{EVERYTHING, enabled, program, source};
use sim_core::asm::{Options, Printer, assemble, disassemble, listing, op_text};
use sim_core::program::Program;

fn assert_round_trip(p: &Program) {
    let text = disassemble(p);
    let sources = source(&text);
    let again =
        assemble(&sources, &Options::default()).unwrap_or_else(|e| panic!("{}\n{text}", e.render(&sources, false)));
    for (pc, (a, b)) in p.ops.iter().zip(&again.ops).enumerate() {
        assert_eq!(a, b, "op {pc}: {}", op_text(p, pc as u32));
    }
    assert_eq!(p.ops.len(), again.ops.len());
    assert_eq!(p.calls, again.calls);
    assert_eq!(p.marks, again.marks);
    assert_eq!(p.dists, again.dists);
    assert_eq!(p.procs, again.procs);
    assert_eq!(p.labels, again.labels);
    assert_eq!(p.structs, again.structs);
    assert_eq!(p.exports, again.exports);
    assert_eq!(p.percpu_stride, again.percpu_stride);
    assert_eq!(p.objects, again.objects);
    assert_eq!(p.clean, again.clean);
}

#[test]
fn a_printed_program_assembles_to_the_same_ops_whatever_is_enabled() {
    for on in [&[][..], &["first"], &["first", "second"], &["plain"], &["second", "plain", "first"]] {
        assert_round_trip(&program(EVERYTHING, &enabled(on)));
    }
}

#[test]
fn a_program_without_sources_prints_untyped_addresses_that_still_assemble() {
    let mut p = program(EVERYTHING, &enabled(&["first"]));
    p.sources.clear();
    let text = disassemble(&p);
    assert!(text.contains("old, ok = cas.u32.acq [lock+0], 0, 1"), "{text}");
    assert!(text.contains("draw dist0"));
    assert_round_trip(&p);
}

#[test]
fn ops_print_as_they_were_written() {
    let p = program(EVERYTHING, &enabled(&["first"]));
    let printer = Printer::new(&p);
    let lines: Vec<String> = (0..p.ops.len() as u32).map(|pc| printer.op(pc)).collect();
    for written in [
        "old, ok = cas.u32.acq [lock.val], 0, 1",
        "mark held(lock) if ok",
        "if ok != 0 goto done",
        "mine: node = lea [cpu.nodes.n[i]]",
        "first: node = lea [nodes@c.n[1]]",
        "zero: node = lea [nodes@0.n[2]]",
        "whole = lea [cpu.held]",
        "store.u64 [cpu.held.locks[t]], lock",
        "z = load.u32 [nodes@c.n[t].wait]",
        "tail = c & 65535",
        "local_add.u32 [mine.count], -1",
        "wfe [lock.val]",
        "mark wait(lock, queued)",
        "mark wait(lock, head, 0)",
        "mark wait(lock, fallback, x)",
        "mark resumed(lock)",
        "mark check(lock, abba)",
        "mark found(lock, ETIMEDOUT)",
        "mark failed(lock, ETIMEDOUT, timeout_head)",
        "call helper(the_lock, whole, 1000)",
        "work 60ns",
        "d = draw think",
        "w = load.u32 [q+8+v*4]",
        "lo, hi = call two(16, 2)",
    ] {
        assert!(lines.iter().any(|l| l == written), "no `{written}` in\n{}", lines.join("\n"));
    }
    assert_eq!(printer.op(60_000), "");
}

#[test]
fn the_listing_numbers_boundaries_and_not_marks() {
    let text = "program p \"t\"\noption o \"x\"\nparam n = 5 \"x\"\nstruct w { v: u32 }\nobject l: w\n\
                struct here percpu { v: u64 }\nexport lock f\n\
                proc f(l0: w) -> r {\n  mark attempt(l0)\nagain:\n  x = load.u32.acq [l0.v]\n  if x goto again\n\
                  mark held(l0)\n  ret n\n}\n";
    let p = program(text, &enabled(&["o"]));
    let expected = "\
# program p: 5 micro-ops
# enabled: o
# parameters: n = 5
# object l at 0x10000, 4 bytes
# object here at 0x100000000, 8 bytes on core 0, 64 further on each next
# lock is f

proc f(l0: w) -> r1 {
     .   mark attempt(l0)
       again:
     1   x = load.u32.acq [l0.v]
     2   if x != 0 goto again
     .   mark held(l0)
     4   ret 5
}
";
    assert_eq!(listing(&p), expected);
}
