// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conditions on final states.

use super::lex::{Cursor, Kind};
use super::{Error, Observable, Value};

/// Nesting of parentheses and negations.
const NESTING_MAX: usize = 200;

/// A condition; places are indices into [`super::Test::observed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always (`true`) or never.
    Const(bool),
    /// Equal to a value.
    Is(usize, Value),
    /// Not.
    Not(Box<Condition>),
    /// Both.
    And(Box<Condition>, Box<Condition>),
    /// At least one.
    Or(Box<Condition>, Box<Condition>),
}

impl Condition {
    /// Whether it holds, where `equals(i, v)` tells if observable `i` has value `v`.
    pub fn holds(&self, equals: &impl Fn(usize, Value) -> bool) -> bool {
        match self {
            Condition::Const(b) => *b,
            Condition::Is(i, v) => equals(*i, *v),
            Condition::Not(c) => !c.holds(equals),
            Condition::And(a, b) => a.holds(equals) && b.holds(equals),
            Condition::Or(a, b) => a.holds(equals) || b.holds(equals),
        }
    }

    /// Replaces every place by what `f` says.
    pub(super) fn renumber(&mut self, f: &impl Fn(usize) -> usize) {
        match self {
            Condition::Const(_) => {}
            Condition::Is(i, _) => *i = f(*i),
            Condition::Not(c) => c.renumber(f),
            Condition::And(a, b) | Condition::Or(a, b) => {
                a.renumber(f);
                b.renumber(f);
            }
        }
    }
}

/// What the reader of conditions asks the test for.
pub(super) trait Names {
    /// The observable for a register as written, entered into the list of observed ones.
    fn register(&mut self, thread: u64, name: &str) -> Result<usize, String>;
    /// The same for a location.
    fn location(&mut self, name: &str) -> Result<usize, String>;
    /// The location whose address a name stands for.
    fn address(&mut self, name: &str) -> Result<usize, String>;
}

/// `a => b`, `a \/ b`, `a /\ b`, `~a`, `place = value`; the first binds weakest.
pub(super) fn condition(c: &mut Cursor<'_, '_>, names: &mut impl Names, depth: usize) -> Result<Condition, Error> {
    let a = either(c, names, depth)?;
    if c.eat("=>") {
        let b = condition(c, names, depth + 1)?;
        return Ok(Condition::Or(Box::new(Condition::Not(Box::new(a))), Box::new(b)));
    }
    Ok(a)
}

fn either(c: &mut Cursor<'_, '_>, names: &mut impl Names, depth: usize) -> Result<Condition, Error> {
    let mut a = both(c, names, depth)?;
    while c.eat("\\/") || c.eat("||") {
        a = Condition::Or(Box::new(a), Box::new(both(c, names, depth)?));
    }
    Ok(a)
}

fn both(c: &mut Cursor<'_, '_>, names: &mut impl Names, depth: usize) -> Result<Condition, Error> {
    let mut a = atom(c, names, depth)?;
    while c.eat("/\\") || c.eat("&&") {
        a = Condition::And(Box::new(a), Box::new(atom(c, names, depth)?));
    }
    Ok(a)
}

fn atom(c: &mut Cursor<'_, '_>, names: &mut impl Names, depth: usize) -> Result<Condition, Error> {
    if depth > NESTING_MAX {
        return Err(c.unexpected("fewer parentheses and negations inside each other"));
    }
    if c.eat("~") || c.eat("not") {
        return Ok(Condition::Not(Box::new(atom(c, names, depth + 1)?)));
    }
    if c.eat("(") {
        let inner = condition(c, names, depth + 1)?;
        c.expect(")")?;
        return Ok(inner);
    }
    if c.eat("true") {
        return Ok(Condition::Const(true));
    }
    if c.eat("false") {
        return Ok(Condition::Const(false));
    }
    let place = place(c, names)?;
    let differs = c.eat("!=") || c.eat("<>");
    if !differs && !c.eat("=") {
        c.expect("==")?;
    }
    let value = value(c, names)?;
    let is = Condition::Is(place, value);
    Ok(if differs { Condition::Not(Box::new(is)) } else { is })
}

/// A number, or the name of a location for its address.
pub(super) fn value(c: &mut Cursor<'_, '_>, names: &mut impl Names) -> Result<Value, Error> {
    c.eat("&");
    let t = c.peek();
    if t.kind == Kind::Word {
        c.bump();
        return Ok(Value::Address(names.address(t.text).map_err(|e| c.file.error(t.at, e))?));
    }
    Ok(Value::Int(c.int("a number or a location")?))
}

/// `0:EAX`, `x`, `[x]`, `*x`.
pub(super) fn place(c: &mut Cursor<'_, '_>, names: &mut impl Names) -> Result<usize, Error> {
    let t = c.peek();
    let found = if let Kind::Int(thread) = t.kind {
        c.bump();
        c.expect(":")?;
        c.eat("%");
        let name = c.word("a register")?;
        names.register(thread, name.text)
    } else {
        let bracket = c.eat("[");
        c.eat("*");
        let name = c.word("a register such as `0:EAX`, or a location")?;
        if bracket {
            c.expect("]")?;
        }
        names.location(name.text)
    };
    found.map_err(|e| c.file.error(t.at, e))
}

/// Enters an observable into a list, if it is not there, and gives its index.
pub(super) fn enter(list: &mut Vec<Observable>, o: Observable) -> usize {
    list.iter().position(|x| *x == o).unwrap_or_else(|| {
        list.push(o);
        list.len() - 1
    })
}
