// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cannot be read is named with its place; nothing makes the reader panic.

use lock_impl::litmus::{Variant, compile, parse};

/// The message about this text, without the file's name.
fn error(text: &str) -> String {
    let e = parse("t.litmus", text).expect_err("this is no test");
    format!("{}:{}: {}", e.line, e.column, e.what)
}

fn x86(body: &str) -> String {
    format!("X86 t\n{{ }}\n P0 ;\n {body} ;\nexists (x=1)\n")
}

fn aarch64(body: &str) -> String {
    format!("AArch64 t\n{{ 0:X1=x; }}\n P0 ;\n {body} ;\nexists (x=1)\n")
}

fn c(body: &str) -> String {
    format!("C t\n{{}}\nP0(int *x)\n{{\n\tint r0;\n\t{body}\n}}\nexists (x=1)\n")
}

#[test]
fn unsupported_constructs_are_named_with_line_and_column() {
    let cases = [
        (
            "PPC SB\n{}\n",
            "1:1: the dialect `PPC` is not supported; the first line is one of X86, X86_64, AArch64, C and a name",
        ),
        (&x86("MOVNTI [x],EAX"), "4:2: the instruction `MOVNTI` is not supported"),
        (&x86("MOV EAX,[x] | MOV EBX,[x]"), "4:28: this row has 2 cells for 1 threads"),
        (&x86("MOV EAX,x"), "4:10: `x` is neither a register nor an address such as `[x]`"),
        (&x86("MOV RAX,[x]"), "4:6: `RAX` is neither a register nor an address such as `[x]`"),
        (&x86("JE L"), "4:2: `JE` is not supported where no CMP stands before it on the only way here"),
        (&x86("JMP L"), "4:6: there is no label `L`"),
        (&x86("L: NOP ;\n L: NOP"), "5:2: the label `L` is there twice"),
        (&x86("MOV AL,EBX"), "4:2: `MOV`: operands of different sizes"),
        (&x86("LOCK LEA EAX,[x]"), "4:7: `lock LEA` is not supported"),
        (&x86("XADD [x],EAX"), "4:2: `XADD` is supported with `lock`, memory and a register only"),
        (&aarch64("LDXR W0,[X1]"), "4:2: the instruction `LDXR` is not supported"),
        (
            &aarch64("LDR W0,[X1],#4"),
            "4:13: expected the end (addresses that change their register are not supported), found `,`",
        ),
        (&aarch64("DMB FOO"), "4:6: the barrier `DMB FOO` is not supported"),
        (&aarch64("LDR W0,[W1]"), "4:10: an address is held by an X register"),
        (&aarch64("MOV SP,X1"), "4:6: `SP` is not a supported register"),
        (&c("rcu_read_lock();"), "6:2: the function `rcu_read_lock` is not supported"),
        (&c("r1 = 0;"), "6:2: `r1` is not declared"),
        (&c("int r0;"), "6:6: `r0` is declared twice"),
        (&c("x = 0;"), "6:2: `x` is the address of a location and cannot be assigned; `*x` can"),
        (&c("for (;;) ;"), "6:2: `for` is not supported"),
        (&c("r0 = 1 / 2;"), "6:9: the operator `/` is not supported"),
        (&c("r0 = *x ? 1 : 2;"), "6:10: the operator `?` is not supported"),
        (&c("r0 = READ_ONCE(r0);"), "6:17: expected `*` and the address of a location, found `r0`"),
        (&c("r0 = *(x + 1);"), "6:11: `+` on an address is not supported"),
        (&c("r0 = atomic_add_unless(x, 1, 2);"), "6:7: the function `atomic_add_unless` is not supported"),
        ("C t\n{}\nP0(mutex_t *s)\n{\n}\nexists (s=1)\n", "3:4: the type `mutex_t` is not supported"),
        ("C t\n{ int a[2]; }\n", "2:7: `a`: arrays are not supported"),
        ("C t\n{ long x; }\nP0(int *x)\n{\n}\nexists (x=1)\n", "3:4: `x` has 4 bytes here and 8 elsewhere"),
        (
            "C t\n{ 1:r0=1; }\nP0(int *x)\n{\n}\nexists (x=1)\n",
            "6:1: expected the thread `P1`, which the initial section names, found `exists`",
        ),
        (
            "X86 t\n{ x=1; \n",
            "3:1: expected a location such as `x=1`, or a register such as `0:X1=x`, found the end of the file",
        ),
        ("X86 t\n(* no end\n", "2:1: this comment has no end"),
        ("X86 t\n{ }\n P0 ;\n NOP ;\nexists (y=1)\n", "5:9: `y` is no location of this test"),
        ("X86 t\n{ }\n P0 ;\n NOP ;\nexists (3:EAX=1)\n", "5:9: there is no thread 3"),
        (
            "X86 t\n{ }\n P0 ;\n NOP ;\nexists (0:EAX=1) or\n",
            "5:18: expected the end of the file behind the condition, found `or`",
        ),
        ("X86 t\n{ }\n P1 ;\n NOP ;\n", "3:2: expected the thread `P0` in the row of names"),
        (
            "X86 t\n{ }\n P0 ;\n MOV [x],$99999999999999999999 ;\n",
            "4:11: `99999999999999999999` is not a number of at most 64 bits",
        ),
    ];
    let mut wrong = String::new();
    for (text, expected) in cases {
        let found = error(text);
        if found != expected {
            wrong += &format!("expected {expected}\n   found {found}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn damaged_files_are_errors_or_tests_and_never_panics() {
    let seeds = [
        include_str!("../litmus/x86/n6.litmus"),
        include_str!("../litmus/x86_64/cmpxchg-wins-once.litmus"),
        include_str!("../litmus/aarch64/MP+dmb.sy+addr.litmus"),
        include_str!("../litmus/c/MP+plain.litmus"),
        include_str!("../litmus/c/atomics.litmus"),
    ];
    let (mut read, mut refused) = (0, 0);
    let mut stream = sim_core::rng::Stream::derive(1, 0, "damage");
    for round in 0..4000 {
        let mut text: Vec<char> = seeds[round % seeds.len()].chars().collect();
        for _ in 0..=stream.below(3) {
            let (i, j) = (stream.below(text.len() as u64) as usize, stream.below(text.len() as u64) as usize);
            match stream.below(4) {
                0 => drop(text.remove(i)),
                1 => text.swap(i, j),
                2 => text.insert(i, ['(', '{', '|', ';', '9', 'é', '*', '"'][j % 8]),
                _ => drop(text.drain(i.min(j)..i.max(j).min(i.min(j) + 9))),
            }
        }
        let text: String = text.into_iter().collect();
        match parse("damaged", &text) {
            Ok(test) => {
                // What is read can be made a program of, or the assembler says why not.
                let made = compile(&test, Variant::Timed);
                assert!(made.is_ok_and(|c| c.procs.len() == test.threads.len()), "{text}");
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 100, "read {read}, refused {refused}");
}

#[test]
fn deep_nesting_is_an_error() {
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(error(&c(&format!("r0 = {deep};"))).contains("simpler expression"));
    let negated = format!("X86 t\n{{ }}\n P0 ;\n NOP ;\nexists {}true\n", "~".repeat(100_000));
    assert!(error(&negated).contains("fewer parentheses"));
    assert!(error(&c(&"{".repeat(100_000))).contains("fewer statements"));
}
