// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names for bytes of memory: object, field and, in tables, the slot.

use crate::program::{LINE_BYTES, Program, Struct};

/// Arrays with more elements than this are one field, `area[..]`.
const SLOTS_MAX: u64 = 64;

/// A field, an element of one, or a nested field, with its place in the object.
#[derive(Clone, Debug)]
struct Leaf {
    name: String,
    start: u64,
    bytes: u64,
}

impl Leaf {
    const fn end(&self) -> u64 {
        self.start + self.bytes
    }

    /// Its bytes on the line that begins `line` bytes into the object, one bit each.
    fn mask(&self, line: i64) -> u64 {
        let at = |offset: u64| (offset as i64 - line).clamp(0, LINE_BYTES as i64) as u32;
        bits(at(self.start), at(self.end()))
    }
}

/// Bits `from..to`.
const fn bits(from: u32, to: u32) -> u64 {
    if from >= to { 0 } else { (u64::MAX >> (64 - (to - from))) << from }
}

impl Program {
    /// The field that an access of `bytes` bytes at an address is about, as in `lock_a.locked` or
    /// `held.locks[3]`.
    ///
    /// Where fields overlap it is the one with exactly these bytes, else the smallest that contains
    /// them; an access to several fields names them all, `a.x+y`. Per-CPU objects have the same names
    /// on every core. Elements of arrays with over 64 of them are not told apart: `area[..]`. Bytes
    /// without a name are `object+0x18`, or `0x1f000` outside of all objects.
    #[must_use]
    pub fn field_name(&self, addr: u64, bytes: u64) -> String {
        let Some((object, core)) = self.object_at(addr) else { return format!("{addr:#x}") };
        let base = object.addr + core.unwrap_or(0) * self.percpu_stride;
        let start = addr - base;
        let mut leaves = Vec::new();
        self.leaves(&self.structs[object.layout], "", 0, start..start + bytes, &mut leaves);
        let around = leaves.iter().filter(|l| l.start <= start && start + bytes <= l.end());
        match around.min_by_key(|l| l.bytes) {
            Some(l) => format!("{}.{}", object.name, l.name),
            None => {
                let from = (addr % LINE_BYTES) as u32;
                self.field_names(addr, bits(from, from + bytes as u32)).join("+")
            }
        }
    }

    /// The fields that these bytes of an address's line belong to, bit `i` of `mask` being byte `i`:
    /// as few names as cover them all, in order of address.
    #[must_use]
    pub fn field_names(&self, addr: u64, mask: u64) -> Vec<String> {
        let line = addr / LINE_BYTES * LINE_BYTES;
        let mut left = mask;
        let mut found: Vec<(u32, String)> = Vec::new();
        while left != 0 {
            let at = left.trailing_zeros();
            let Some((object, core)) = self.object_at(line + u64::from(at)) else {
                found.push((at, format!("{:#x}", line + u64::from(at))));
                left &= left - 1;
                continue;
            };
            let base = object.addr + core.unwrap_or(0) * self.percpu_stride;
            let shift = line as i64 - base as i64;
            let whole = Leaf { name: String::new(), start: 0, bytes: self.structs[object.layout].bytes };
            let mut mine = left & whole.mask(shift);
            left &= !mine;
            let mut leaves = Vec::new();
            let on_line = shift.max(0) as u64..(shift + LINE_BYTES as i64) as u64;
            self.leaves(&self.structs[object.layout], "", 0, on_line, &mut leaves);
            while mine != 0 {
                // The largest field all of whose bytes are wanted; else the smallest around the first byte.
                let first = mine & mine.wrapping_neg();
                let masks = || leaves.iter().map(|l| (l, l.mask(shift))).filter(|(_, m)| m & first != 0);
                let inside = masks().filter(|(_, m)| m & !mine == 0).min_by_key(|(l, _)| std::cmp::Reverse(l.bytes));
                let at = first.trailing_zeros();
                match inside.or_else(|| masks().min_by_key(|(l, _)| l.bytes)) {
                    Some((l, m)) => {
                        found.push((at, format!("{}.{}", object.name, l.name)));
                        mine &= !m;
                    }
                    None => {
                        found.push((at, format!("{}+{:#x}", object.name, shift + i64::from(at))));
                        let named = leaves.iter().fold(0, |all, l| all | l.mask(shift));
                        let mut gap = first;
                        while gap & mine & !named != 0 {
                            mine &= !gap;
                            gap <<= 1;
                        }
                    }
                }
            }
        }
        found.sort();
        let mut names: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
        names.dedup();
        names
    }

    /// Fields of a structure that begins at `base`, elements and nested fields on their own, as far
    /// as they have bytes in `range`.
    fn leaves(&self, s: &Struct, prefix: &str, base: u64, range: std::ops::Range<u64>, out: &mut Vec<Leaf>) {
        for f in &s.fields {
            let start = base + f.offset;
            let end = start + f.elem_bytes * f.count;
            if end <= range.start || range.end <= start {
                continue;
            }
            if f.count > SLOTS_MAX {
                out.push(Leaf { name: format!("{prefix}{}[..]", f.name), start, bytes: end - start });
                continue;
            }
            for i in 0..f.count {
                let at = start + i * f.elem_bytes;
                if at + f.elem_bytes <= range.start || range.end <= at {
                    continue;
                }
                let slot = if f.count > 1 { format!("[{i}]") } else { String::new() };
                let name = format!("{prefix}{}{slot}", f.name);
                match f.nested {
                    Some(n) => self.leaves(&self.structs[n], &format!("{name}."), at, range.clone(), out),
                    None => out.push(Leaf { name, start: at, bytes: f.elem_bytes }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::asm::assembled;
    use crate::program::{PERCPU_BASE, Program};

    fn program() -> Program {
        let text = "
struct lock_word align 64 kind lock { val: u32 @0, locked: u8 @0, pending: u8 @1, tail: u16 @2, owner: u32 @8 }
struct qnode { next: u64 @0, flag: u32 @8, count: u32 @12 }
struct qnodes percpu align 64 kind node { node: [qnode; 4] }
struct held percpu align 64 kind held { cnt: u32 @0, locks: [u64; 31] @8 }
struct area align 64 { first: u64, words: [u64; 100] }
object lock_a: lock_word
object big: area
proc main() {
  ret
}
";
        assembled(text)
    }

    #[test]
    fn an_access_is_named_by_the_field_that_fits_best() {
        let p = program();
        let lock = p.object("lock_a").unwrap().addr;
        let name = |at, bytes| p.field_name(lock + at, bytes);
        assert_eq!(name(0, 4), "lock_a.val");
        assert_eq!(name(0, 1), "lock_a.locked");
        assert_eq!(name(1, 1), "lock_a.pending");
        assert_eq!(name(2, 2), "lock_a.tail");
        assert_eq!(name(0, 2), "lock_a.val", "the smallest around it");
        assert_eq!(name(8, 8), "lock_a.owner+lock_a+0xc");
        assert_eq!(p.field_name(0x200, 4), "0x200");
    }

    #[test]
    fn slots_and_nested_fields_are_told_apart_on_every_core() {
        let p = program();
        let held = p.object("held").unwrap().addr;
        let node = p.object("qnodes").unwrap().addr;
        assert_eq!(p.field_name(held + 8 + 3 * 8, 8), "held.locks[3]");
        assert_eq!(p.field_name(held + 2 * p.percpu_stride + 8 + 30 * 8, 8), "held.locks[30]");
        assert_eq!(p.field_name(node + 16 + 8, 4), "qnodes.node[1].flag");
        assert!(held >= PERCPU_BASE);
        let big = p.object("big").unwrap().addr;
        assert_eq!(p.field_name(big + 8 + 99 * 8, 8), "big.words[..]");
    }

    #[test]
    fn bytes_of_a_line_are_covered_by_few_names() {
        let p = program();
        let lock = p.object("lock_a").unwrap().addr;
        assert_eq!(p.field_names(lock, 0b1111), ["lock_a.val"]);
        assert_eq!(p.field_names(lock, 0b1101), ["lock_a.locked", "lock_a.tail"]);
        assert_eq!(p.field_names(lock + 5, 0xf << 8 | 0b10), ["lock_a.pending", "lock_a.owner"]);
        let held = p.object("held").unwrap().addr;
        // The second line of the table begins with slot 7.
        assert_eq!(p.field_names(held + 64, 0xffff), ["held.locks[7]", "held.locks[8]"]);
        assert_eq!(p.field_names(held, 0), Vec::<String>::new());
    }
}
