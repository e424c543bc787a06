// SPDX-License-Identifier: MIT OR Apache-2.0
//! What instructions and C expressions compute, by one thread alone.

use std::collections::BTreeSet;

use lock_impl::litmus::{Variant, compile, parse, uop_text};
use sim_core::untimed::{LIMIT_BYTES, Model, System, explore};

/// The only outcome of a test, as shown.
fn only(text: &str) -> String {
    let test = parse("t", text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let c = compile(&test, Variant::Bare).unwrap_or_else(|e| panic!("{e:?}\n{}", uop_text(&test, Variant::Bare)));
    let mut shown = BTreeSet::new();
    for model in [Model::Sc, Model::Tso] {
        let system = System {
            program: c.program.clone(),
            model,
            tasks: vec![Some(c.procs[0])],
            memory: c.memory.clone(),
            store_buffer: 8,
            merge_local: true,
            ..System::default()
        };
        let explored = explore(&system, LIMIT_BYTES, |s| {
            let o = c.outcome(|t, r| s.cores[t].contexts[0].regs[r], |a, w| s.read(a, w));
            shown.insert(c.show(&test, &o));
        });
        assert_eq!(explored.expect("it runs").finals, 1);
    }
    assert_eq!(shown.len(), 1, "{shown:?}");
    shown.pop_first().expect("there is one")
}

#[test]
fn x86_registers_keep_or_clear_what_an_instruction_does_not_write() {
    let run = |body: &str, shown: &str| {
        only(&format!(
            "X86_64 t\n{{ uint64_t x=0x1122334455667788; 0:rax=-1; }}\n P0 ;\n {body} ;\nlocations [{shown}]\nexists (x=0)\n"
        ))
    };
    assert_eq!(run("movb (x),%al", "0:rax"), "0:rax=-120; x=1234605616436508552;");
    assert_eq!(run("movl (x),%eax", "0:rax"), "0:rax=1432778632; x=1234605616436508552;");
    assert_eq!(run("movw $0,(x)", "x"), "x=1234605616436477952;");
    assert_eq!(run("xorl %eax,%eax ; movq %rax,(x)", "0:rax"), "0:rax=0; x=0;");
    // It fails: the accumulator gets what is there. It wins: the accumulator stays, upper half and all.
    assert_eq!(run("lock cmpxchgl %ebx,(x)", "0:rax"), "0:rax=1432778632; x=1234605616436508552;");
    let wins = "movl $-1,(x) ; lock cmpxchgl %ebx,(x)";
    assert_eq!(run(wins, "0:rax; x"), "0:rax=-1; x=1234605615003729920;");
}

#[test]
fn x86_arithmetic_flags_and_jumps() {
    let run =
        |body: &str| only(&format!("X86 t\n{{ x=5; }}\n P0 ;\n {body}\nlocations [0:EAX; 0:EBX]\nexists (x=0)\n"));
    assert_eq!(run("MOV EAX,$3 ;\n SUB EAX,[x] ;\n MOV EBX,$1 ;"), "0:EAX=-2; 0:EBX=1; x=5;");
    assert_eq!(run("DEC [x] ;\n MOV EAX,[x] ;\n XCHG EAX,EBX ;"), "0:EAX=0; 0:EBX=4; x=4;");
    // -1 is less than 5 if signed, and above it if not.
    let signed = "MOV EAX,$-1 ;\n CMP EAX,[x] ;\n JL L ;\n MOV EBX,$9 ;\n L: NOP ;";
    assert_eq!(run(signed), "0:EAX=-1; 0:EBX=0; x=5;");
    assert_eq!(run(&signed.replace("JL", "JB")), "0:EAX=-1; 0:EBX=9; x=5;");
    assert_eq!(run("LOCK DEC [x] ;\n JNE L ;\n MOV EBX,$1 ;\n L: LOCK XADD [x],EAX ;"), "0:EAX=4; 0:EBX=0; x=4;");
    let spin = "MOV EAX,$0 ;\n L: INC EAX ;\n CMP EAX,$7 ;\n JNE L ;";
    assert_eq!(run(spin), "0:EAX=7; 0:EBX=0; x=5;");
}

#[test]
fn aarch64_widths_extensions_and_atomics() {
    let run = |body: &str| {
        only(&format!(
            "AArch64 t\n{{ int x=7; uint64_t z=-1; 0:X1=x; 0:X2=z; }}\n P0 ;\n {body}\nlocations [0:X0; 0:X3]\nexists (x=0 /\\ z=0)\n"
        ))
    };
    assert_eq!(run("LDR W0,[X2] ;"), "0:X0=-1; 0:X3=0; x=7; z=-1;");
    assert_eq!(run("LDRH W0,[X2] ;\n SUB W3,W0,#65536 ;"), "0:X0=65535; 0:X3=-1; x=7; z=-1;");
    assert_eq!(
        run("MOV W3,#-8 ;\n ADD X1,X1,#8 ;\n LDR W0,[X1,W3,SXTW] ;\n MOV W3,#1 ;"),
        "0:X0=7; 0:X3=1; x=7; z=-1;"
    );
    assert_eq!(run("MOV W0,#3 ;\n LDADDAL W0,W3,[X1] ;"), "0:X0=3; 0:X3=7; x=10; z=-1;");
    assert_eq!(run("MOV W0,#3 ;\n LDCLR W0,W3,[X1] ;"), "0:X0=3; 0:X3=7; x=4; z=-1;");
    assert_eq!(run("MOV W0,#7 ;\n MOV W3,#9 ;\n CAS W0,W3,[X1] ;"), "0:X0=7; 0:X3=9; x=9; z=-1;");
    assert_eq!(run("MOV W0,#6 ;\n MOV W3,#9 ;\n CASA W0,W3,[X1] ;"), "0:X0=7; 0:X3=9; x=7; z=-1;");
    assert_eq!(
        run("STRB WZR,[X2] ;\n LDR X0,[X2] ;\n LSR X0,X0,#8 ;\n CBZ X0,L ;\n MOV X3,#5 ;\n L: MOV X0,#1 ;"),
        "0:X0=1; 0:X3=5; x=7; z=-256;"
    );
    assert_eq!(run("MOV W0,#-1 ;\n CMP W0,#1 ;\n B.GT L ;\n MOV W3,#1 ;\n L: NOP ;"), "0:X0=-1; 0:X3=1; x=7; z=-1;");
    assert_eq!(run("MOV W0,#-1 ;\n CMP W0,#1 ;\n B.HI L ;\n MOV W3,#1 ;\n L: NOP ;"), "0:X0=-1; 0:X3=0; x=7; z=-1;");
}

#[test]
fn c_values_are_the_numbers_c_says() {
    let run = |body: &str| {
        only(&format!(
            "C t\n{{ int x=-3; }}\nP0(int *x, unsigned *u, long *l, signed char *b)\n{{\n\tint r0 = 0;\n\t{body}\n}}\nlocations [0:r0; u; l; b]\nexists (x=0)\n"
        ))
    };
    assert_eq!(run("r0 = *x * 2 + 1;"), "0:r0=-5; b=0; l=0; u=0; x=-3;");
    assert_eq!(run("*u = *x; *l = *u;"), "0:r0=0; b=0; l=4294967293; u=4294967293; x=-3;");
    assert_eq!(run("*l = *x; *b = 300;"), "0:r0=0; b=44; l=-3; u=0; x=-3;");
    // Signed with unsigned of the same size compares as unsigned.
    assert_eq!(run("*u = 1; if (*x < *u) r0 = 1; else r0 = 2;"), "0:r0=2; b=0; l=0; u=1; x=-3;");
    assert_eq!(run("if (*x < 1 && !*l || 0) { r0 = 7; }"), "0:r0=7; b=0; l=0; u=0; x=-3;");
    assert_eq!(run("if (*x) { int r1 = 1; r0 = r1; } else { int r1 = 2; r0 = r1; }"), "0:r0=1; b=0; l=0; u=0; x=-3;");
    assert_eq!(run("while (r0 < 5) r0 = r0 + 2;"), "0:r0=6; b=0; l=0; u=0; x=-3;");
    assert_eq!(run("r0 = (1 + 2 * 3 ^ 2) == 5 | ~0 << 3;"), "0:r0=-7; b=0; l=0; u=0; x=-3;");
    assert_eq!(run("r0 = xchg_relaxed(x, 5) - cmpxchg(x, 5, 6);"), "0:r0=-8; b=0; l=0; u=0; x=6;");
    assert_eq!(run("r0 = cmpxchg(x, -3, 4);"), "0:r0=-3; b=0; l=0; u=0; x=4;");
    assert_eq!(
        run("if (atomic_sub_and_test(-3, x)) r0 = atomic_fetch_or_release(6, x);"),
        "0:r0=0; b=0; l=0; u=0; x=6;"
    );
    assert_eq!(run("r0 = atomic_add_return(10, x); atomic_set(x, atomic_read(x) + 1);"), "0:r0=7; b=0; l=0; u=0; x=8;");
}

#[test]
fn conditions_bind_as_written() {
    let verdict = |condition: &str| {
        let text = format!("X86 t\n{{ x=1; y=0; }}\n P0 ;\n NOP ;\nexists {condition}\n");
        let test = parse("t", &text).unwrap_or_else(|e| panic!("{e}"));
        let c = compile(&test, Variant::Bare).expect("it assembles");
        let outcome: Vec<i64> = test.observed.iter().map(|o| i64::from(o.to_string() == "x")).collect();
        c.holds(&test.condition, &outcome)
    };
    assert!(verdict("(x=1 \\/ y=1 /\\ y=2)"));
    assert!(!verdict("((x=1 \\/ y=1) /\\ y=2)"));
    assert!(verdict("(~y=1 /\\ not (x=0))"));
    assert!(verdict("(y=1 => x=0)"));
    assert!(!verdict("(x=1 => y=1)"));
    assert!(verdict("([x]=0x1 /\\ true)"));
    assert!(verdict("(x != 2)"));
}
