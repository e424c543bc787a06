// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subsets of changes, and the orders in which they can be made one after the other.

/// Most changes of one lattice: its subsets are all run.
pub const CHANGES_MAX: usize = 12;

/// Something that can be switched on: a patch, or another value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name, as the program or the command line has it.
    pub name: String,
    /// Short name for figures and stages, such as the patch's number.
    pub short: String,
    /// Indices of the changes that have to be made before this one.
    pub needs: Vec<usize>,
}

/// A set of changes; bit i is change i.
pub type Subset = u32;

/// All subsets of some changes that contain what each of their members needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lattice {
    changes: Vec<Change>,
    /// By size, then by number.
    subsets: Vec<Subset>,
    /// `[subset as index]`: its place in `subsets`, if it can be reached.
    places: Vec<Option<usize>>,
    /// `[subset as index]`: in how many orders the subset can be reached from nothing, 0 if it cannot.
    ways_to: Vec<u64>,
    /// `[subset as index]`: in how many orders all changes can be reached from it.
    ways_on: Vec<u64>,
}

impl Lattice {
    /// The lattice of these changes.
    ///
    /// # Panics
    /// With more than [`CHANGES_MAX`] changes, or a need that is no index of a change.
    #[must_use]
    pub fn new(changes: Vec<Change>) -> Lattice {
        let n = changes.len();
        assert!(n <= CHANGES_MAX && changes.iter().flat_map(|c| &c.needs).all(|&d| d < n));
        let all = 1_usize << n;
        let mut lattice = Lattice {
            changes,
            subsets: Vec::new(),
            places: vec![None; all],
            ways_to: vec![0; all],
            ways_on: vec![0; all],
        };
        lattice.ways_to[0] = 1;
        lattice.ways_on[all - 1] = 1;
        for s in 0..all {
            for i in lattice.next_of(s as Subset).collect::<Vec<_>>() {
                lattice.ways_to[s | 1 << i] += lattice.ways_to[s];
            }
        }
        for s in (0..all - 1).rev() {
            lattice.ways_on[s] = lattice.next_of(s as Subset).map(|i| lattice.ways_on[s | 1 << i]).sum();
        }
        let reached = |s: &Subset| lattice.ways_to[*s as usize] > 0;
        let mut subsets: Vec<Subset> = (0..all as Subset).filter(reached).collect();
        subsets.sort_by_key(|s| (s.count_ones(), s.reverse_bits() ^ Subset::MAX));
        for (place, s) in subsets.iter().enumerate() {
            lattice.places[*s as usize] = Some(place);
        }
        lattice.subsets = subsets;
        lattice
    }

    /// The changes.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Every subset that can be reached, by size.
    #[must_use]
    pub fn subsets(&self) -> &[Subset] {
        &self.subsets
    }

    /// Place of a subset in [`Lattice::subsets`].
    #[must_use]
    pub fn index(&self, subset: Subset) -> Option<usize> {
        self.places.get(subset as usize).copied().flatten()
    }

    /// The smallest subsets of which `good` is true.
    #[must_use]
    pub fn smallest(&self, good: impl Fn(Subset) -> bool) -> Vec<Subset> {
        let all: Vec<Subset> = self.subsets.iter().copied().filter(|s| good(*s)).collect();
        // They are in the order of their sizes.
        let size = all.first().map(|s| s.count_ones());
        all.into_iter().take_while(|s| Some(s.count_ones()) == size).collect()
    }

    /// All changes.
    #[must_use]
    pub fn full(&self) -> Subset {
        ((1_u64 << self.changes.len()) - 1) as Subset
    }

    /// Number of orders.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.ways_on[0]
    }

    /// Number of orders in which change `i` follows directly on `subset`.
    #[must_use]
    pub fn orders_with_step(&self, subset: Subset, i: usize) -> u64 {
        self.ways_to[subset as usize] * self.ways_on[(subset | 1 << i) as usize]
    }

    /// Number of orders in which changes `i` and `j` follow directly on `subset`, in this order.
    #[must_use]
    pub(super) fn orders_with_pair(&self, subset: Subset, i: usize, j: usize) -> u64 {
        self.ways_to[subset as usize] * self.ways_on[(subset | 1 << i | 1 << j) as usize]
    }

    /// The changes that can be made next.
    pub fn next_of(&self, subset: Subset) -> impl Iterator<Item = usize> + '_ {
        let has = move |i: usize| subset >> i & 1 == 1;
        let can = move |&i: &usize| !has(i) && self.changes[i].needs.iter().all(|&d| has(d));
        (0..self.changes.len()).filter(can)
    }

    /// Calls `visit` with every order, as indices of changes, in lexicographic order.
    pub fn each_order(&self, visit: &mut dyn FnMut(&[usize])) {
        self.extend(&mut Vec::new(), 0, visit);
    }

    fn extend(&self, order: &mut Vec<usize>, subset: Subset, visit: &mut dyn FnMut(&[usize])) {
        if subset == self.full() {
            visit(order);
            return;
        }
        for i in self.next_of(subset).collect::<Vec<_>>() {
            order.push(i);
            self.extend(order, subset | 1 << i, visit);
            order.pop();
        }
    }

    /// A subset's name in tables: short names joined by `+`; `base` for none.
    #[must_use]
    pub fn name(&self, subset: Subset) -> String {
        let members: Vec<&str> = self.members(subset).map(|i| self.changes[i].short.as_str()).collect();
        if members.is_empty() { "base".to_owned() } else { members.join("+") }
    }

    /// Indices of a subset's changes, ascending.
    pub fn members(&self, subset: Subset) -> impl Iterator<Item = usize> + '_ {
        (0..self.changes.len()).filter(move |i| subset >> i & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, needs: &[usize]) -> Change {
        Change { name: name.into(), short: name.into(), needs: needs.to_vec() }
    }

    #[test]
    fn independent_changes_have_every_order() {
        let l = Lattice::new(["a", "b", "c"].map(|n| change(n, &[])).to_vec());
        assert_eq!((l.subsets().len(), l.orders()), (8, 6));
        assert_eq!(
            l.subsets().iter().map(|s| l.name(*s)).collect::<Vec<_>>(),
            ["base", "a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]
        );
        let mut orders = Vec::new();
        l.each_order(&mut |o| orders.push(o.to_vec()));
        assert_eq!(orders.len(), 6);
        assert_eq!(orders[0], [0, 1, 2]);
        assert_eq!((l.orders_with_step(0, 1), l.orders_with_step(0b101, 1)), (2, 2));
    }

    #[test]
    fn needs_leave_out_subsets_and_orders() {
        // c needs a; d needs b and c.
        let l = Lattice::new(vec![change("a", &[]), change("b", &[]), change("c", &[0]), change("d", &[1, 2])]);
        let mut orders = Vec::new();
        l.each_order(&mut |o| orders.push(o.to_vec()));
        assert_eq!(orders, [[0, 1, 2, 3], [0, 2, 1, 3], [1, 0, 2, 3]]);
        assert_eq!((l.orders(), l.subsets().len()), (3, 7));
        assert_eq!(l.index(0b100), None);
        let sum: u64 = l.next_of(0).map(|i| l.orders_with_step(0, i)).sum();
        assert_eq!(sum, 3);
    }

    #[test]
    fn a_need_that_cannot_be_met_leaves_no_order() {
        let l = Lattice::new(vec![change("a", &[1]), change("b", &[0])]);
        assert_eq!((l.orders(), l.subsets()), (0, &[0][..]));
    }
}
