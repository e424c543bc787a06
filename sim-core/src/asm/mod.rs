// SPDX-License-Identifier: MIT OR Apache-2.0
//! The assembler of the text form: program text in, [`Program`] out, and back again.
//!
//! A text is split into tokens (`lex`), parsed line by line (`parse*`), cut down to the patches that
//! are on (`select`), laid out in memory (`layout`, `decl`) and turned into micro-ops (`emit*`,
//! `address`). Every stage goes on after a mistake, so one run reports all of them. What is not an
//! error but probably a slip is found by [`check`]; [`Printer`] inverts the whole.
//!
//! # Text form
//!
//! One statement a line, `#` comments, numbers `12 0x1f 1_000 -1`, times `60ns 5us 250ms 1s 141cy`.
//!
//! ```text
//! program ticket "FIFO spin lock"
//! defpatch 1 backoff "wait in proportion" [needs OTHER, ..]
//! option exact "a switch that is not a patch"
//! const SLOTS = 4
//! param hold = 200ns "time the lock is held"         # Options::params override it
//! struct word align 64 kind lock { next: u32, owner: u32, both: u64 @0, bytes: [u8; 8] @0 }
//! struct area percpu { word: word @64, n: u32 }      # also `size N`: exactly N bytes
//! object the_lock: word
//! dist think = exp(2us)                              # fixed(T), uniform(T, T); T may be a time constant
//! export lock acquire
//! clean [word.next]                                   # zero whenever nobody uses a lock
//!
//! proc acquire(lock: word) -> waited {
//!   mine = fetch_add.u32 [lock.next], 1
//! spin:
//!   now = load.u32.acq [lock.owner]
//!   if now == mine goto held
//!   patch backoff & !exact {
//!     pause
//!   }
//!   goto spin
//! held:
//!   mark held(lock)
//!   ret 0
//! }
//! ```
//!
//! An `inline proc` is called like any other, but call and return cost no time, as in compiled code.
//!
//! Addresses: `[p.field]`, `[p.array[i].field]`, `[OBJECT.field]`, `[cpu.OBJECT.field]`,
//! `[OBJECT@c.field]`, and untyped `[p+8+i*16]`, `[0x10000]`, `[cpu+N]`, `[@c+N]`, where N counts from
//! address 0 of core 0. An access must have the width of the field it names; `lea`, `wfe` and
//! `prefetchw` take any place, also a whole object or structure. A structure must be declared above
//! the structures that contain it; a field without offset begins after the end of all before it.
//!
//! `x: STRUCT = ...` says what `x` points to from that line on. In conditions `&` binds stronger than
//! `|`, and `patch COND else {` is `patch !(COND) {`. A procedure without results may end without `ret`.
//!
//! `x = zext16 a` is an `and`, `x = a` a `mov`; nothing else is folded. `work x` takes cycles from a
//! register and `work x ns` nanoseconds; a constant needs a unit, written with it or at its
//! declaration. A call either ignores the results or takes all of them.
//!
//! Orders, which mean something on machines that reorder: a load is plain, `.acq`, or `.acqpc` (an acquire that may
//! pass an earlier release of its own core, as `LDAPR`); a store is plain or `.rel`; a read-modify-write is fully ordered, or
//! `.acq`, `.rel`, `.relaxed`; fences are `fence.full`, `.r`, `.w`, `.acq`, `.rel` and `.ctrl` (behind a branch, as `ISB`).
//!
//! # Limits
//!
//! A source has at most [`SOURCE_BYTES_MAX`] bytes, a program [`OPS_MAX`] micro-ops, a procedure 256
//! registers.

mod address;
mod check;
mod decl;
mod diag;
mod emit;
mod emit_op;
mod flow;
mod layout;
mod lex;
mod near;
mod parse;
mod parse_item;
mod parse_mem;
mod parse_stmt;
mod print;
mod print_addr;
mod select;
mod syntax;

pub use check::check;
pub use diag::{DIAGNOSTICS_MAX, Diagnostic, Diagnostics, SecondLabel, Severity};
pub use emit::OPS_MAX;
pub use near::near_name;
pub use print::{Printer, disassemble, listing, op_text};

use crate::program::{Program, Source};
use decl::Decls;
use diag::{Sink, Sp};
use emit::{Emitter, Frame, Hint, Output};
use select::Switches;
use syntax::Item;

/// Bytes of one source text: 1 MiB.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;

/// What of a program text is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Patches and options to switch on, in any order.
    pub enabled: Vec<String>,
    /// Values for parameters, in nanoseconds where the parameter is a time.
    pub params: Vec<(String, u64)>,
}

/// What the printer needs beyond the program.
#[derive(Clone, Debug, Default)]
struct Info {
    hints: Vec<Hint>,
    param_types: Vec<Vec<Option<usize>>>,
    dist_names: Vec<String>,
}

/// Assembles sources as one program: declarations of one can be used in all others, procedures
/// are numbered in order. The program is named by the first `program` line.
///
/// ```
/// use sim_core::asm::{Options, assemble};
/// use sim_core::program::Source;
///
/// let text = "program tiny \"one store\"\nproc main() {\n  store.u64 [0x10000], 1\n  ret\n}\n";
/// let program = assemble(&[Source { name: "tiny.uop".into(), text: text.into() }], &Options::default()).unwrap();
/// assert_eq!(program.procs[0].name, "main");
///
/// let wrong = [Source { name: "tiny.uop".into(), text: text.replace("store.u64", "stroe.u64") }];
/// let told = assemble(&wrong, &Options::default()).unwrap_err().render(&wrong, false);
/// assert!(told.contains("tiny.uop:3:"), "{told}");
/// ```
///
/// # Errors
/// All mistakes found, in order of place; see [`Diagnostics::render`].
pub fn assemble(sources: &[Source], options: &Options) -> Result<Program, Diagnostics> {
    assemble_with_info(sources, options).map(|(program, _)| program)
}

/// The program of one text that a test knows to be right.
#[cfg(test)]
pub(crate) fn assembled(text: &str) -> Program {
    let sources = [Source { name: "test".into(), text: text.into() }];
    assemble(&sources, &Options::default()).unwrap_or_else(|e| panic!("{}", e.render(&sources, false)))
}

fn assemble_with_info(sources: &[Source], options: &Options) -> Result<(Program, Info), Diagnostics> {
    let mut sink = Sink::new(sources);
    let items = read_all(sources, &mut sink);
    let switches = Switches::read(&items, options, &mut sink);
    let mut selected = Vec::new();
    switches.selected_items(&items, &mut selected);
    let mut decls = Decls::read(&selected, &items, options, &mut sink);
    let mut emitter = Emitter {
        decls: &decls,
        switches: &switches,
        sink: &mut sink,
        out: Output::default(),
        frame: Frame::default(),
        hint: Hint::default(),
        full: false,
    };
    for item in &selected {
        match item {
            Item::Proc(p) => emitter.procedure(p),
            Item::Clean(a) => emitter.clean(a),
            _ => {}
        }
    }
    let out = emitter.out;
    let (diagnostics, failed) = sink.finish();
    if failed {
        return Err(diagnostics);
    }
    let mut dist_names = vec![String::new(); decls.dists.len()];
    for (name, (i, _)) in &decls.dist_ids {
        (*name).clone_into(&mut dist_names[*i]);
    }
    let info = Info { hints: out.hints, param_types: out.param_types, dist_names };
    let program = Program {
        name: decls.program.unwrap_or_default().to_owned(),
        ops: out.ops,
        lines: out.lines,
        procs: out.procs,
        labels: out.labels,
        calls: out.calls,
        marks: out.marks,
        dists: std::mem::take(&mut decls.dists),
        structs: std::mem::take(&mut decls.structs),
        objects: std::mem::take(&mut decls.objects),
        percpu_stride: decls.percpu_stride,
        sources: sources.to_vec(),
        patches: switches.patches,
        options: switches.options,
        enabled: switches.enabled,
        params: std::mem::take(&mut decls.params),
        exports: std::mem::take(&mut decls.exports),
        clean: out.clean,
    };
    Ok((program, info))
}

/// Parses all sources, each on its own.
fn read_all<'a>(sources: &'a [Source], sink: &mut Sink<'_>) -> Vec<Item<'a>> {
    let mut all = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        let src = i as u32;
        if source.text.len() > SOURCE_BYTES_MAX {
            let message = format!("the file has {} bytes, more than {SOURCE_BYTES_MAX}", source.text.len());
            sink.error(Sp { src, start: 0, end: 0 }, message, "too long");
            continue;
        }
        let toks = lex::lex(src, &source.text, sink);
        let items = parse::parse(&toks, sink);
        let mut first: Option<Sp> = None;
        for item in &items {
            if let Item::Program(name) = item {
                if let Some(first) = first {
                    select::twice(sink, "program", name, first);
                }
                first = first.or(Some(name.at));
            }
        }
        all.extend(items);
    }
    all
}
