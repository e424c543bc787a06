// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layout in memory, addresses, selection of patches, and the tables of an assembled program.

mod asm_common;

use asm_common::{EVERYTHING, enabled, program};
use sim_core::asm::{Options, assemble};
use sim_core::isa::{Addr, AluFn, Base, MarkKind, MarkSite, Op, Operand, Order, Reg, Span, Width};
use sim_core::program::{Clean, Dist, GLOBAL_BASE, LineKind, PERCPU_BASE, Program, Source, SrcPos, TimeSpan};

fn offsets(p: &Program, name: &str) -> Vec<(String, u64, u64, u64)> {
    let s = p.structs.iter().find(|s| s.name == name).expect("declared");
    s.fields.iter().map(|f| (f.name.clone(), f.offset, f.elem_bytes, f.count)).collect()
}

/// The addresses of all accesses, in order.
fn addrs(p: &Program) -> Vec<Addr> {
    p.ops
        .iter()
        .filter_map(|op| match op {
            Op::Load { addr, .. } | Op::Store { addr, .. } | Op::Lea { addr, .. } | Op::Wfe { addr } => Some(*addr),
            _ => None,
        })
        .collect()
}

#[test]
fn fields_of_a_lock_word_may_overlap() {
    let p = program(EVERYTHING, &Options::default());
    let f = |n: &str, at, bytes| (n.to_owned(), at, bytes, 1);
    let expected = [f("locked", 0, 1), f("pending", 1, 1), f("tail", 2, 2), f("val", 0, 4), f("locked_pending", 0, 2)];
    assert_eq!(offsets(&p, "lock_word"), expected);
    let s = &p.structs[0];
    assert_eq!((s.bytes, s.align, s.kind), (64, 64, LineKind::Lock));
}

#[test]
fn a_per_cpu_structure_is_an_object_of_its_name() {
    let p = program(EVERYTHING, &Options::default());
    assert_eq!(offsets(&p, "held"), [("cnt".to_owned(), 0, 4, 1), ("locks".to_owned(), 8, 8, 31)]);
    let (nodes, held) = (p.object("nodes").expect("object"), p.object("held").expect("object"));
    // Three nodes of 16 bytes, rounded up to a line; 8 + 31 * 8 = 256.
    assert_eq!((nodes.addr, nodes.percpu, held.addr, held.percpu), (PERCPU_BASE, true, PERCPU_BASE + 64, true));
    assert_eq!(p.percpu_stride, 64 + 256);
    assert_eq!(p.object("the_lock").expect("object").addr, GLOBAL_BASE);
    let names: Vec<&str> = p.objects.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["the_lock", "nodes", "held"]);
    assert_eq!(p.line_kind(PERCPU_BASE + 3 * p.percpu_stride + 70), LineKind::Held);
}

#[test]
fn alignment_is_the_largest_of_the_fields_or_what_is_asked_for() {
    let p = program(
        "struct a { x: u8, y: u64, z: u8 }\nstruct b align 32 { a: a, x: u16 }\nstruct c size 12 { x: u32 }\n\
         struct d { x: u32 @4, y: u8 @0, z: u8 }\nconst N = 3\nstruct e percpu align 256 { x: [u8; N] @N }\n\
         object o1: c\nobject o2: b\nobject o3: a\n",
        &Options::default(),
    );
    let sizes: Vec<(u64, u64)> = p.structs.iter().map(|s| (s.bytes, s.align)).collect();
    assert_eq!(sizes, [(24, 8), (32, 32), (12, 4), (12, 4), (256, 256)]);
    let at: Vec<u64> = p.objects.iter().map(|o| o.addr).collect();
    assert_eq!(at, [GLOBAL_BASE, GLOBAL_BASE + 32, GLOBAL_BASE + 64, PERCPU_BASE]);
    assert_eq!(offsets(&p, "d")[2], ("z".to_owned(), 8, 1, 1)); // Never on top of a field before it.
    assert_eq!(p.percpu_stride, 256);
}

#[test]
fn nested_arrays_of_structures_are_addressed_by_scale_and_offset() {
    let p = program(
        "struct leaf { a: u32, b: [u16; 4] }\nstruct mid { pad: u64, leaves: [leaf; 5] @16 }\n\
         struct top percpu { head: u64, mids: [mid; 3] }\nobject g: mid\n\
         proc f(t: top, i) {\n\
           x = load.u32 [t.mids[1].leaves[i].a]\n\
           x = load.u16 [t.mids[2].leaves[4].b[i]]\n\
           x = load.u16 [t.mids[i].leaves[3].b[2]]\n\
           x = load.u32 [cpu.top.mids[i].leaves[0].a]\n\
           x = load.u32 [top@i.mids[0].leaves[i].a]\n\
           x = load.u32 [top@2.mids[0].leaves[i].a]\n\
           x = load.u64 [g.pad]\n\
           x = lea [g.leaves[i]]\n\
           x = lea [g]\n\
         }\n",
        &Options::default(),
    );
    // leaf: 12 bytes; mid: 16 + 60, rounded to 80; top: 8 + 240 = 248; stride 256.
    let (t, i) = (Base::Reg(Reg(0)), Reg(1));
    let at = |base, disp, index| Addr { base, disp, index };
    assert_eq!(p.percpu_stride, 256);
    assert_eq!(
        addrs(&p),
        [
            at(t, 8 + 80 + 16, Some((i, 12))),
            at(t, 8 + 160 + 16 + 48 + 4, Some((i, 2))),
            at(t, 8 + 16 + 36 + 4 + 4, Some((i, 80))),
            at(Base::ThisCpu, PERCPU_BASE + 8 + 16, Some((i, 80))),
            at(Base::OnCpu(i), PERCPU_BASE + 8 + 16, Some((i, 12))),
            at(Base::Abs, PERCPU_BASE + 512 + 8 + 16, Some((i, 12))),
            at(Base::Abs, GLOBAL_BASE, None),
            at(Base::Abs, GLOBAL_BASE + 16, Some((i, 12))),
            at(Base::Abs, GLOBAL_BASE, None),
        ]
    );
}

#[test]
fn patches_select_text_and_leave_no_trace_of_the_rest() {
    let works = |on: &[&str]| -> Vec<Span> {
        let p = program(EVERYTHING, &enabled(on));
        p.ops.iter().filter_map(|op| if let Op::Work(s) = op { Some(*s) } else { None }).collect()
    };
    let ns = |v| Span::Nanos(Operand::Imm(v));
    let cy = |v| Span::Cycles(Operand::Imm(v));
    assert_eq!(works(&["first", "second"]), [ns(60), cy(141)]);
    assert_eq!(works(&["plain", "second", "first"]), [ns(60)]);
    assert_eq!(works(&["first"]), [ns(60), ns(200)]);
    let p = program(EVERYTHING, &Options::default());
    let a = Reg(p.proc("slow").expect("proc").regs.iter().position(|r| r == "a").expect("register") as u8);
    assert_eq!(works(&[]), [Span::Cycles(Operand::Reg(a)), Span::Nanos(Operand::Reg(a)), cy(3)]);
    assert_eq!(program(EVERYTHING, &enabled(&["plain", "first", "plain"])).enabled, ["first", "plain"]);
}

#[test]
fn sections_that_are_not_enabled_are_parsed_but_mean_nothing() {
    let text = "defpatch 1 a \"t\"\npatch a {\n  object o: nowhere\n  proc g() {\n    ret\n  }\n}\n\
                proc f() {\n  patch a {\n    call nobody(x)\nl:\n  }\n  patch a else {\nl:\n    pause\n  }\n}\n";
    let p = program(text, &Options::default());
    assert_eq!(p.procs.len(), 1);
    assert_eq!(p.ops, [Op::Pause, Op::Ret { values: [Operand::Imm(0); 2] }]);
    assert!(assemble(&asm_common::source(text), &enabled(&["a"])).is_err());
}

#[test]
fn guards_of_marks_name_register_and_polarity() {
    let p = program(
        "struct w { v: u32 }\nproc f(l: w, ok) {\n  mark held(l) if ok\n  mark failed(l, EDEADLK, abba) if !ok\n}\n",
        &Options::default(),
    );
    let l = Operand::Reg(Reg(0));
    let imm = Operand::Imm;
    assert_eq!(
        p.marks,
        [
            MarkSite { kind: MarkKind::Held, args: [l, imm(0), imm(0)], guard: Some((Reg(1), true)) },
            MarkSite { kind: MarkKind::Failed, args: [l, imm(35), imm(4)], guard: Some((Reg(1), false)) },
        ]
    );
}

#[test]
fn constants_fold_into_operands_and_parameters_can_be_set() {
    let text = "const C = 7\nconst T = 2ms\nparam p = 1ms \"x\"\nparam q = 3 \"y\"\nstruct w { v: u32 }\nobject o: w\n\
                dist d = uniform(p, T)\n\
                proc f() {\n  x = C + p\n  x = q\n  x = zext32 o\n  x = -1\n  delay_until T\n}\n";
    let ops = |options: &Options| program(text, options).ops;
    let alu = |f, a, b| Op::Alu { f, dst: Reg(0), a: Operand::Imm(a), b: Operand::Imm(b) };
    let with = Options { enabled: vec![], params: vec![("q".into(), 9), ("p".into(), 50)] };
    assert_eq!(
        ops(&with)[..5],
        [
            alu(AluFn::Add, 7, 50),
            alu(AluFn::Mov, 9, 0),
            alu(AluFn::And, GLOBAL_BASE, 0xffff_ffff),
            alu(AluFn::Mov, u64::MAX, 0),
            Op::DelayUntil { t: Operand::Imm(2_000_000) },
        ]
    );
    assert_eq!(ops(&Options::default())[0], alu(AluFn::Add, 7, 1_000_000));
    let p = program(text, &with);
    assert_eq!(p.params, [("p".to_owned(), 50), ("q".to_owned(), 9)]);
    let ns = |amount| TimeSpan { amount, cycles: false };
    assert_eq!(p.dists, [Dist::Uniform(ns(50), ns(2_000_000))]);
}

#[test]
fn labels_lines_and_registers_are_recorded() {
    let text = "proc f(a) -> r {\n\n  b = a   # first\nl:\nm:\n  if b goto l\n  ret b\n}\nproc g() {\n}\n";
    let p = program(text, &Options::default());
    let labels: Vec<(&str, u32)> = p.labels.iter().map(|l| (l.name.as_str(), l.pc)).collect();
    assert_eq!(labels, [("f", 0), ("f.l", 1), ("f.m", 1), ("g", 3)]);
    assert_eq!(p.lines, [3, 6, 7, 10].map(|line| SrcPos { source: 0, line }));
    assert_eq!(p.procs[0].regs, ["a", "b"]);
    assert_eq!((p.procs[0].params, p.procs[0].results, p.procs[1].entry, p.procs[1].end), (1, 1, 3, 4));
    assert_eq!(p.ops[2], Op::Ret { values: [Operand::Reg(Reg(1)), Operand::Imm(0)] });
}

#[test]
fn sources_are_one_program_and_keep_their_own_lines() {
    let sources = [
        Source { name: "a".into(), text: "program one \"x\"\nproc f() {\n  call g(1)\n}\n".into() },
        Source { name: "b".into(), text: "program two \"y\"\nexport work g\nproc g(x) {\n  work x ns\n}\n".into() },
    ];
    let p = assemble(&sources, &Options::default()).expect("assembles");
    assert_eq!(p.name, "one");
    assert_eq!(p.exports, [("work".to_owned(), 1)]);
    assert_eq!(p.lines[2], SrcPos { source: 1, line: 4 });
    assert_eq!(p.calls[0].proc, 1);
    assert_eq!(p.sources, sources);
}

#[test]
fn orders_and_widths_are_as_written() {
    let p = program(
        "struct w { v: u32, b: u8 }\nproc f(l: w) {\n  x = load.u32.acq [l.v]\n  store.u8.rel [l.b], 1\n\
         x = xchg.u32 [l.v], -1\n  xchg.u32.relaxed [l.v], x\n}\n",
        &Options::default(),
    );
    let kinds: Vec<(Width, Order)> = p
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::Load { width, order, .. } | Op::Store { width, order, .. } | Op::Rmw { width, order, .. } => {
                Some((*width, *order))
            }
            _ => None,
        })
        .collect();
    use Order::{Acquire, Full, Relaxed, Release};
    let expected = [(Width::U32, Acquire), (Width::U8, Release), (Width::U32, Full), (Width::U32, Relaxed)];
    assert_eq!(kinds, expected);
}

#[test]
fn fields_to_be_clean_are_those_of_an_object_or_of_all_objects_of_a_structure() {
    let head =
        "const N = 2\nstruct w { a: u32, b: [u16; 4] }\nstruct h percpu { n: w @8 }\nobject g1: w\nobject g2: w\n";
    let clean = |line: &str| program(&format!("{head}{line}\n"), &Options::default()).clean;
    let field = |name: &str, addr, width, percpu| Clean { name: name.to_owned(), addr, width, percpu };
    assert_eq!(clean("clean [g2.a]"), [field("g2.a", GLOBAL_BASE + 12, Width::U32, false)]);
    assert_eq!(
        clean("clean [w.b[N]]"),
        [field("g1.b", GLOBAL_BASE + 8, Width::U16, false), field("g2.b", GLOBAL_BASE + 20, Width::U16, false)]
    );
    assert_eq!(clean("clean [cpu.h.n.a]"), [field("h.a", PERCPU_BASE + 8, Width::U32, true)]);
    for (line, expected) in [
        ("clean [w.c]", "structure `w` has no field `c`"),
        ("clean [g1.b]", "this is not a single number"),
        ("clean [cpu.h.n]", "this is not a single number"),
        ("clean [w.b[i]]", "`i` is read but never written, and is not a constant or object"),
        ("clean [h@0.n.a]", "this cannot be checked on every core"),
    ] {
        let text = asm_common::short_errors(&format!("{head}{line}\n"), &Options::default());
        assert!(text.contains(expected), "{line}: {text}");
    }
}

#[test]
fn inline_procedures_are_marked() {
    let p = program("inline proc f() {\n}\nproc g() {\n  call f()\n}\n", &Options::default());
    assert_eq!(p.procs.iter().map(|p| p.inline).collect::<Vec<_>>(), [true, false]);
    assert!(asm_common::short_errors("inline f() {\n}\n", &Options::default()).contains("expected `proc`, found `f`"));
}
