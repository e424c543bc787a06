// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's functions on shared memory.

use super::Error;
use super::c::Body;
use super::c_expr::{Type, Val};
use super::lex::{Cursor, Token};

/// Calls that are nothing but a fence.
const FENCES: [(&str, &str); 11] = [
    ("smp_mb", "fence.full"),
    ("smp_rmb", "fence.r"),
    ("smp_wmb", "fence.w"),
    ("smp_mb__before_atomic", "fence.full"),
    ("smp_mb__after_atomic", "fence.full"),
    ("smp_mb__after_spinlock", "fence.full"),
    ("smp_mb__after_unlock_lock", "fence.full"),
    ("smp_acquire__after_ctrl_dep", "fence.acq"),
    ("smp_read_barrier_depends", ""),
    ("smp_rmb__after_ctrl_dep", "fence.r"),
    ("barrier", ""),
];

/// What a read-modify-write does with the old value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gives {
    Old,
    New,
    NewIsZero,
    Nothing,
}

impl Body {
    /// Calls that give nothing; false if this is none.
    pub(super) fn call_statement(&mut self, c: &mut Cursor<'_, '_>) -> Result<bool, Error> {
        let t = c.peek();
        if c.peek_at(1).text != "(" {
            return Ok(false);
        }
        if let Some((_, fence)) = FENCES.iter().find(|(n, _)| *n == t.text) {
            c.bump();
            c.expect("(")?;
            c.expect(")")?;
            if !fence.is_empty() {
                self.access((*fence).to_owned());
            }
            return Ok(true);
        }
        if matches!(t.text, "spin_lock" | "spin_unlock") {
            c.bump();
            c.expect("(")?;
            let (address, element) = self.pointer(c, 0, false)?;
            c.expect(")")?;
            self.spin(&address, element, t.text == "spin_lock");
            return Ok(true);
        }
        let order = match t.text {
            "WRITE_ONCE" | "smp_store_mb" => "",
            "rcu_assign_pointer" | "smp_store_release" => ".rel",
            _ => {
                let Some(name) = atomic(t.text) else { return Ok(false) };
                let order = match name {
                    "set" => "",
                    "set_release" => ".rel",
                    _ => return Ok(false),
                };
                c.bump();
                c.expect("(")?;
                let (address, element) = self.pointer(c, 0, false)?;
                c.expect(",")?;
                return self.finish_store(c, &address, element, order).map(|()| true);
            }
        };
        c.bump();
        c.expect("(")?;
        let by_address = t.text == "smp_store_release";
        let (address, element) = if by_address { self.pointer(c, 0, false)? } else { self.place(c)? };
        c.expect(",")?;
        self.finish_store(c, &address, element, order)?;
        if t.text == "smp_store_mb" {
            self.access("fence.full".to_owned());
        }
        Ok(true)
    }

    /// Takes a lock, or gives it back.
    fn spin(&mut self, address: &str, element: Type, take: bool) {
        let bits = 8 * element.size().bytes;
        if !take {
            return self.access(format!("store.u{bits}.rel [{address}+0], 0"));
        }
        let (top, t) = (self.new_label(), self.temp());
        self.label(&top);
        self.access(format!("{t} = cas.u{bits}.acq [{address}+0], 0, 1"));
        self.lines(format!("if {t} != 0 goto {top}"));
    }

    fn finish_store(&mut self, c: &mut Cursor<'_, '_>, address: &str, element: Type, order: &str) -> Result<(), Error> {
        let value = self.expression(c, 0)?;
        c.expect(")")?;
        self.store(address, element, &value, order);
        Ok(())
    }

    /// A call that gives a value.
    pub(super) fn call(&mut self, c: &mut Cursor<'_, '_>, depth: usize) -> Result<Val, Error> {
        let t = c.bump();
        c.expect("(")?;
        match t.text {
            "READ_ONCE" | "rcu_dereference" | "lockless_dereference" => {
                let (address, element) = self.place(c)?;
                c.expect(")")?;
                return Ok(self.load(&address, element, ""));
            }
            "smp_load_acquire" => {
                let (address, element) = self.pointer(c, depth, false)?;
                c.expect(")")?;
                return Ok(self.load(&address, element, ".acqpc"));
            }
            _ => {}
        }
        let bare = atomic(t.text).unwrap_or(t.text);
        if t.text == "spin_is_locked" || t.text == "spin_trylock" {
            let (address, element) = self.pointer(c, depth, false)?;
            c.expect(")")?;
            if t.text == "spin_is_locked" {
                return Ok(self.load(&address, element, ""));
            }
            let old = self.temp();
            self.access(format!("{old} = cas.u{}.acq [{address}+0], 0, 1", 8 * element.size().bytes));
            let old = Val { text: old, ty: Type::INT };
            return Ok(self.compare(&old, &Val::constant(0, Type::INT), "=="));
        }
        if atomic(t.text).is_some() && (bare == "read" || bare == "read_acquire") {
            let (address, element) = self.pointer(c, depth, false)?;
            c.expect(")")?;
            return Ok(self.load(&address, element, if bare == "read" { "" } else { ".acqpc" }));
        }
        self.read_modify_write(c, t, bare, depth)
    }

    fn read_modify_write(
        &mut self,
        c: &mut Cursor<'_, '_>,
        t: Token<'_>,
        name: &str,
        depth: usize,
    ) -> Result<Val, Error> {
        let unknown = || c.file.error(t.at, format!("the function `{}` is not supported", t.text));
        let orders = [("_relaxed", ".relaxed"), ("_acquire", ".acq"), ("_release", ".rel")];
        let suffix = orders.iter().find_map(|(s, o)| Some((name.strip_suffix(s)?, *o)));
        let (stem, mut order) = suffix.unwrap_or((name, ""));
        if stem == "xchg" || stem == "cmpxchg" {
            return self.exchange(c, stem == "cmpxchg", order, depth);
        }
        if atomic(t.text).is_none() {
            return Err(unknown());
        }
        let (operation, gives) = if let Some(s) = stem.strip_suffix("_return") {
            (s, Gives::New)
        } else if let Some(s) = stem.strip_suffix("_and_test").filter(|_| order.is_empty()) {
            (s, Gives::NewIsZero)
        } else if let Some(s) = stem.strip_prefix("fetch_") {
            (s, Gives::Old)
        } else if order.is_empty() {
            // Atomics that return nothing order nothing.
            order = ".relaxed";
            (stem, Gives::Nothing)
        } else {
            return Err(unknown());
        };
        let (f, sign, counts) = match operation {
            "add" => ("fetch_add", "+", false),
            "inc" => ("fetch_add", "+", true),
            "sub" => ("fetch_add", "-", false),
            "dec" => ("fetch_add", "-", true),
            "or" if matches!(gives, Gives::Old | Gives::Nothing) => ("fetch_or", "|", false),
            "and" if matches!(gives, Gives::Old | Gives::Nothing) => ("fetch_and", "&", false),
            "xor" if matches!(gives, Gives::Old | Gives::Nothing) => ("fetch_xor", "^", false),
            _ => return Err(unknown()),
        };
        let amount = if counts {
            Val::constant(1, Type::INT)
        } else {
            let v = self.expression(c, depth)?;
            c.expect(",")?;
            v
        };
        let (address, element) = self.pointer(c, depth, false)?;
        c.expect(")")?;
        let amount = self.convert(&amount, element);
        let operand = if sign == "-" { self.arithmetic(&Val::constant(0, element), &amount, "-") } else { amount };
        let old = self.temp();
        self.access(format!(
            "{old} = {f}.u{}{order} [{address}+0], {}",
            8 * element.size().bytes,
            operand.operand(element)
        ));
        if gives == Gives::Nothing {
            return Ok(Val::constant(0, Type::INT));
        }
        let old = self.canonical(Val { text: old, ty: element });
        if gives == Gives::Old {
            return Ok(old);
        }
        let new = self.arithmetic(&old, &operand, "+");
        Ok(if gives == Gives::New { new } else { self.compare(&new, &Val::constant(0, Type::INT), "==") })
    }

    fn exchange(&mut self, c: &mut Cursor<'_, '_>, compare: bool, order: &str, depth: usize) -> Result<Val, Error> {
        let (address, element) = self.pointer(c, depth, false)?;
        c.expect(",")?;
        let mut operands = self.expression(c, depth)?.operand(element);
        if compare {
            c.expect(",")?;
            let new = self.expression(c, depth)?;
            operands = format!("{operands}, {}", new.operand(element));
        }
        c.expect(")")?;
        let t = self.temp();
        let f = if compare { "cas" } else { "xchg" };
        self.access(format!("{t} = {f}.u{}{order} [{address}+0], {operands}", 8 * element.size().bytes));
        Ok(self.canonical(Val { text: t, ty: element }))
    }
}

/// The rest of a name behind `atomic_`, `atomic64_` or `atomic_long_`.
fn atomic(name: &str) -> Option<&str> {
    ["atomic64_", "atomic_long_", "atomic_"].iter().find_map(|p| name.strip_prefix(p))
}
