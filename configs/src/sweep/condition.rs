// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conditions between axes: `cores >= 2 * owners and hold < 1ms`.
//!
//! Operators, the strongest first: `* /`, `+ -`, `== != < <= > >=`, `not`, `and`, `or`; parentheses as usual. A name is that of an
//! axis, or else the path of a field of the point's experiment (`machine.cores`). A number may have a unit (`250ms`, `8kHz`, `64KiB`,
//! `500cy`); times, cycles, rates and sizes are not mixed, except that a time times a rate is a plain number. Other values are
//! texts, which can only be equal or not: `machine == "zen3-ccx-8"`, `interconnect == "Ring"` (the name before a parenthesis).

use super::number::{Dimension, Number};

/// Deepest nesting of parentheses and `not`.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64, Dimension),
    Text(String),
    Truth(bool),
}

impl Value {
    /// What the text of a field or axis is worth.
    fn of(text: &str) -> Value {
        let text = text.trim();
        match (Number::read(text), text) {
            (Some(n), _) => Value::Number(n.value, n.dimension),
            (None, "true") => Value::Truth(true),
            (None, "false") => Value::Truth(false),
            (None, _) => Value::Text(super::short(text)),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Value::Number(_, d) => d.name(),
            Value::Text(_) => "a text",
            Value::Truth(_) => "true or false",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Value(Value),
    Sign(&'static str),
}

/// The longer ones first.
const SIGNS: [&str; 12] = ["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")"];

/// Whether a condition holds, with `field` giving the text of a name.
///
/// # Errors
/// In words: what cannot be read, a name that is none, or kinds that do not go together.
pub(super) fn holds(text: &str, field: &dyn Fn(&str) -> Result<String, String>) -> Result<bool, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, depth: 0, field };
    let value = reader.either()?;
    if let Some(token) = reader.tokens.get(reader.at) {
        return Err(format!("{} is too much here\njoin conditions by `and` or `or`", show(token)));
    }
    match value {
        Value::Truth(truth) => Ok(truth),
        other => Err(format!("this is {}, not a condition\ncompare it with something", other.kind())),
    }
}

fn show(token: &Token) -> String {
    match token {
        Token::Name(n) => format!("`{n}`"),
        Token::Value(Value::Text(t)) => format!("\"{t}\""),
        Token::Value(Value::Number(n, _)) => format!("`{n}`"),
        Token::Value(Value::Truth(t)) => format!("`{t}`"),
        Token::Sign(s) => format!("`{s}`"),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let length;
        if c == '"' {
            let end = rest[1..].find('"').ok_or("a text in quotes has no end\nclose it with `\"`")?;
            tokens.push(Token::Value(Value::of(&rest[1..=end])));
            length = end + 2;
        } else if c.is_ascii_digit() {
            // `10/s` is a rate, `10/2` a quotient.
            let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(rest.len());
            let unit = rest[number..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len() - number);
            let per_second =
                rest[number..].strip_prefix("/s").filter(|r| !r.starts_with(|c: char| c.is_alphanumeric()));
            length = number + if per_second.is_some() { 2 } else { unit };
            let read = Number::read(&rest[..length]);
            let read = read.ok_or_else(|| {
                format!(
                    "`{}` is no number\nunits: ps, ns, us, ms, s, cy, /s, Hz, kHz, MHz, GHz, B, KiB, MiB, GiB",
                    &rest[..length]
                )
            })?;
            tokens.push(Token::Value(Value::Number(read.value, read.dimension)));
        } else if c.is_alphabetic() || c == '_' {
            let part = |c: char| c.is_alphanumeric() || "_.[]".contains(c);
            length = rest.find(|c| !part(c)).unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..length].to_owned()));
        } else if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            length = sign.len();
            tokens.push(Token::Sign(sign));
        } else {
            return Err(format!("`{c}` means nothing here\nsigns: {}, and, or, not", SIGNS.join(" ")));
        }
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    field: &'a dyn Fn(&str) -> Result<String, String>,
}

impl Reader<'_> {
    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(n)) if n == word);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(s)) if signs.contains(s) => {
                self.at += 1;
                Some(s)
            }
            _ => None,
        }
    }

    fn either(&mut self) -> Result<Value, String> {
        let mut left = self.both()?;
        while self.word("or") {
            // Both sides are always worked out, so that a mistake on either shows.
            let right = self.both()?;
            left = Value::Truth(truth(left)? | truth(right)?);
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Value, String> {
        let mut left = self.negated()?;
        while self.word("and") {
            let right = self.negated()?;
            left = Value::Truth(truth(left)? & truth(right)?);
        }
        Ok(left)
    }

    fn negated(&mut self) -> Result<Value, String> {
        if self.word("not") {
            self.deeper()?;
            let value = self.negated()?;
            self.depth -= 1;
            return Ok(Value::Truth(!truth(value)?));
        }
        let left = self.sum()?;
        match self.sign(&["==", "!=", "<=", ">=", "<", ">"]) {
            Some(sign) => compare(&left, sign, &self.sum()?),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Value, String> {
        let mut left = self.product()?;
        while let Some(sign) = self.sign(&["+", "-"]) {
            left = arithmetic(&left, sign, &self.product()?)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Value, String> {
        let mut left = self.atom()?;
        while let Some(sign) = self.sign(&["*", "/"]) {
            left = arithmetic(&left, sign, &self.atom()?)?;
        }
        Ok(left)
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err("nested too deeply\nwrite several conditions".into()) } else { Ok(()) }
    }

    fn atom(&mut self) -> Result<Value, String> {
        if self.sign(&["("]).is_some() {
            self.deeper()?;
            let value = self.either()?;
            self.depth -= 1;
            return match self.sign(&[")"]) {
                Some(_) => Ok(value),
                None => Err("a `(` is not closed\nclose it with `)`".into()),
            };
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Value(v)) => Ok(v),
            Some(Token::Name(n)) => (self.field)(&n).map(|text| Value::of(&text)),
            Some(Token::Sign(s)) => Err(format!("there should be a value before `{s}`\nas in `cores >= 2 * owners`")),
            None => Err("a value is missing at the end\nas in `cores >= 2 * owners`".into()),
        }
    }
}

fn truth(value: Value) -> Result<bool, String> {
    match value {
        Value::Truth(t) => Ok(t),
        other => Err(format!("{} is no condition\ncompare it with something", other.kind())),
    }
}

fn compare(a: &Value, sign: &'static str, b: &Value) -> Result<Value, String> {
    let order = match (a, b) {
        (Value::Number(x, d), Value::Number(y, e)) if d == e => x.partial_cmp(y),
        (Value::Text(x), Value::Text(y)) if matches!(sign, "==" | "!=") => Some(x.cmp(y)),
        (Value::Truth(x), Value::Truth(y)) if matches!(sign, "==" | "!=") => Some(x.cmp(y)),
        _ => return Err(mixed(a, sign, b)),
    };
    let Some(order) = order else { return Err(mixed(a, sign, b)) };
    Ok(Value::Truth(match sign {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<=" => order.is_le(),
        ">=" => order.is_ge(),
        "<" => order.is_lt(),
        _ => order.is_gt(),
    }))
}

fn arithmetic(a: &Value, sign: &'static str, b: &Value) -> Result<Value, String> {
    use Dimension::{Plain, Rate, Time};
    let (Value::Number(x, d), Value::Number(y, e)) = (a, b) else { return Err(mixed(a, sign, b)) };
    let (value, dimension) = match (sign, *d, *e) {
        ("+", d, e) if d == e => (x + y, d),
        ("-", d, e) if d == e => (x - y, d),
        ("*", Plain, e) => (x * y, e),
        ("*", d, Plain) => (x * y, d),
        // Nanoseconds times hertz.
        ("*", Time, Rate) | ("*", Rate, Time) => (x * y / 1e9, Plain),
        ("/", _, _) if *y == 0.0 => return Err("division by zero\n".into()),
        ("/", d, Plain) => (x / y, d),
        ("/", d, e) if d == e => (x / y, Plain),
        _ => return Err(mixed(a, sign, b)),
    };
    Ok(Value::Number(value, dimension))
}

fn mixed(a: &Value, sign: &str, b: &Value) -> String {
    format!("`{sign}` does not go between {} and {}\nboth sides are of one kind", a.kind(), b.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Result<String, String> {
        match name {
            "cores" => Ok("8".into()),
            "hold" => Ok("\"250us\"".into()),
            "rate" => Ok("\"8kHz\"".into()),
            "machine" => Ok("Preset(\"zen3-ccx-8\")".into()),
            "network" => Ok("Ring(hop: \"1cy\")".into()),
            "workload.tasks[0].on" => Ok("All".into()),
            other => Err(format!("there is no `{other}`\nnames: cores")),
        }
    }

    #[test]
    fn conditions_are_read_as_arithmetic_is() {
        for (text, truth) in [
            ("cores == 8", true),
            ("cores > 2 + 3 * 2", false),
            ("(2 + 3) * 2 > cores", true),
            ("cores - 1 - 1 == 6", true),
            ("cores / 2 / 2 == 2", true),
            ("hold < 1ms and hold >= 250us", true),
            ("hold == 0.25ms", true),
            ("hold * rate == 2", true),
            ("rate <= 10/s or rate == 8000/s", true),
            ("not cores == 8 or cores == 8 and hold > 1s", false),
            ("not (cores == 8 and hold > 1s)", true),
            ("machine == \"zen3-ccx-8\" and network != \"Bus\"", true),
            ("network == \"Ring\" and workload.tasks[0].on == \"All\"", true),
            ("hold / 50us == 5", true),
        ] {
            assert_eq!(holds(text, &field), Ok(truth), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, why) in [
            ("cores", "this is a number, not a condition"),
            ("cores == 8 cores", "`cores` is too much here"),
            ("cores < 1ms", "`<` does not go between a number and a time"),
            ("hold + rate > 1", "`+` does not go between a time and a rate"),
            ("machine < \"zen\"", "`<` does not go between a text and a text"),
            ("cors == 8", "there is no `cors`"),
            ("(cores == 8", "is not closed"),
            ("cores ==", "a value is missing"),
            ("cores == * 2", "a value before `*`"),
            ("cores == 8 and", "a value is missing"),
            ("cores & 8", "`&` means nothing"),
            ("cores == 8parsecs", "`8parsecs` is no number"),
            ("machine == \"zen", "has no end"),
            ("cores / 0 == 1", "division by zero"),
            ("1 and 2", "is no condition"),
            (&"(".repeat(100), "nested too deeply"),
        ] {
            let told = holds(text, &field).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
