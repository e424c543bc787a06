// SPDX-License-Identifier: MIT OR Apache-2.0
//! In what expanded experiments differ: the axes of a sweep, whatever made it.
//!
//! An expanded experiment is RON text with every field written out. It is read here as fields alone: `interrupts[0].every` and its value.
//! Axes are the fields that have more than one value among the experiments that are compared. Fields that change together are one axis.

use std::collections::{BTreeMap, BTreeSet};

use crate::short::shortened;

/// Fields that are no axis: words, what records say themselves, and what is looked at.
const WORDS: [&str; 5] = ["title", "question", "seeds", "stages", "measure"];

/// One way in which experiments differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axis {
    /// What its sweep calls it, if records know.
    pub name: Option<String>,
    /// The field, as `--set` takes it: `machine.cores`.
    pub field: String,
    /// Fields that change together with it.
    pub with: Vec<String>,
    /// Its values in ascending order: numbers by size, then words.
    pub values: Vec<String>,
}

impl Axis {
    /// The name its sweep gave it, else the field.
    #[must_use]
    pub fn title(&self) -> &str {
        self.name.as_ref().unwrap_or(&self.field)
    }

    /// The title, of a field its last part, for headings.
    #[must_use]
    pub fn short(&self) -> &str {
        self.title().rsplit('.').next().unwrap_or(&self.field)
    }

    /// All fields that it stands for.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.field).chain(&self.with).map(String::as_str)
    }

    /// Its fields beside the one that the title is, or is the end of.
    #[must_use]
    pub fn other_fields(&self) -> Vec<&str> {
        let title = |f: &&str| f.strip_suffix(self.title()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        self.fields().filter(|f| !title(f)).collect()
    }

    /// The values as numbers in a base unit, if all of them are.
    #[must_use]
    pub fn numbers(&self) -> Option<Vec<f64>> {
        self.values.iter().map(|v| number(v)).collect()
    }
}

/// A value with its unit as a number in a base unit (ns, Hz, bytes, cycles); none if it is a word.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "._+-".contains(c))).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let scale = match unit.trim() {
        "" | "ns" | "Hz" | "B" | "cy" => 1.0,
        "ps" => 1e-3,
        "us" | "kHz" => 1e3,
        "ms" | "MHz" => 1e6,
        "s" | "GHz" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "%" => 0.01,
        _ => return None,
    };
    digits.replace('_', "").parse::<f64>().ok().map(|n| n * scale)
}

/// The fields of RON text with their values, in the order of the text; what cannot be read ends the list.
#[must_use]
pub fn fields(text: &str) -> Vec<(String, String)> {
    let mut reader = Reader { text, at: 0, path: String::new(), found: Vec::new() };
    reader.value();
    reader.found
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    path: String,
    found: Vec<(String, String)>,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|c| c.is_ascii_whitespace() || *c == b',') {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// A word, a number or a string in quotes, which lose them.
    fn token(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        if let Some(inner) = rest.strip_prefix('"') {
            let mut escaped = false;
            let end = inner.bytes().position(|c| {
                let ends = c == b'"' && !escaped;
                escaped = c == b'\\' && !escaped;
                ends
            });
            let end = end.unwrap_or(inner.len());
            self.at += (end + 2).min(rest.len());
            return &inner[..end];
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || "()[]{}:,\"".contains(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn note(&mut self, value: &str) {
        if !self.path.is_empty() {
            self.found.push((self.path.clone(), value.to_owned()));
        }
    }

    fn below(&mut self, name: &str, read: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if !self.path.is_empty() && !name.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(name);
        read(self);
        self.path.truncate(length);
    }

    fn value(&mut self) {
        match self.peek() {
            Some(b'(' | b'{' | b'[') => self.group(),
            Some(b')' | b'}' | b']' | b':') | None => self.at = self.text.len(),
            Some(_) => {
                let word = self.token();
                if self.peek() == Some(b'(') {
                    // A variant: its name counts, its content has the same path.
                    let before = self.found.len();
                    self.group();
                    // A single value without a name stands for the variant: `Builtin("ticket")`.
                    let single = self
                        .found
                        .get(before)
                        .is_some_and(|f| f.0.len() == self.path.len() + 3 && f.0.ends_with("[0]"));
                    if single && self.found.len() == before + 1 {
                        let value = std::mem::take(&mut self.found[before].1);
                        self.found[before] = (self.path.clone(), value);
                    } else {
                        self.note(word);
                    }
                } else {
                    self.note(word);
                }
            }
        }
    }

    /// Named or unnamed values between brackets.
    fn group(&mut self) {
        self.at += 1;
        let (mut i, start) = (0, self.found.len());
        while let Some(c) = self.peek() {
            if matches!(c, b')' | b']' | b'}') {
                self.at += 1;
                break;
            }
            let before = self.at;
            let name = if matches!(c, b'(' | b'[' | b'{') { "" } else { self.token() };
            if !name.is_empty() && self.peek() == Some(b':') {
                self.at += 1;
                self.below(name, Self::value);
            } else {
                self.at = before;
                self.below(&format!("[{i}]"), Self::value);
                i += 1;
            }
            if self.at == before {
                self.at = self.text.len();
            }
        }
        if self.found.len() == start {
            self.note("none");
        }
    }
}

/// Names for values that many experiments have.
#[derive(Clone, Debug, Default)]
struct Names {
    by_name: BTreeMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn id(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let next = self.names.len() as u32;
        self.by_name.insert(name.to_owned(), next);
        self.names.push(name.to_owned());
        next
    }
}

/// What sets an experiment apart.
#[derive(Clone, Debug, Default)]
struct Experiment {
    /// (field, value) where it differs from the first.
    differs: Vec<(u32, u32)>,
    /// (name, value) as its sweep says it; none if no record of it is of a sweep.
    at: Option<Vec<(u32, u32)>>,
}

/// Experiments that are compared: the fields of one, and of each other only those that differ from it.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    fields: Names,
    values: Names,
    /// The first experiment's fields in the order of its text, and by their numbers.
    text: Vec<(String, String)>,
    first: BTreeMap<u32, u32>,
    by_name: BTreeMap<String, Experiment>,
    /// Names of axes of which records of one experiment say different things.
    contested: BTreeSet<u32>,
}

/// Stands for a field that an experiment has not.
const ABSENT: &str = "-";

impl Differences {
    /// Whether an experiment of this name is there.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Adds an experiment by its fields, as [`fields`] gives them.
    pub fn add(&mut self, name: &str, all: &[(String, String)]) {
        let counts = |f: &str| !WORDS.contains(&f.split(['.', '[']).next().unwrap_or(""));
        let mut known = Experiment::default();
        if self.by_name.is_empty() {
            self.text = all.to_vec();
            for (f, v) in all.iter().filter(|x| counts(&x.0)) {
                self.first.insert(self.fields.id(f), self.values.id(v));
            }
        } else if self.text.len() == all.len() && self.text.iter().zip(all).all(|(a, b)| a.0 == b.0) {
            // Most experiments have the fields of the first in its order.
            let differing = self.text.iter().zip(all).filter(|(a, b)| a.1 != b.1 && counts(&a.0));
            known.differs = differing.map(|(_, (f, v))| (self.fields.id(f), self.values.id(v))).collect();
        } else {
            let ids = all.iter().filter(|x| counts(&x.0)).map(|(f, v)| (self.fields.id(f), self.values.id(v)));
            let own: BTreeMap<u32, u32> = ids.collect();
            let absent = self.values.id(ABSENT);
            known.differs.extend(own.iter().filter(|(f, v)| self.first.get(f) != Some(v)).map(|(f, v)| (*f, *v)));
            known.differs.extend(self.first.keys().filter(|f| !own.contains_key(f)).map(|f| (*f, absent)));
        }
        known.differs.sort_unstable();
        self.by_name.insert(name.to_owned(), known);
    }

    /// Notes what the sweep of one of its records says of an experiment that is there: names of axes and values.
    pub fn call(&mut self, name: &str, axes: &BTreeMap<String, String>) {
        let Some(known) = self.by_name.get_mut(name) else { return };
        let own: Vec<(u32, u32)> = axes.iter().map(|(n, v)| (self.fields.id(n), self.values.id(v))).collect();
        match &known.at {
            None => known.at = Some(own),
            Some(before) if *before == own => {}
            Some(before) => {
                let [before, own] = [before, &own].map(|all| all.iter().copied().collect::<BTreeSet<_>>());
                self.contested.extend(before.symmetric_difference(&own).map(|x| x.0));
            }
        }
    }

    /// `[axis]`: name, and the value that each experiment stands at, of those axes that sweeps say of all experiments, and of which
    /// records of one experiment agree.
    fn swept(&self) -> Vec<(&String, Vec<u32>)> {
        let called = || self.by_name.values().map(|x| x.at.as_deref().unwrap_or(&[]));
        let names: BTreeSet<u32> = called().flatten().map(|x| x.0).filter(|n| !self.contested.contains(n)).collect();
        let column = |id: u32| called().map(|x| Some(x.iter().find(|x| x.0 == id)?.1)).collect::<Option<Vec<u32>>>();
        let mut all: Vec<(&String, Vec<u32>)> =
            names.into_iter().filter_map(|id| Some((&self.fields.names[id as usize], column(id)?))).collect();
        all.sort_unstable();
        all
    }

    /// Axes as sweeps name them, with all fields that follow from where an experiment stands on one. Those are taken out of `groups`.
    fn named_axes(&self, groups: &mut BTreeMap<Vec<u32>, Vec<(String, Vec<u32>)>>) -> Vec<(Axis, Vec<u32>)> {
        let mut found: Vec<(Axis, Vec<u32>)> = Vec::new();
        for (name, column) in self.swept() {
            let shape = partition(&column);
            if shape.iter().all(|n| *n == 0) || found.iter().any(|(_, places)| partition(places) == shape) {
                continue;
            }
            let (axis, places) = match groups.remove(&shape) {
                Some(fields) => self.axis(fields),
                // Fields below it have fewer values each, or are in some of its values only.
                None => {
                    let follow = || groups.iter().filter(|(fields, _)| follows(fields, &shape)).flat_map(|g| g.1);
                    if follow().next().is_none() {
                        continue;
                    }
                    let called =
                        |f: &&String| f.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                    let field = follow().map(|f| &f.0).find(called).unwrap_or(name).clone();
                    let texts: BTreeSet<&str> = column.iter().map(|id| self.text(*id)).collect();
                    let short = column.iter().map(|id| shortened(self.text(*id), &texts)).collect();
                    let (values, places) = in_order(short);
                    (Axis { name: None, field, with: Vec::new(), values }, places)
                }
            };
            found.push((Axis { name: Some(name.clone()), ..axis }, places));
        }
        for (axis, places) in &mut found {
            let follow: Vec<Vec<u32>> = groups.keys().filter(|shape| follows(shape, places)).cloned().collect();
            let fields = follow.iter().filter_map(|shape| groups.remove(shape)).flatten().map(|f| f.0);
            let below = |f: &String| {
                f.strip_prefix(&axis.field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let more: Vec<String> = fields.filter(|f| !below(f)).collect();
            axis.with.extend(more);
        }
        found
    }

    fn text(&self, value: u32) -> &str {
        self.values.names.get(value as usize).map_or(ABSENT, String::as_str)
    }

    /// The axes, the one with most values first, and each experiment's place on them.
    #[must_use]
    pub fn axes(&self) -> (Vec<Axis>, BTreeMap<String, Vec<u32>>) {
        let mut differing: Vec<u32> = self.by_name.values().flat_map(|x| &x.differs).map(|d| d.0).collect();
        differing.sort_unstable();
        differing.dedup();
        // By the values that all experiments have in a field: fields with the same partition are one axis.
        let mut groups: BTreeMap<Vec<u32>, Vec<(String, Vec<u32>)>> = BTreeMap::new();
        for field in differing {
            let column: Vec<u32> = self.by_name.values().map(|x| self.value(&x.differs, field)).collect();
            groups.entry(partition(&column)).or_default().push((self.fields.names[field as usize].clone(), column));
        }
        let mut axes = self.named_axes(&mut groups);
        axes.extend(groups.into_values().map(|g| self.axis(g)));
        axes.sort_by(|a, b| (b.0.values.len(), &a.0.field).cmp(&(a.0.values.len(), &b.0.field)));
        let place = |i: usize| axes.iter().map(|(_, column)| column[i]).collect();
        let places = self.by_name.keys().enumerate().map(|(i, name)| (name.clone(), place(i))).collect();
        (axes.into_iter().map(|a| a.0).collect(), places)
    }

    fn value(&self, differs: &[(u32, u32)], field: u32) -> u32 {
        let own = differs.binary_search_by_key(&field, |d| d.0).ok().map(|i| differs[i].1);
        let absent = || self.values.by_name.get(ABSENT).copied().unwrap_or(u32::MAX);
        own.or_else(|| self.first.get(&field).copied()).unwrap_or_else(absent)
    }

    /// One axis from fields that change together, with the place of each experiment.
    fn axis(&self, mut group: Vec<(String, Vec<u32>)>) -> (Axis, Vec<u32>) {
        // What people would call it: a name or a count of cores before all that goes with it, else the shortest.
        let rank = |f: &str| {
            let known = ["experiment", "machine.name", "machine.cores", "lock.program"];
            known.iter().position(|k| *k == f).unwrap_or(known.len())
        };
        group.sort_by(|a, b| (rank(&a.0), a.0.len(), &a.0).cmp(&(rank(&b.0), b.0.len(), &b.0)));
        let (field, column) = group.remove(0);
        let (values, places) = in_order(column.iter().map(|id| self.text(*id).to_owned()).collect());
        let with = group.into_iter().map(|g| g.0).collect();
        (Axis { name: None, field, with, values }, places)
    }
}

/// `[experiment]`: equal numbers where the values are equal, in the order in which they come first.
fn partition(column: &[u32]) -> Vec<u32> {
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    let number = |v: &u32| {
        let next = seen.len() as u32;
        *seen.entry(*v).or_insert(next)
    };
    column.iter().map(number).collect()
}

/// Whether experiments that are alike on an axis are alike in a column.
fn follows(column: &[u32], places: &[u32]) -> bool {
    let pairs: BTreeSet<(&u32, &u32)> = places.iter().zip(column).collect();
    pairs.len() == places.iter().collect::<BTreeSet<_>>().len()
}

/// The different values in order, numbers by size and then words, and the place of each among them.
fn in_order(column: Vec<String>) -> (Vec<String>, Vec<u32>) {
    let mut values = column.clone();
    let order = |v: &str| (number(v).is_none(), number(v).unwrap_or(0.0));
    values.sort_by(|a, b| {
        let (x, y) = (order(a), order(b));
        x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)).then(a.cmp(b))
    });
    values.dedup();
    let index: BTreeMap<&str, u32> = values.iter().enumerate().map(|(i, v)| (v.as_str(), i as u32)).collect();
    let places = column.iter().map(|v| index[v.as_str()]).collect();
    (values, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(
  title: "A, (B) \"c\": d",
  machine: Inline(name: "x", cores: 8, memory_model: Tso(store_buffer_entries: 56), clock: None),
  lock: (program: Builtin("ticket"), params: {"limit": "250ms"}, options: []),
  workload: (tasks: [(on: All, body: [Forever([Work("5us"), Delay("1ms")])])]),
  seeds: List([1, 2]),
)"#;

    #[test]
    fn fields_have_paths_and_values() {
        let found: Vec<String> = fields(TEXT).into_iter().map(|(f, v)| format!("{f}={v}")).collect();
        assert_eq!(
            found,
            [
                r#"title=A, (B) \"c\": d"#,
                "machine.name=x",
                "machine.cores=8",
                "machine.memory_model.store_buffer_entries=56",
                "machine.memory_model=Tso",
                "machine.clock=None",
                "machine=Inline",
                "lock.program=ticket",
                "lock.params.limit=250ms",
                "lock.options=none",
                "workload.tasks[0].on=All",
                "workload.tasks[0].body[0][0][0]=5us",
                "workload.tasks[0].body[0][0][1]=1ms",
                "workload.tasks[0].body[0]=Forever",
                "seeds[0][0]=1",
                "seeds[0][1]=2",
                "seeds=List",
            ]
        );
        assert_eq!(fields("(a: (b: 1"), [("a.b".to_owned(), "1".to_owned())]);
        assert_eq!(fields("]["), []);
    }

    #[test]
    fn what_changes_together_is_one_axis_and_numbers_are_in_order() {
        let text = |cores: u32, limit: &str, seed: u32| {
            TEXT.replace("cores: 8", &format!("cores: {cores}"))
                .replace("entries: 56", &format!("entries: {}", cores * 7))
                .replace("250ms", limit)
                .replace("[1, 2]", &format!("[{seed}]"))
        };
        let mut all = Differences::default();
        for (i, (cores, limit)) in
            [(16, "2ms"), (8, "2ms"), (16, "900us"), (8, "900us"), (4, "1s")].into_iter().enumerate()
        {
            all.add(&format!("h{i}"), &fields(&text(cores, limit, i as u32)));
        }
        let (axes, places) = all.axes();
        assert_eq!(axes[0].field, "lock.params.limit");
        assert_eq!(axes[0].values, ["900us", "2ms", "1s"]);
        assert_eq!((axes[1].field.as_str(), axes[1].short()), ("machine.cores", "cores"));
        assert_eq!(axes[1].with, ["machine.memory_model.store_buffer_entries"]);
        assert_eq!(axes[1].numbers(), Some(vec![4.0, 8.0, 16.0]));
        assert_eq!((axes.len(), &places["h2"], &places["h4"]), (2, &vec![0, 2], &vec![2, 0]));
    }

    #[test]
    fn a_field_that_some_have_not_has_a_value_for_that() {
        let mut all = Differences::default();
        all.add("a", &fields("(x: 1, experiment: one)"));
        all.add("b", &fields("(x: 1, y: 2, experiment: two)"));
        let (axes, places) = all.axes();
        assert_eq!((axes[0].field.as_str(), axes[0].with.as_slice()), ("experiment", &["y".to_owned()][..]));
        assert_eq!(places["b"], [1]);
    }

    #[test]
    fn an_axis_of_a_sweep_whose_values_have_fields_is_one_axis() {
        let nets = [
            "Ring(hop: \"2cy\", both: true)",
            "Ring(hop: \"2cy\", both: false)",
            "Bus(latency: \"4cy\", shared: true)",
            "Bus(latency: \"4cy\", shared: false)",
        ];
        let mut all = Differences::default();
        let mut add = |name: &str, net: &str, lock: &str| {
            let stops = if net.starts_with("Ring") { 8 } else { 1 };
            all.add(name, &fields(&format!("(stops: {stops}, machine: (net: {net}), lock: (program: \"{lock}\"))")));
            let at = [("net", net), ("program", lock)].map(|(k, v)| (k.to_owned(), v.to_owned()));
            all.call(name, &at.into());
        };
        for (i, net) in nets.into_iter().enumerate() {
            add(&format!("m{i}"), net, "mcs");
            add(&format!("t{i}"), net, "ticket");
        }
        let (axes, places) = all.axes();
        assert_eq!(axes.iter().map(Axis::title).collect::<Vec<_>>(), ["net", "program"]);
        assert_eq!(axes[0].field, "machine.net");
        assert_eq!(
            axes[0].values,
            ["Bus(shared: false)", "Bus(shared: true)", "Ring(both: false)", "Ring(both: true)"]
        );
        assert_eq!(axes[0].with, ["stops"], "what follows from it; its own fields are in its values");
        assert_eq!((axes[1].field.as_str(), &places["t0"], &places["m2"]), ("lock.program", &vec![3, 1], &vec![1, 0]));
        // An experiment of no sweep is told from the others by its fields.
        all.add(
            "other",
            &fields("(stops: 1, machine: (net: Bus(latency: \"4cy\", shared: true)), lock: (program: \"tas\"))"),
        );
        assert!(all.axes().0.iter().all(|a| a.name.is_none()));
        assert!(all.axes().0.iter().any(|a| a.field == "machine.net.shared"));
    }

    #[test]
    fn units_are_known() {
        let all = ["4GHz", "250ms", "1.5us", "40cy", "32KiB", "7", "2_000"].map(|t| number(t).unwrap().round() as u64);
        assert_eq!(all, [4_000_000_000, 250_000_000, 1500, 40, 32768, 7, 2000]);
        assert_eq!((number("Mesi"), number("-")), (None, None));
    }
}
