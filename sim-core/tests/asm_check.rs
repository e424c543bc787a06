// SPDX-License-Identifier: MIT OR Apache-2.0
//! Doubts about programs that assemble.

mod asm_common;

use asm_common::{EVERYTHING, enabled, program};
use sim_core::asm::{Options, Severity, check};

fn doubts(text: &str) -> String {
    let found = check(&program(text, &Options::default()));
    assert!(found.iter().all(|d| d.severity == Severity::Warning));
    found.to_string()
}

#[test]
fn a_constant_flag_restores_too() {
    // `irq_restore 1` restores without the saved flag, which is taken for a restore.
    let p = program(EVERYTHING, &enabled(&["first"]));
    assert_eq!(check(&p).to_string(), "");
}

#[test]
fn code_nothing_leads_to_is_found() {
    let text = "proc f() {\n  goto end\n  pause  # never\n  pause\nend:\n  ret\n}\n";
    assert_eq!(doubts(text), "t.uop:3:3: warning: 2 micro-ops are never reached in `f`");
    let p = program(text, &Options::default());
    let rendered = check(&p).render(&p.sources, false);
    let lines: Vec<&str> = rendered.lines().map(str::trim_end).collect();
    assert_eq!(
        lines.join("\n"),
        "\
Warning: 2 micro-ops are never reached in `f`
   ╭─[ t.uop:3:3 ]
   │
 3 │   pause  # never
   │   ──┬──
   │     ╰──── nothing leads to boundary 1
───╯"
    );
}

#[test]
fn a_path_that_keeps_interrupts_off_is_found() {
    let text = |tail: &str| {
        doubts(&format!(
            "proc g(f) {{\n}}\nproc f(a) -> r {{\n  irq_save f\n  if a goto out\n  irq_restore f\nout:\n{tail}\n}}\n"
        ))
    };
    assert_eq!(
        text("ret 0"),
        "t.uop:8:1: warning: `f` can return without restoring the interrupt flag; \
         restore the flag on this path, or return it"
    );
    assert_eq!(text("ret f"), "", "handed to the caller");
    assert_eq!(text("call g(f)\nret 0"), "", "handed to a callee");
    assert_eq!(text("irq_restore 1\nret 0"), "");
}

#[test]
fn a_lock_path_without_a_mark_is_found() {
    let lock = |body: &str| {
        doubts(&format!(
            "struct w {{ v: u32 }}\nexport lock f\nproc slow(l: w) -> r {{\n  mark failed(l, EDEADLK, abba)\n  ret 1\n}}\n\
             proc odd(l: w) -> r {{\n  if l goto out\n  mark held(l)\nout:\n  ret 1\n}}\n\
             proc f(l: w) -> r {{\n  old, ok = cas.u32 [l.v], 0, 1\n{body}\n}}\n"
        ))
    };
    assert_eq!(lock("mark held(l) if ok\nif ok goto out\nr = call slow(l)\nret r\nout:\nret 0"), "");
    assert_eq!(lock("mark held(l) if ok\nmark failed(l, EDEADLK, abba) if !ok\nret 0"), "");
    assert_eq!(lock("mark held(l) if ok\nif !ok goto slow\nret 0\nslow:\nr = call slow(l)\nret r"), "");
    let warning = "warning: `f` can return here without a `held` or `failed` mark; \
                   the oracle and the metrics see only marks: add one on that path";
    assert_eq!(lock("mark held(l) if ok\nret 0"), format!("t.uop:16:1: {warning}"));
    assert_eq!(
        lock("mark held(l) if ok\nok = 1\nif ok goto out\nr = call slow(l)\nret r\nout:\nret 0"),
        format!("t.uop:21:1: {warning}")
    );
    assert_eq!(
        lock("if ok goto out\nr = call odd(l)\nret r\nout:\nmark held(l)\nret 0"),
        format!("t.uop:17:1: {warning}")
    );
    assert_eq!(
        lock("if ok goto out\nspin:\npause\ngoto spin\nout:\nmark held(l)\nret 0"),
        "",
        "a path that never returns"
    );
}

#[test]
fn procedures_that_call_each_other_are_judged_by_their_ends() {
    let text = "struct w { v: u32 }\nexport lock a\nproc a(l: w, n) {\n  if n goto more\n  mark held(l)\n  ret\nmore:\n  call b(l, n)\n}\n\
                proc b(l: w, n) {\n  n = n - 1\n  call a(l, n)\n}\n";
    assert_eq!(doubts(text), "");
    assert!(doubts(&text.replace("  mark held(l)\n", "  pause\n")).contains("can return here without"));
}
