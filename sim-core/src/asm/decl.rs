// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of a program: constants, structures, objects, distributions, procedures.

use super::diag::{Sink, Sp};
use super::layout::{self, StructInfo};
use super::select::{list, twice};
use super::syntax::{Arg, Item, Literal, Name, Unit, is_value_word};
use super::{Options, lex::shorten};
use crate::isa::{ContextKind, Detector, EDEADLK, ETIMEDOUT, WaitKind};
use crate::program::{Dist, Object, Struct, TimeSpan};
use std::collections::{BTreeMap, BTreeSet};

/// What a name stands for where a value is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueKind {
    /// A constant, and whether it was written as a time.
    Const { value: u64, nanos: bool },
    /// Index into [`Decls::objects`].
    Object(usize),
}

/// A procedure as its callers see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature {
    pub(super) index: usize,
    pub(super) params: usize,
    pub(super) results: usize,
    pub(super) at: Sp,
}

/// Everything declared.
#[derive(Default)]
pub(super) struct Decls<'a> {
    /// Name of the program.
    pub(super) program: Option<&'a str>,
    /// Constants, parameters and objects; built-in ones have no place.
    pub(super) values: BTreeMap<&'a str, (ValueKind, Option<Sp>)>,
    pub(super) structs: Vec<Struct>,
    pub(super) infos: Vec<StructInfo>,
    struct_ids: BTreeMap<&'a str, (usize, Sp)>,
    pub(super) objects: Vec<Object>,
    pub(super) percpu_stride: u64,
    pub(super) dists: Vec<Dist>,
    pub(super) dist_ids: BTreeMap<&'a str, (usize, Sp)>,
    pub(super) procs: BTreeMap<&'a str, Signature>,
    pub(super) params: Vec<(String, u64)>,
    pub(super) exports: Vec<(String, u16)>,
    /// Words of declarations that could not be read.
    pub(super) broken: BTreeSet<&'a str>,
}

impl<'a> Decls<'a> {
    /// Index of the structure of this name.
    pub(super) fn struct_named(&self, name: &str) -> Option<usize> {
        self.struct_ids.get(name).map(|(id, _)| *id)
    }

    /// Reads the selected declarations. `all` are those of every section, to tell a parameter
    /// that is not selected from one that does not exist.
    pub(super) fn read(selected: &[&Item<'a>], all: &[Item<'a>], options: &Options, sink: &mut Sink<'_>) -> Self {
        let mut d = Decls::default();
        d.builtins();
        d.constants(selected, options, sink);
        d.check_overrides(all, options, sink);
        let mut objects = Vec::new();
        let mut percpu = BTreeSet::new();
        for item in selected {
            if let Item::Struct(s) = item {
                layout::structure(&mut d, s, sink);
                if s.percpu
                    && let Some((id, _)) = d.struct_ids.get(s.name.text)
                {
                    objects.push((s.name, *id, true));
                    percpu.insert(*id);
                }
            }
        }
        for item in selected {
            if let Item::Object { name, layout } = item
                && let Some(id) = d.struct_id(layout, sink)
            {
                if percpu.contains(&id) {
                    let message = format!("structure `{}` is per-CPU: it has one instance per core", layout.text);
                    sink.error(layout.at, message, "per-CPU").help("remove `percpu` there, or this object");
                }
                objects.push((*name, id, false));
            } else if let Item::Object { name, .. } = item {
                d.broken.insert(name.text);
            }
        }
        layout::objects(&mut d, &objects, sink);
        d.distributions(selected, sink);
        d.procedures(selected, sink);
        d
    }

    fn builtins(&mut self) {
        let named = [("EDEADLK", EDEADLK), ("ETIMEDOUT", ETIMEDOUT)].into_iter();
        let waits = WaitKind::ALL.iter().map(|k| (k.name(), *k as u64));
        let detectors = Detector::ALL.iter().map(|k| (k.name(), *k as u64));
        let contexts = ContextKind::ALL.iter().map(|k| (k.name(), *k as u64));
        for (name, value) in named.chain(waits).chain(detectors).chain(contexts) {
            self.values.insert(name, (ValueKind::Const { value, nanos: false }, None));
        }
    }

    /// Gives a name in the space of values its meaning.
    pub(super) fn declare(&mut self, name: &Name<'a>, kind: ValueKind, sink: &mut Sink<'_>) {
        if is_value_word(name.text) {
            sink.error(name.at, format!("`{}` is a word of the language", name.text), "not free as a name");
        } else if let Some((_, first)) = self.values.get(name.text) {
            match first {
                Some(first) => twice(sink, "name", name, *first),
                None => {
                    _ = sink.error(name.at, format!("`{}` is a built-in constant", name.text), "not free as a name")
                }
            }
        } else {
            self.values.insert(name.text, (kind, Some(name.at)));
        }
    }

    fn constants(&mut self, selected: &[&Item<'a>], options: &Options, sink: &mut Sink<'_>) {
        for item in selected {
            match item {
                Item::Program(name) => self.program = self.program.or(Some(name.text)),
                Item::Broken(words) => self.broken.extend(words),
                Item::Const { name, value } => self.declare(name, constant_of(value, None), sink),
                Item::Param { name, value } => {
                    let wish = options.params.iter().find(|(n, _)| n == name.text).map(|(_, v)| *v);
                    self.declare(name, constant_of(value, wish), sink);
                    self.params.push((name.text.to_owned(), wish.unwrap_or(value.value)));
                }
                _ => {}
            }
        }
    }

    fn check_overrides(&self, all: &[Item<'a>], options: &Options, sink: &mut Sink<'_>) {
        let mut known = Vec::new();
        param_names(all, &mut known);
        for (i, (name, _)) in options.params.iter().enumerate() {
            if options.params[..i].iter().any(|(n, _)| n == name) {
                sink.option_error(format!("parameter `{name}` is given two values"));
            }
            if self.params.iter().any(|(n, _)| n == name) || self.broken.contains(name.as_str()) {
                continue;
            }
            if known.contains(&name.as_str()) {
                sink.option_error(format!("parameter `{name}` belongs to a `patch` section that is not enabled"))
                    .help("enable the patch, or do not set the parameter");
            } else {
                sink.option_error(format!("there is no parameter `{name}`"))
                    .help(list("parameters", &known))
                    .near(name, known.iter().copied());
            }
        }
    }

    /// Value of a constant expression in a declaration.
    pub(super) fn constant(&self, arg: &Arg<'a>, sink: &mut Sink<'_>) -> Option<u64> {
        match arg {
            Arg::Lit(Literal { unit: Unit::None, value, .. }) => Some(*value),
            Arg::Lit(l) => {
                sink.error(l.at, "a number without unit is wanted here", "a time");
                None
            }
            Arg::Name(n) => match self.values.get(n.text) {
                Some((ValueKind::Const { value, .. }, _)) => Some(*value),
                _ if self.broken.contains(n.text) => None,
                _ => {
                    let consts = self.values.iter().filter(|(_, v)| matches!(v.0, ValueKind::Const { .. }));
                    sink.error(n.at, format!("`{}` is not a constant", shorten(n.text)), "unknown constant")
                        .near(n.text, consts.map(|(name, _)| *name));
                    None
                }
            },
        }
    }

    /// Index of a structure; reports an unknown one.
    pub(super) fn struct_id(&self, name: &Name<'a>, sink: &mut Sink<'_>) -> Option<usize> {
        if let Some((id, _)) = self.struct_ids.get(name.text) {
            return Some(*id);
        }
        if !self.broken.contains(name.text) {
            let known: Vec<&str> = self.struct_ids.keys().copied().collect();
            sink.error(name.at, format!("unknown structure `{}`", shorten(name.text)), "not declared above")
                .help(list("structures", &known))
                .near(name.text, known);
        }
        None
    }

    /// Adds a laid-out structure under its name.
    pub(super) fn add_struct(&mut self, name: &Name<'a>, s: Struct, info: StructInfo, sink: &mut Sink<'_>) {
        if let Some((_, first)) = self.struct_ids.get(name.text) {
            return twice(sink, "structure", name, *first);
        }
        if super::parse_mem::WIDTHS.iter().any(|(n, _)| *n == name.text) {
            sink.error(name.at, format!("`{}` is a built-in type", name.text), "not free as a name");
        }
        self.struct_ids.insert(name.text, (self.structs.len(), name.at));
        self.structs.push(s);
        self.infos.push(info);
    }

    fn distributions(&mut self, selected: &[&Item<'a>], sink: &mut Sink<'_>) {
        for item in selected {
            let Item::Dist { name, shape, args } = item else { continue };
            if let Some((_, first)) = self.dist_ids.get(name.text) {
                twice(sink, "distribution", name, *first);
                continue;
            }
            let spans: Vec<Option<TimeSpan>> = args.iter().map(|a| self.time_span(a, sink)).collect();
            let dist = match (shape.text, spans.as_slice()) {
                ("fixed", [t]) => t.map(Dist::Fixed),
                ("exp", [t]) => t.map(Dist::Exp),
                ("uniform", [a, b]) => a.zip(*b).map(|(a, b)| {
                    if a.cycles == b.cycles && a.amount > b.amount {
                        sink.error(args[1].at(), "the range ends before it begins", "smaller than the first");
                    }
                    Dist::Uniform(a, b)
                }),
                ("fixed" | "exp" | "uniform", _) => {
                    let wants = if shape.text == "uniform" { "two times" } else { "one time" };
                    sink.error(shape.at, format!("`{}` takes {wants}", shape.text), format!("{} given", args.len()));
                    None
                }
                (other, _) => {
                    sink.error(shape.at, format!("unknown distribution shape `{}`", shorten(other)), "not a shape")
                        .help("shapes: fixed(T), uniform(T, T), exp(T)")
                        .near(other, ["fixed", "uniform", "exp"]);
                    None
                }
            };
            if self.dists.len() > usize::from(u16::MAX) {
                sink.error(name.at, "more than 65536 distributions", "one too many");
                return;
            }
            self.dist_ids.insert(name.text, (self.dists.len(), name.at));
            self.dists.push(dist.unwrap_or(Dist::Fixed(TimeSpan { amount: 0, cycles: true })));
        }
    }

    /// A time of a distribution; a constant counts if it was written as a time.
    fn time_span(&self, arg: &Arg<'a>, sink: &mut Sink<'_>) -> Option<TimeSpan> {
        match arg {
            Arg::Lit(Literal { value, unit: Unit::Nanos, .. }) => Some(TimeSpan { amount: *value, cycles: false }),
            Arg::Lit(Literal { value, unit: Unit::Cycles, .. }) => Some(TimeSpan { amount: *value, cycles: true }),
            Arg::Name(n) if matches!(self.values.get(n.text), Some((ValueKind::Const { nanos: true, .. }, _))) => {
                self.constant(arg, sink).map(|amount| TimeSpan { amount, cycles: false })
            }
            _ => {
                if let Some(value) = self.constant(arg, sink) {
                    sink.error(arg.at(), format!("{value} has no unit"), "ns or cycles?")
                        .help(format!("write `{value}ns` or `{value}cy`"));
                }
                None
            }
        }
    }

    fn procedures(&mut self, selected: &[&Item<'a>], sink: &mut Sink<'_>) {
        let mut count = 0;
        for item in selected {
            let Item::Proc(p) = item else { continue };
            let (params, results, at) = (p.params.len(), p.results, p.name.at);
            if let Some(first) = self.procs.get(p.name.text) {
                twice(sink, "procedure", &p.name, first.at);
            } else {
                self.procs.insert(p.name.text, Signature { index: count, params, results, at });
            }
            count += 1;
        }
        let mut roles: BTreeMap<&str, Sp> = BTreeMap::new();
        for item in selected {
            let Item::Export { role, proc } = item else { continue };
            if let Some(first) = roles.insert(role.text, role.at) {
                twice(sink, "role", role, first);
            }
            if let Some(signature) = self.signature(proc, sink) {
                let index = u16::try_from(signature.index).unwrap_or(u16::MAX);
                self.exports.push((role.text.to_owned(), index));
            }
        }
    }

    /// A procedure; reports an unknown one.
    pub(super) fn signature(&self, name: &Name<'a>, sink: &mut Sink<'_>) -> Option<Signature> {
        let found = self.procs.get(name.text).copied();
        if found.is_none() && !self.broken.contains(name.text) {
            sink.error(name.at, format!("unknown procedure `{}`", shorten(name.text)), "not defined")
                .near(name.text, self.procs.keys().copied());
        }
        found
    }
}

fn constant_of(literal: &Literal, wish: Option<u64>) -> ValueKind {
    ValueKind::Const { value: wish.unwrap_or(literal.value), nanos: literal.unit == Unit::Nanos }
}

/// Parameters declared in any section.
fn param_names<'a>(items: &[Item<'a>], out: &mut Vec<&'a str>) {
    for item in items {
        match item {
            Item::Param { name, .. } => out.push(name.text),
            Item::Patch { body, .. } => param_names(body, out),
            _ => {}
        }
    }
}
