// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files as catalogues have them: odd headers, spacing, comments, initial sections and conditions.

use std::collections::BTreeSet;

use lock_impl::litmus::{Variant, compile, parse, uop_text};
use sim_core::untimed::{LIMIT_BYTES, Model, System, explore};

/// What the condition is under sc, and how many outcomes there are: `Sometimes 4`.
fn found(text: &str) -> String {
    let test = match parse("t", text) {
        Ok(test) => test,
        Err(e) => return e.to_string(),
    };
    let c = compile(&test, Variant::Bare).unwrap_or_else(|e| panic!("{e:?}\n{}", uop_text(&test, Variant::Bare)));
    let system = System {
        program: c.program.clone(),
        model: Model::Sc,
        tasks: c.procs.iter().map(|p| Some(*p)).collect(),
        memory: c.memory.clone(),
        store_buffer: 8,
        merge_local: true,
        ..System::default()
    };
    let mut all = BTreeSet::new();
    let explored = explore(&system, LIMIT_BYTES, |s| {
        let o = c.outcome(|t, r| s.cores[t].contexts[0].regs[r], |a, w| s.read(a, w));
        if c.counts(&test, &o) {
            all.insert(o);
        }
    });
    explored.expect("it runs");
    let with = all.iter().filter(|o| c.holds(&test.condition, o)).count();
    let word = match (with, all.len() - with) {
        (0, _) => "Never",
        (_, 0) => "Always",
        _ => "Sometimes",
    };
    format!("{word} {}", all.len())
}

/// Text and what it gives.
const FILES: &[(&str, &str)] = &[
    // A header as generators write it, with keys, braces in a text, and no blank line anywhere.
    (
        "AArch64 MP+dmb.sy+addr\n\"DMB.SYdWW Rfe DpAddrdR Fre\"\nGenerator=diyone7 (version 7.56)\nPrefetch=0:x=F,0:y=W,1:y=F,1:x=T\nCom=Rf Fr\nOrig=DMB.SYdWW Rfe DpAddrdR Fre\n{\n0:X1=x; 0:X3=y;\n1:X1=y; 1:X4=x;\n}\n P0          | P1                  ;\n MOV W0,#1   | LDR W0,[X1]         ;\n STR W0,[X1] | EOR W2,W0,W0        ;\n DMB SY      | LDR W3,[X4,W2,SXTW] ;\n MOV W2,#1   |                     ;\n STR W2,[X3] |                     ;\nexists\n(1:X0=1 /\\ 1:X3=0)\n",
        "Never 3",
    ),
    // The description stands on the first line, as does the question behind the threads.
    (
        "X86 SB \"Fre PodWR\"\n{}\nP0|P1;\nMOV [x],$1|MOV [y],$1;\nMOV EAX,[y]|MOV EBX,[x];exists(0:EAX=1/\\1:EBX=1)",
        "Sometimes 3",
    ),
    // Line ends of another system, tabs, no end of the last line.
    ("X86 t\r\n{\r\n\tx=1;\r\n}\r\n\tP0\t;\r\n\tMOV EAX,[x]\t;\r\nforall\t(0:EAX=1)", "Always 1"),
    // Comments everywhere, one inside another, with what is not ASCII.
    (
        "X86 t (* über (* inner *) alles *)\n(* before *){ (* in *) x=2 (* here *); }\n P0 (* name *) ;\n MOV EAX,[x] (* cell *) ; (* row *)\nexists (* the *) (0:EAX=2) (* Bad outcome. *)\n",
        "Always 1",
    ),
    // A kernel test: result in a comment, thread comments, a condition over several lines.
    (
        "C MP+poonceonces\n\n(*\n * Result: Sometimes\n *\n * Can the counter-intuitive ...\n *)\n\n{}\n\nP0(int *buf, int *flag) // Producer\n{\n\tWRITE_ONCE(*buf, 1);\n\tWRITE_ONCE(*flag, 1);\n}\n\nP1(int *buf, int *flag) /* Consumer */\n{\n\tint r0;\n\tint r1;\n\n\tr0 = READ_ONCE(*flag);\n\tr1 = READ_ONCE(*buf);\n}\n\nexists (1:r0=1 /\\\n\t1:r1=0) (* Bad outcome. *)\n",
        "Never 3",
    ),
    // All forms of initial values; no `;` behind the last.
    (
        "AArch64 t\n{ 0:X1=x; int x=0; uint64_t y; int *p=&x; [z]=0x10; 0:X5 = -3 ; int w = 7; uint8_t b=255;;\n 0:X2=y; 0:X3=p; uint64_t 0:X7=0xffffffffffffffff }\nP0 ;\nLDR X4,[X3] ;\nexists (0:X4=x /\\ z=16 /\\ 0:X5=-3 /\\ w=7 /\\ b=0xff /\\ 0:X7=-1 /\\ y=0 /\\ p=x)",
        "Always 1",
    ),
    // What is shown and what counts.
    (
        "X86 t\n{ }\n P0 | P1 ;\n MOV [x],$1 | MOV EAX,[x] ;\n | MOV EBX,[x] ;\nlocations [x; 1:EAX; 1:EBX;]\nfilter (1:EAX=1)\nexists (1:EBX=1)\n",
        "Always 1",
    ),
    ("X86 t\n{ }\n P0 ;\n MOV [x],$1 ;\nlocations [x]\n~exists (x=0 \\/ ~(x=1))\n", "Never 1"),
    ("X86 t\n{ }\n P0 ;\n MOV [x],$1 ;\n~ exists not (x=1) \\/ false\n", "Never 1"),
    ("X86 t\n{ }\n P0 ;\n MOV [x],$1 ;\nnot exists x=1 /\\ not x=0 /\\ true\n", "Always 1"),
    (
        "X86 t\n{ y=-1; }\n P0 ;\n MOV [x],$0x1F ;\nexists ([x]=31 /\\ (y=-0x1 \\/ (x=0 /\\ y=0)) /\\ (x=0 => y=7))\n",
        "Always 1",
    ),
    // A cell may be empty, a thread may do nothing, labels may stand alone.
    ("X86 t\n{ }\n P0 | P1 ;\n L0: | ;\n | L1: MOV [x],$1 ;\n MOV EAX,[x] | ;\nexists (0:EAX=1)\n", "Sometimes 2"),
    // Lower case, no blanks, blanks everywhere.
    ("AArch64 t\n{0:x1=x;0:x3=y}\n p0 ;\n mov w0,#1 ;\n", "t:3:2: expected the thread `P0` in the row of names"),
    (
        "AArch64 t\n{0:x1=x;0:x3=y}\n P0 ;\n mov w0 , # 1 ;\n str w0 , [ x1 ] ;\n ldr w2,[ x1 , # 0 ] ;\nexists ( 0 : x2 = 1 )",
        "Always 1",
    ),
    // Branches, W and X, dependencies through each kind of arithmetic.
    (
        "AArch64 t\n{ 0:X1=x; uint64_t x=0x100000001; }\n P0 ;\n LDR X0,[X1] ;\n SUB W2,W0,W0 ;\n ADD X3,X0,W2,UXTW ;\n AND X4,X3,#0xff ;\n ORR X5,X4,XZR ;\n LSL X6,X5,#4 ;\n LSR X7,X6,#2 ;\n CMP X7,#4 ;\n B.NE LC01 ;\n CBZ X4,LC01 ;\n MOV W8,#1 ;\n LC01: NOP ;\nexists (0:X8=1 /\\ 0:X2=0 /\\ 0:X3=4294967297)\n",
        "Always 1",
    ),
    // Every order and size of the atomics.
    (
        "AArch64 t\n{ 0:X1=x; }\n P0 ;\n MOV W0,#1 ;\n SWPAL W0,W2,[X1] ;\n LDADDA W0,W3,[X1] ;\n LDSETL W0,W4,[X1] ;\n LDCLR W0,W5,[X1] ;\n STADD W0,[X1] ;\n CASAL W5,W0,[X1] ;\n LDADDB W0,W6,[X1] ;\n LDEORAL W0,W7,[X1] ;\n LDAPR W9,[X1] ;\nexists (0:X2=0 /\\ 0:X3=1 /\\ 0:X4=2 /\\ 0:X5=3 /\\ 0:X6=1 /\\ 0:X7=2 /\\ 0:X9=3)\n",
        "Always 1",
    ),
    // Pairs of names for barriers.
    (
        "AArch64 t\n{ 0:X1=x; }\n P0 ;\n DMB ISH ;\n DMB ISHLD ;\n DMB ISHST ;\n DSB SY ;\n DMB LD ;\n DMB ST ;\n ISB ;\n ISB SY ;\n STLR WZR,[X1] ;\nexists (x=0)\n",
        "Always 1",
    ),
    // x86: everything that is locked, in both syntaxes.
    (
        "X86 t\n{ x=5; }\n P0 ;\n LOCK INC [x] ;\n LOCK DEC [x] ;\n MOV EAX,$5 ;\n MOV EBX,$9 ;\n LOCK CMPXCHG [x],EBX ;\n LOCK ADD [x],$1 ;\n LOCK OR [x],$1 ;\n LOCK AND [x],$0xF ;\n LOCK XOR [x],$1 ;\n XCHG EAX,[x] ;\n SFENCE ;\n LFENCE ;\n MFENCE ;\nexists (x=5 /\\ 0:EAX=10)\n",
        "Always 1",
    ),
    (
        "X86_64 t\n{ uint64_t x=5; }\n P0 ;\n lock addq $1,(x) ;\n movq (x),%rax ;\n movl $7,%ecx ;\n xchgq %rcx,(x) ;\n decq (x) ;\n mfence ;\nexists (0:rax=6 /\\ 0:rcx=6 /\\ x=6)\n",
        "Always 1",
    ),
    // The kernel's atomics, each order of each.
    (
        "C t\n{ atomic_t a = ATOMIC_INIT(3); }\nP0(atomic_t *a, int *x)\n{\n\tint r0 = atomic_add_return(1, a);\n\tint r1 = atomic_fetch_add_relaxed(1, a);\n\tint r2 = atomic_inc_return_acquire(a);\n\tint r3 = atomic_dec_return_release(a);\n\tint r4 = atomic_sub_return(2, a);\n\tint r5 = atomic_cmpxchg_relaxed(a, 3, 8);\n\tint r6 = atomic_xchg_acquire(a, 9);\n\tatomic_set(a, 1);\n\tatomic_set_release(a, atomic_read(a) + atomic_read_acquire(a));\n\tsmp_mb__before_atomic();\n\tatomic_inc(a);\n\tsmp_mb__after_atomic();\n\tsmp_store_mb(*x, 4);\n\tint r7 = xchg_release(x, 5);\n\tint r8 = cmpxchg(x, 5, 6);\n}\nexists (0:r0=4 /\\ 0:r1=4 /\\ 0:r2=6 /\\ 0:r3=5 /\\ 0:r4=3 /\\ 0:r5=3 /\\ 0:r6=8 /\\ a=3 /\\ 0:r7=4 /\\ 0:r8=5 /\\ x=6)\n",
        "Always 1",
    ),
    (
        "C t\n{ }\nP0(atomic_t *a)\n{\n\tatomic_add(3, a);\n\tint r0 = atomic_fetch_sub(1, a);\n\tint r1 = atomic_fetch_or(8, a);\n\tint r2 = atomic_fetch_and(8, a);\n\tint r3 = atomic_fetch_xor(9, a);\n\tint r4 = atomic_dec_and_test(a);\n\tint r5 = atomic_sub_and_test(0, a);\n\tint r6 = atomic_inc_and_test(a);\n}\nexists (0:r0=3 /\\ 0:r1=2 /\\ 0:r2=10 /\\ 0:r3=8 /\\ 0:r4=1 /\\ 0:r5=1 /\\ 0:r6=0 /\\ a=1)\n",
        "Always 1",
    ),
    // Locks and pointers.
    (
        "C t\n{ spinlock_t l; }\nP0(spinlock_t *l, int *x)\n{\n\tspin_lock(l);\n\t*x = *x + 1;\n\tspin_unlock(l);\n}\nP1(spinlock_t *l, int *x)\n{\n\tspin_lock(l);\n\t*x = *x + 1;\n\tspin_unlock(l);\n}\nexists (x=2)\n",
        "Always 1",
    ),
    (
        "C t\n{\nint *p = &z; (* a pointer *)\nint z = 5;\nint x = 1;\n}\nP0(int **p, int *x)\n{\n\trcu_assign_pointer(*p, x);\n}\nP1(int **p)\n{\n\tint *r0;\n\tint r1;\n\n\tr0 = rcu_dereference(*p);\n\tr1 = READ_ONCE(*r0);\n}\nexists (1:r1=1 /\\ 1:r0=x)\n",
        "Sometimes 2",
    ),
    // `if` with and without braces, `else if`, a declaration in the middle, casts, parentheses.
    (
        "C t\n{ x=2; }\nP0(int *x, int *y)\n{\n\tint r0 = (int)READ_ONCE(*x);\n\tif (r0 == 1) {\n\t\tWRITE_ONCE(*y, 1);\n\t} else if ((r0 & 2) && !(r0 > 2))\n\t\tWRITE_ONCE(*y, 2);\n\telse\n\t\tWRITE_ONCE(*y, 3);\n}\nexists (y=2)\n",
        "Always 1",
    ),
    // More than ten threads; the register of the last.
    (
        "X86 t\n{ }\n P0|P1|P2|P3|P4|P5|P6|P7|P8|P9|P10 ;\n | | | | | | | | | |MOV EAX,[x] ;\nexists (10:EAX=0)\n",
        "Always 1",
    ),
    // A name with everything.
    ("X86 3.SB+mfence-[x]_po@1.5\n{ x=0; }\n P0 ;\n NOP ;\nexists (x=0)\n", "Always 1"),
    ("X86 t\n{ }\n P0 ;\n MOV [x],$1\nexists (x=0)\n", "t:5:1: expected `|` or `;`, found `exists`"),
    (
        "X86 t\n{ x=1 y=2 }\n P0 ;\n NOP ;\nexists (x=0)\n",
        "t:2:7: expected `;` or `}` behind an initial value, found `y`",
    ),
];

#[test]
fn odd_files_are_read_as_they_are_meant() {
    let mut wrong = String::new();
    for (text, expected) in FILES {
        let found = found(text);
        if found != *expected {
            wrong += &format!("expected {expected}, found {found}\n{text}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
