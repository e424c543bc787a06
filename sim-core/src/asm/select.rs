// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patches and options: which are declared, which are on, and what text that selects.

use super::Options;
use super::diag::{Sink, Sp};
use super::syntax::{Cond, Item, Name, Stmt};
use crate::program::PatchInfo;
use std::collections::{BTreeMap, BTreeSet};

/// Declared patches and options, and which of them are on.
#[derive(Default)]
pub(super) struct Switches<'a> {
    pub(super) patches: Vec<PatchInfo>,
    /// Name and description.
    pub(super) options: Vec<(String, String)>,
    /// Those that are on, in order of declaration.
    pub(super) enabled: Vec<String>,
    on: BTreeSet<&'a str>,
    declared: BTreeMap<&'a str, Sp>,
    /// Words of declarations that could not be read.
    broken: BTreeSet<&'a str>,
}

impl<'a> Switches<'a> {
    /// Reads the declarations of all sources and compares the wishes with them.
    pub(super) fn read(items: &[Item<'a>], options: &Options, sink: &mut Sink<'_>) -> Self {
        let mut switches = Switches::default();
        for item in items {
            switches.declare(item, sink);
        }
        for wanted in &options.enabled {
            match switches.declared.get_key_value(wanted.as_str()) {
                Some((name, _)) => _ = switches.on.insert(name),
                None if switches.broken.contains(wanted.as_str()) => {}
                None => {
                    let known: Vec<&str> = switches.declared.keys().copied().collect();
                    let d = sink.option_error(format!("there is no patch or option `{wanted}` to enable"));
                    d.help(list("patches and options", &known)).near(wanted, known);
                }
            }
        }
        switches.needs(items, sink);
        for item in items {
            switches.check_item(item, sink);
        }
        switches
    }

    fn declare(&mut self, item: &Item<'a>, sink: &mut Sink<'_>) {
        let name = match item {
            Item::Broken(words) => return self.broken.extend(words),
            Item::Defpatch { number, name, title, needs } => {
                if let Some(same) = self.patches.iter().find(|p| p.number == *number) {
                    let message = format!("patch `{}` has the number of patch `{}`", name.text, same.name);
                    sink.error(name.at, message, format!("number {number} again"));
                }
                self.patches.push(PatchInfo {
                    number: (*number).to_owned(),
                    name: name.text.to_owned(),
                    title: (*title).to_owned(),
                    needs: needs.iter().map(|n| n.text.to_owned()).collect(),
                });
                name
            }
            Item::Switch { name, description } => {
                self.options.push((name.text.to_owned(), (*description).to_owned()));
                name
            }
            Item::Patch { body, .. } => {
                for inner in body {
                    if let Item::Defpatch { name, .. } | Item::Switch { name, .. } | Item::Program(name) = inner {
                        sink.error(name.at, "this cannot depend on a patch", "inside a `patch` section")
                            .help("move the declaration out of the section");
                    }
                    if let Item::Patch { .. } | Item::Broken(_) = inner {
                        self.declare(inner, sink);
                    }
                }
                return;
            }
            _ => return,
        };
        if let Some(first) = self.declared.insert(name.text, name.at) {
            twice(sink, "patch or option", name, first);
        }
    }

    /// Collects what is on, and checks that everything it needs is on too.
    fn needs(&mut self, items: &[Item<'a>], sink: &mut Sink<'_>) {
        for item in items {
            let (name, needs) = match item {
                Item::Defpatch { name, needs, .. } => (name, needs.as_slice()),
                Item::Switch { name, .. } => (name, [].as_slice()),
                _ => continue,
            };
            let on = self.on.contains(name.text);
            if on && !self.enabled.iter().any(|e| e == name.text) {
                self.enabled.push(name.text.to_owned());
            }
            for need in needs {
                let Some(info) = self.patches.iter().find(|p| p.name == need.text) else {
                    if !self.broken.contains(need.text) {
                        let known = self.patches.iter().map(|p| p.name.as_str());
                        let message = format!("patch `{}` needs `{}`, which is not a patch", name.text, need.text);
                        sink.error(need.at, message, "unknown patch").near(need.text, known);
                    }
                    continue;
                };
                if need.text == name.text {
                    sink.error(need.at, format!("patch `{}` needs itself", name.text), "the patch itself");
                } else if on && !self.on.contains(need.text) {
                    let message = format!(
                        "patch `{}` cannot be applied: it needs patch {} `{}` ({}), which is not enabled",
                        name.text, info.number, info.name, info.title
                    );
                    sink.error(need.at, message, "needed because of this")
                        .help(format!("enable `{}` too, or leave `{}` out", need.text, name.text));
                }
            }
        }
    }

    fn check_item(&self, item: &Item<'a>, sink: &mut Sink<'_>) {
        match item {
            Item::Patch { cond, body } => {
                self.check_cond(cond, sink);
                body.iter().for_each(|i| self.check_item(i, sink));
            }
            Item::Proc(p) => p.body.iter().for_each(|s| self.check_stmt(s, sink)),
            _ => {}
        }
    }

    fn check_stmt(&self, stmt: &Stmt<'a>, sink: &mut Sink<'_>) {
        if let Stmt::Patch { cond, body } = stmt {
            self.check_cond(cond, sink);
            body.iter().for_each(|s| self.check_stmt(s, sink));
        }
    }

    /// Every name in a condition must be declared, whether or not it decides anything now.
    fn check_cond(&self, cond: &Cond<'a>, sink: &mut Sink<'_>) {
        match cond {
            Cond::Name(n) => {
                if !self.declared.contains_key(n.text) && !self.broken.contains(n.text) {
                    let known: Vec<&str> = self.declared.keys().copied().collect();
                    sink.error(n.at, format!("`{}` is not a patch or option", n.text), "not declared")
                        .help(list("patches and options", &known))
                        .near(n.text, known);
                }
            }
            Cond::Not(a) => self.check_cond(a, sink),
            Cond::And(a, b) | Cond::Or(a, b) => {
                self.check_cond(a, sink);
                self.check_cond(b, sink);
            }
        }
    }

    fn holds(&self, cond: &Cond<'a>) -> bool {
        match cond {
            Cond::Name(n) => self.on.contains(n.text),
            Cond::Not(a) => !self.holds(a),
            Cond::And(a, b) => self.holds(a) && self.holds(b),
            Cond::Or(a, b) => self.holds(a) || self.holds(b),
        }
    }

    /// The declarations that are selected, in order.
    pub(super) fn selected_items<'i>(&self, items: &'i [Item<'a>], out: &mut Vec<&'i Item<'a>>) {
        for item in items {
            match item {
                Item::Patch { cond, body } => {
                    if self.holds(cond) {
                        self.selected_items(body, out);
                    }
                }
                _ => out.push(item),
            }
        }
    }

    /// The statements that are selected, in order.
    pub(super) fn selected_stmts<'i>(&self, stmts: &'i [Stmt<'a>], out: &mut Vec<&'i Stmt<'a>>) {
        for stmt in stmts {
            match stmt {
                Stmt::Patch { cond, body } => {
                    if self.holds(cond) {
                        self.selected_stmts(body, out);
                    }
                }
                _ => out.push(stmt),
            }
        }
    }
}

/// "known things: a, b".
pub(super) fn list(what: &str, names: &[&str]) -> String {
    if names.is_empty() { format!("there are no {what}") } else { format!("{what}: {}", names.join(", ")) }
}

/// Reports a name declared for the second time.
pub(super) fn twice(sink: &mut Sink<'_>, what: &str, name: &Name<'_>, first: Sp) {
    sink.error(name.at, format!("{what} `{}` is declared twice", name.text), "again").second(first, "first here");
}
