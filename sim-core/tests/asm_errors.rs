// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people read when a text is wrong.

mod asm_common;

use asm_common::{enabled, errors, program, short_errors};
use sim_core::asm::{DIAGNOSTICS_MAX, OPS_MAX, Options, SOURCE_BYTES_MAX, Severity, assemble};

fn rendered(text: &str) -> String {
    // Renderings pad lines with blanks, which would be invisible here.
    let lines: Vec<String> = errors(text, &Options::default()).lines().map(|l| l.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn short(text: &str) -> String {
    short_errors(text, &Options::default())
}

/// A procedure with this body, after a structure `w` of which `l` is a pointer.
fn in_proc(body: &str) -> String {
    let w = "struct w { locked: u8 @0, tail: u16 @2, val: u32 @0, list: [u64; 4] }";
    short(&format!("{w}\nproc f(l: w, a) {{\n{body}\n}}\n"))
}

#[test]
fn an_unknown_mnemonic_is_shown_with_a_caret_and_a_suggestion() {
    assert_eq!(
        rendered("proc f(p) {\n  x = laod.u32 [p]\n}\n"),
        "\
Error: unknown operation `laod`
   ╭─[ t.uop:2:7 ]
   │
 2 │   x = laod.u32 [p]
   │       ──┬─
   │         ╰─── not an operation
   │
   │ Help: did you mean `load`?
───╯"
    );
}

#[test]
fn a_label_defined_twice_shows_both_places() {
    assert_eq!(
        rendered("proc f() {\nagain:\n  pause\nagain:\n  goto again\n}\n"),
        "\
Error: label `again` is defined twice in `f`
   ╭─[ t.uop:4:1 ]
   │
 2 │ again:
   │ ──┬──
   │   ╰──── first here
   │
 4 │ again:
   │ ──┬──
   │   ╰──── again
───╯"
    );
}

#[test]
fn names_that_do_not_exist_are_reported_with_near_ones() {
    for (body, expected) in [
        ("goto spni\nspin:", "unknown label `spni`; did you mean `spin`?"),
        ("x = load.u32 [l.vale]", "structure `w` has no field `vale`; did you mean `val`?"),
        ("call ff(l, a)", "unknown procedure `ff`; did you mean `f`?"),
        ("mark hold(l)", "unknown mark `hold`; did you mean `held`?"),
        ("x = draw d", "unknown distribution `d`"),
        (
            "count = 1\nx = cuont",
            "`cuont` is read but never written, and is not a constant or object; did you mean `count`?",
        ),
        (
            "x = EDEADLCK",
            "`EDEADLCK` is read but never written, and is not a constant or object; did you mean `EDEADLK`?",
        ),
        ("x = load.u32 [cpu.hold.y]", "unknown per-CPU object `hold`"),
    ] {
        let text = in_proc(body);
        assert!(text.ends_with(&format!("error: {expected}")), "{body}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn declarations_that_make_no_sense_are_refused() {
    for (text, expected) in [
        (
            "struct s { a: u8, b: u32 @2 }",
            "t.uop:1:27: error: field `b` at offset 2 is misaligned: `u32` needs a multiple of 4; \
             the next offset that fits is 4",
        ),
        (
            "struct s size 8 { a: u64, b: u8 }",
            "t.uop:1:27: error: field `b` ends at byte 9, beyond the 8 of the structure",
        ),
        ("struct s { a: u8, a: u16 }", "t.uop:1:19: error: field `a` is declared twice"),
        (
            "struct s { a: nod }\nstruct node { a: u8 }",
            "t.uop:1:15: error: unknown structure `nod`; there are no structures",
        ),
        (
            "struct node { a: u8 }\nstruct s { a: nod }",
            "t.uop:2:15: error: unknown structure `nod`; did you mean `node`?",
        ),
        ("struct s align 3 { a: u8 }", "t.uop:1:16: error: an alignment of 3 is not possible"),
        ("struct s kind lck { a: u8 }", "t.uop:1:15: error: unknown kind `lck`; did you mean `lock`?"),
        (
            "struct s percp { a: u8 }",
            "t.uop:1:10: error: unknown attribute `percp` of a structure; did you mean `percpu`?",
        ),
        ("struct s { a: [u8; 0] }", "t.uop:1:12: error: field `a` has no elements"),
        ("struct s { }", "t.uop:1:8: error: structure `s` has no fields"),
        ("const a = 1\nconst a = 2", "t.uop:2:7: error: name `a` is declared twice"),
        ("const pending = 1", "t.uop:1:7: error: `pending` is a built-in constant"),
        ("const cpu = 1", "t.uop:1:7: error: `cpu` is a word of the language"),
        ("proc f() {\n}\nproc f() {\n}", "t.uop:3:6: error: procedure `f` is declared twice"),
        ("struct s { a: u8 }\nobject o: s\nobject o: s", "t.uop:3:8: error: name `o` is declared twice"),
        ("object o: s", "t.uop:1:11: error: unknown structure `s`; there are no structures"),
        ("export lock f", "t.uop:1:13: error: unknown procedure `f`"),
        ("proc f() {\n}\nexport a f\nexport a f", "t.uop:4:8: error: role `a` is declared twice"),
        ("dist d = fixed(3)", "t.uop:1:16: error: 3 has no unit; write `3ns` or `3cy`"),
        ("dist d = expo(3ns)", "t.uop:1:10: error: unknown distribution shape `expo`; did you mean `exp`?"),
        ("dist d = uniform(3ns)", "t.uop:1:10: error: `uniform` takes two times"),
        ("dist d = uniform(3ns, 2ns)", "t.uop:1:23: error: the range ends before it begins"),
        ("proc f(a, a) {\n}", "t.uop:1:11: error: two parameters of the name `a`"),
        ("program p \"a\"\nprogram q \"b\"", "t.uop:2:9: error: program `q` is declared twice"),
        ("strcut s {\n a: u8\n}", "t.uop:1:1: error: unknown declaration `strcut`; did you mean `struct`?"),
        ("}", "t.uop:1:1: error: this `}` closes nothing"),
        (
            "const a = 12q",
            "t.uop:1:11: error: `12q` is not a number; write 12, 0x1f or 1_000, and times as 60ns, 5us, 250ms, 1s or 141cy",
        ),
        ("program p \"a", "t.uop:1:11: error: the string has no end; close it with `\"`"),
        ("const a", "t.uop:1:8: error: expected `=`, found the end of the line"),
    ] {
        assert_eq!(short(text), expected);
    }
}

#[test]
fn statements_that_make_no_sense_are_refused() {
    for (body, expected) in [
        ("x = load [l.val]", "`load` needs a width; write one of load.u8, load.u16, load.u32, load.u64"),
        ("x = load.u32.rel [l.val]", "`load` cannot be `.rel`; orders of `load`: none written, or .acq, .acqpc"),
        (
            "store.u8 [l.val], 0",
            "`val` is a u32, store accesses a u8; write `.u32`, or use `locked`, a u8 at the same place",
        ),
        ("x = load.u64 [l.tail]", "`tail` is a u16, load accesses a u64; write `.u16`"),
        ("x = load.u64 [l.list]", "`list` is an array of 4; write `list[i]`"),
        ("x = load.u64 [l.list[4]]", "index 4 is outside of `list`, which has 4 elements"),
        ("x = load.u32 [l.val[0]]", "`val` is not an array"),
        ("x = load.u32 [l.val.x]", "`val` is a u32 and has no fields"),
        (
            "x = load.u32 [a.val]",
            "`a` is not known to point to a structure; write the structure where it is assigned, `a: STRUCT = ...`, \
             or at the parameter",
        ),
        ("x = load.u32 [l]", "`l` is a `w`, load needs one of its fields; fields of this width: `val`"),
        ("x = load.u32 [a+a*4+a*4]", "more than one register index in an address"),
        ("store.u8 [l.locked], 256", "256 (0x100) does not fit 8 bits"),
        ("cas.u16 [l.tail], 0, 0x10000", "65536 (0x10000) does not fit 16 bits"),
        ("test_set_bit.u16 [l.tail], 16", "there is no bit 16 in 16 bits"),
        ("x = a / 0", "division by zero"),
        ("call f(l)", "`f` takes 2 arguments, 1 given"),
        ("x = call f(l, a)", "`f` returns 0 values, 1 wanted"),
        ("ret a", "procedure `f` returns 0 values, this `ret` has 1; declare results: `proc f(..) -> r`"),
        (
            "mark wait(l)",
            "mark `wait` cannot have 1 argument; its form is wait(lock, kind) or wait(lock, kind, deadline)",
        ),
        ("mark found(l)", "mark `found` cannot have 1 argument; its form is found(lock, errno)"),
        ("mark held()", "mark `held` cannot have 0 arguments; its form is held(lock)"),
        ("mark note(1, 2, 3, 4)", "mark `note` cannot have 4 arguments; its form is note(a, b, c), each optional"),
        (
            "mark wait(l, 9)",
            "9 is not what mark `wait` reports; names: pending, queued, head, fallback, test_and_set, hand_over, \
             pending_hand_over",
        ),
        ("head = 1", "`head` is a built-in constant and cannot be a register"),
        ("x = store.u8 [l.locked], 0", "`store` has no result"),
        ("load.u32 [l.val]", "the result goes nowhere; write `x = ...`"),
        ("x, y = load.u32 [l.val]", "this gives 1 result at most"),
        ("x, x = cas.u32 [l.val], 0, 1", "`x` receives two results"),
        ("x = a + a + a", "expected the end of the line, found `+`; one operator a line: each is a micro-op"),
        ("work 5", "this span has no unit; write `work 5ns` or `work 5cy`"),
        ("work 5ns cy", "two different units"),
        ("x = 5cy", "a time in cycles is possible only in `work` and distributions; write it in ns"),
        ("fence.fool", "unknown fence `fool`; fences: fence.full, fence.w, fence.r, fence.acq, fence.rel, fence.ctrl"),
        (
            "if a = 0 goto l",
            "expected a comparison or `goto`, found `=`; comparisons: == != < <= > >= unsigned, <s <=s >s >=s signed",
        ),
        (
            "x = 99999999999999999999",
            "`99999999999999999999` is not a number; write 12, 0x1f or 1_000, and times as 60ns, 5us, 250ms, 1s or 141cy",
        ),
        ("patch nix {\n}", "`nix` is not a patch or option; there are no patches and options"),
        ("$", "unexpected character '$'"),
    ] {
        let text = in_proc(body);
        let message = text.split_once("error: ").map_or("", |(_, m)| m);
        assert_eq!(message, expected, "{body}");
    }
}

#[test]
fn a_nested_address_takes_one_register_index() {
    let text = "struct a { x: [u32; 4] }\nstruct b { y: [a; 4] }\nproc f(p: b, i) {\n  v = load.u32 [p.y[i].x[i]]\n}\n";
    assert_eq!(
        rendered(text),
        "\
Error: more than one register index in an address
   ╭─[ t.uop:4:26 ]
   │
 4 │   v = load.u32 [p.y[i].x[i]]
   │                          ┬
   │                          ╰── a second one
   │
   │ Help: compute the inner address with `lea` first
───╯"
    );
}

#[test]
fn per_cpu_objects_need_a_core() {
    let text = |s: &str| {
        short(&format!("struct p percpu {{ v: u32 }}\nstruct w {{ v: u32 }}\nobject g: w\nproc f() {{\n{s}\n}}"))
    };
    assert_eq!(
        text("x = load.u32 [p.v]"),
        "t.uop:5:15: error: `p` is per-CPU; write `cpu.p` for this core's or `p@c` for that of core c"
    );
    assert_eq!(text("x = load.u32 [cpu.g.v]"), "t.uop:5:19: error: `g` is not per-CPU; write `g` alone");
    assert_eq!(
        text("x = p"),
        "t.uop:5:5: error: `p` is per-CPU: it has no single address; write `x = lea [cpu.p]` before, and use x"
    );
}

#[test]
fn a_register_that_some_path_leaves_unwritten_is_an_error() {
    assert_eq!(
        rendered("proc f(a) -> r {\n  if a goto skip\n  x = 1\nskip:\n  ret x\n}\n"),
        "\
Error: register `x` is read before it is written
   ╭─[ t.uop:5:7 ]
   │
 5 │   ret x
   │       ┬
   │       ╰── not written on every path to here
   │
   │ Help: give it a value first, for instance `x = 0`
───╯"
    );
    // Written on both branches, or only read where nothing leads: fine.
    program(
        "proc f(a) -> r {\n  if a goto b\n  x = 1\n  goto c\nb:\n  x = 2\nc:\n  ret x\n  y = z\n  z = y\n  ret y\n}\n",
        &Options::default(),
    );
    // A loop does not help its first iteration.
    let text = short("proc f() {\nl:\n  y = x\n  x = 1\n  if y goto l\n}\n");
    assert!(text.starts_with("t.uop:3:7: error: register `x` is read before it is written"), "{text}");
}

#[test]
fn a_procedure_with_results_must_return_them() {
    let text = short("proc f() -> r {\n  pause\n}\n");
    assert_eq!(text, "t.uop:3:1: error: procedure `f` returns 1 value, but its end can be reached without a `ret`");
    let text = short("proc f() -> r, s {\nl:\n  goto l\n}\n");
    assert_eq!(text, "t.uop:4:1: error: procedure `f` returns 2 values, but has no `ret`");
    assert!(short("proc f() -> a, b, c {\n}\n").contains("a procedure returns two values at most"));
}

const PATCHES: &str = "defpatch 1 base \"the base\"\ndefpatch 2 more \"on top\" needs base\noption flag \"x\"\n\
                       patch more {\nparam late = 1 \"x\"\n}\nparam early = 1 \"x\"\n";

#[test]
fn options_that_do_not_exist_are_refused() {
    let with = |on: &[&str], params: &[(&str, u64)]| {
        let mut options = enabled(on);
        options.params = params.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
        short_errors(PATCHES, &options)
    };
    assert_eq!(with(&["bass"], &[]), "error: there is no patch or option `bass` to enable; did you mean `base`?");
    assert_eq!(
        with(&["xyz"], &[]),
        "error: there is no patch or option `xyz` to enable; patches and options: base, flag, more"
    );
    assert_eq!(with(&[], &[("erly", 1)]), "error: there is no parameter `erly`; did you mean `early`?");
    assert_eq!(
        with(&[], &[("late", 1)]),
        "error: parameter `late` belongs to a `patch` section that is not enabled; enable the patch, or do not set the parameter"
    );
    assert_eq!(with(&[], &[("early", 1), ("early", 2)]), "error: parameter `early` is given two values");
}

#[test]
fn a_patch_whose_needs_are_not_enabled_is_refused_with_the_reason() {
    let text = errors(PATCHES, &enabled(&["more"]));
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(
        lines.join("\n"),
        "\
Error: patch `more` cannot be applied: it needs patch 1 `base` (the base), which is not enabled
   ╭─[ t.uop:2:32 ]
   │
 2 │ defpatch 2 more \"on top\" needs base
   │                                ──┬─
   │                                  ╰─── needed because of this
   │
   │ Help: enable `base` too, or leave `more` out
───╯"
    );
    assert_eq!(program(PATCHES, &enabled(&["more", "base"])).enabled, ["base", "more"]);
    assert!(short("defpatch 1 a \"x\" needs b\n").contains("patch `a` needs `b`, which is not a patch"));
    assert!(short("defpatch 1 a \"x\"\ndefpatch 1 b \"y\"\n").contains("patch `b` has the number of patch `a`"));
    assert!(short("patch a {\ndefpatch 1 a \"x\"\n}\n").contains("this cannot depend on a patch"));
}

#[test]
fn all_independent_errors_are_reported_in_order() {
    let text = "const a = 1q\nstruct s { x: u3 }\nproc f(p: s) {\n  y = lod.u32 [p.x]\n  goto nowhere\n  z = zz\n\
                mark helt(p)\n  store.u8 [p.q], y\n}\nproc g( {\n  pase\n}\nproc h() {\n  call g(1)\n  x = a\n";
    let lines = short(text);
    let found: Vec<&str> = lines.lines().filter_map(|l| l.split(' ').next()).collect();
    let expected = [
        "t.uop:1:11:",
        "t.uop:2:15:",
        "t.uop:4:7:",
        "t.uop:5:8:",
        "t.uop:6:7:",
        "t.uop:7:6:",
        "t.uop:10:9:",
        "t.uop:11:3:",
        "t.uop:16:1:",
    ];
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn a_missing_brace_is_reported_where_the_next_procedure_begins() {
    assert_eq!(
        rendered("proc f() {\n  pause\n\nproc g() {\n  pause\n}\n"),
        "\
Error: the `}` of procedure `f` is missing
   ╭─[ t.uop:4:1 ]
   │
 1 │ proc f() {
   │ ──┬─
   │   ╰─── opened here
   │
 4 │ proc g() {
   │ ──┬─
   │   ╰─── expected `}` before this
───╯"
    );
    let text = short("struct s {\n  a: u8,\nproc f() {\n}\n");
    assert_eq!(text, "t.uop:3:1: error: the `}` of structure `s` is missing");
    assert!(short("patch a {\n").contains("the `}` of this section is missing"));
}

#[test]
fn limits_are_clear_errors() {
    let long = "# comment\n".repeat(SOURCE_BYTES_MAX / 10 + 1);
    assert_eq!(short(&long), "t.uop:1:1: error: the file has 1048580 bytes, more than 1048576");
    let ops = format!("proc f() {{\n{}}}\n", "pause\n".repeat(OPS_MAX));
    assert_eq!(short(&ops), "t.uop:65537:1: error: more than 65535 micro-ops in the program");
    assert_eq!(program(&ops.replacen("pause\n", "", 1), &Options::default()).ops.len(), OPS_MAX);
    let regs: String = (0..257).map(|i| format!("x{i} = 0\n")).collect();
    assert_eq!(
        short(&format!("proc f() {{\n{regs}}}\n")),
        "t.uop:258:1: error: more than 256 registers in one procedure"
    );
    let deep = format!("defpatch 1 a \"x\"\nproc f() {{\n{}pause\n{}}}\n", "patch a {\n".repeat(40), "}\n".repeat(40));
    assert!(short(&deep).contains("more than 32 `patch` sections inside each other"));
    let cond = format!("defpatch 1 a \"x\"\npatch {}a {{\n}}\n", "!(".repeat(5000));
    assert!(short(&cond).contains("a condition of more than 200 parts"));
    let huge = "struct a { x: [u8; 0xfffffff] }\nstruct b { y: [a; 16] }\n";
    assert!(short(huge).contains("field `y` is too large"));
    let objects: String = (0..17).map(|i| format!("object o{i}: a\n")).collect();
    assert!(short(&format!("struct a {{ x: [u8; 0x10000000] }}\n{objects}")).contains("object `o15` does not fit"));
}

#[test]
fn a_flood_of_errors_is_cut_off_and_counted() {
    let sources = asm_common::source(&format!("proc f() {{\n{}}}\n", "nonsense\n".repeat(1000)));
    let e = assemble(&sources, &Options::default()).expect_err("nonsense");
    assert_eq!((e.list.len(), e.dropped), (DIAGNOSTICS_MAX, 1000 - DIAGNOSTICS_MAX));
    assert!(e.render(&sources, false).ends_with("... and 980 more\n"));
}

#[test]
fn of_a_text_that_is_no_program_only_the_first_lines_are_named() {
    let place = |text: &str| -> Vec<u32> {
        let e = assemble(&asm_common::source(text), &Options::default()).expect_err("no program");
        e.list.iter().map(|d| d.line).collect()
    };
    assert_eq!(place(&"// another language\n".repeat(50)), [1, 2, 3]);
    assert_eq!(place(&format!("const A = 1\n{}", "nonsense\n".repeat(5))), [2, 3, 4, 5, 6]);
    assert_eq!(place("nonsense\nnonsense\nconst A = 1\nnonsense\n"), [1, 2, 4]);
}

#[test]
fn diagnostics_carry_their_place() {
    let sources = asm_common::source("proc f() {\n  # é\n  x = é\n}\n");
    let e = assemble(&sources, &Options::default()).expect_err("no name");
    let d = &e.list[0];
    assert_eq!((d.severity, d.source, d.file.as_str()), (Severity::Error, Some(0), "t.uop"));
    assert_eq!((d.span.clone(), d.line, d.column), (24..26, 3, 7));
    assert!(e.render(&sources, true).contains("\u{1b}["));
    assert!(!e.render(&sources, false).contains("\u{1b}["));
    assert_eq!(e.to_string(), "t.uop:3:7: error: unexpected character 'é'");
}
