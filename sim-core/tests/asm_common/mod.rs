// SPDX-License-Identifier: MIT OR Apache-2.0
//! Program texts and helpers shared by the assembler's tests.
#![allow(dead_code, reason = "each test file uses a part")]

use sim_core::asm::{Options, assemble};
use sim_core::program::{Program, Source};

/// A text that uses every construct of the language.
pub(crate) const EVERYTHING: &str = r#"
program everything "one of each"
defpatch 1 first "the first"
defpatch Q second "another" needs first
option plain "a switch"
const SLOTS = 3           # an integer
const DELAY = 2us
param hold = 200ns "time held"
param cpu_limit = 0x10 "a number"
struct lock_word align 64 kind lock { locked: u8 @0, pending: u8 @1, tail: u16 @2, val: u32 @0, locked_pending: u16 @0 }
struct node align 16 kind node {
  next: u64,
  wait: u32      # a comma is optional at the end of a line
  count: u32,
}
struct nodes percpu align 64 kind node { n: [node; SLOTS] }
struct held percpu align 64 kind held { cnt: u32, locks: [u64; 31] @8 }
object the_lock: lock_word
dist think = exp(2us)
dist short = uniform(10cy, 20cy)
dist held_for = fixed(hold)
export lock acquire
export unlock release
clean [lock_word.val]
clean [cpu.held.locks[SLOTS]]
clean [the_lock.tail]

proc acquire(lock: lock_word) -> err {
  mark attempt(lock)
  old, ok = cas.u32.acq [lock.val], 0, 1
  mark held(lock) if ok
  if ok goto done
  err = call slow(lock, old)
  ret err
done:
  ret 0
}

proc slow(lock: lock_word, val) -> err {
  irq_save flags
  c = cpu
  n = cpus
  k = context
  i = 0
  mine: node = lea [cpu.nodes.n[i]]
  first: node = lea [nodes@c.n[1]]
  zero: node = lea [nodes@0.n[2]]
  whole = lea [cpu.held]
  store.u64 [mine.next], 0
  store.u32.rel [mine.wait], 1
  t = local_add.u32 [cpu.held.cnt], 1
  local_add.u32 [mine.count], -1
  t = t - 1
  store.u64 [cpu.held.locks[t]], lock
  x = load.u64 [cpu.held.locks[30]]
  y = load.u64.acq [held@c.locks[t]]
  z = load.u32 [nodes@c.n[t].wait]
  tail = zext16 c
  tail = tail << 2
  tail = tail | i
  tail = min tail, 100
  tail = max tail, x
  tail = tail / 3
  tail = tail % 0x1f0000
  tail = tail ^ y
  tail = tail * z
  tail = tail >> 1
  tail = tail & -8
  prev = xchg.u16.rel [lock.tail], tail
  mark wait(lock, queued)
  mark wait(lock, head, 0)
  mark wait(lock, fallback, x)
  mark resumed(lock)
  mark check(lock, abba)
  mark found(lock, ETIMEDOUT)
  mark queued(lock, prev, tail)
  mark released(lock, tail)
  mark note()
  mark note(1, 2)
  b = test_set_bit.u32 [lock.val], 8
  fetch_or.u32.relaxed [lock.val], 0xff00
  a = fetch_and.u32 [lock.val], 0xffff00ff
  a = fetch_xor.u32.acq [lock.val], 1
  a = load.u32.acqpc [lock.val]
  fence.ctrl
  a = fetch_add.u32 [the_lock.val], 65536
  cas.u8 [lock.locked], 1, 2
  cas.u64.rel [first.next], mine, zero
  call helper(the_lock, whole, 1000)
  prefetchw [first.next]
  start = clock_ns
spin:
  now = load.u8.acq [lock.locked]
  if now == 0 goto got
  if !b goto got
  if now >= 3 goto got
  if now <s -1 goto got
  now = clock_ns
  now = now - start
  if now > DELAY goto late
  pause
  wfe [lock.val]
  barrier
  goto spin
late:
  irq_restore flags
  mark failed(lock, ETIMEDOUT, timeout_head)
  ret ETIMEDOUT
got:
  fence.full
  fence.w
  fence.r
  fence.acq
  fence.rel
  mark held(lock)
  patch first {
    work 60ns
    patch second & !plain {
      work 141cy
    }
    patch second | (plain & !first) else {
      work hold
    }
  }
  patch first else {
    work a
    work a ns
    work SLOTS cy
  }
  d = draw think
  delay_until d
  d = draw held_for
  irq_restore 1
  s = stopping
  if s goto end
  raise 3
  ipi.to 2, d
  ipi.others s
  ipi.all 0
  halt
end:
  ret 0
}

inline proc helper(p, q, ns) {
  v = load.u64 [p+8]
  w = load.u32 [q+8+v*4]
  v = load.u16 [cpu+0x100000000]
  v = load.u8 [@w+0x100000000+v*2]
  v = load.u8 [0x10000+v*1]
  wfe [p]
}

proc release(lock: lock_word) {
  store.u8.rel [lock.locked], 0
  mark released(lock)
  ret
}

proc two(a, b) -> low, high {
  l = min a, b
  h = max a, b
  ret l, h
}

proc user() {
  lo, hi = call two(cpu_limit, 2)
  if lo <=s hi goto fine
  if lo >s 1 goto fine
  if lo >=s 1 goto fine
  if lo <= 1 goto fine
  if lo < 1 goto fine
  call release(the_lock)
fine:
}
"#;

/// A source named `t.uop`.
pub(crate) fn source(text: &str) -> Vec<Source> {
    vec![Source { name: "t.uop".to_owned(), text: text.to_owned() }]
}

/// Options that switch these patches on.
pub(crate) fn enabled(names: &[&str]) -> Options {
    Options { enabled: names.iter().map(|n| (*n).to_owned()).collect(), params: Vec::new() }
}

/// The program of a text that must assemble.
pub(crate) fn program(text: &str, options: &Options) -> Program {
    let sources = source(text);
    assemble(&sources, options).unwrap_or_else(|e| panic!("{}", e.render(&sources, false)))
}

/// All messages of a text that must not assemble, rendered.
pub(crate) fn errors(text: &str, options: &Options) -> String {
    let sources = source(text);
    match assemble(&sources, options) {
        Ok(_) => panic!("this assembled:\n{text}"),
        Err(e) => e.render(&sources, false),
    }
}

/// Short forms of all messages of a text that must not assemble, one a line.
pub(crate) fn short_errors(text: &str, options: &Options) -> String {
    match assemble(&source(text), options) {
        Ok(_) => panic!("this assembled:\n{text}"),
        Err(e) => e.to_string(),
    }
}
