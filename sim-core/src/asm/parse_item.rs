// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parsing of declarations and procedure heads.

use super::diag::Sp;
use super::lex::{Tk, shorten};
use super::near::near_name;
use super::parse::{NESTING_MAX, Parsed, Parser, TOP_WORDS};
use super::syntax::{Dst, FieldDecl, Item, Literal, Name, ProcDecl, StructDecl, Unit};
use crate::program::LineKind;

/// A text that begins with so many lines that are no declarations is no program: its other lines would say the same.
const NO_PROGRAM: usize = 3;

impl<'a> Parser<'a, '_, '_, '_> {
    /// Items up to the end of the file, or to the brace that closes the section opened at `opening`.
    pub(super) fn items(&mut self, opening: Option<Sp>) -> Vec<Item<'a>> {
        let mut items = Vec::new();
        loop {
            self.skip_newlines();
            if self.peek().kind == Tk::End {
                if let Some(opening) = opening {
                    self.unclosed("this section", opening);
                }
                return items;
            }
            if self.is_sym(0, "}") {
                let at = self.bump().at;
                if opening.is_none() {
                    self.sink.error(at, "this `}` closes nothing", "nothing is open here");
                }
                if self.line_end().is_err() {
                    self.skip_line();
                }
                if opening.is_some() {
                    return items;
                }
                continue;
            }
            let start = self.pos;
            match self.item() {
                Ok(item) => items.push(item),
                Err(_) => {
                    let broken = self.recover(start);
                    items.push(Item::Broken(broken));
                    if items.len() == NO_PROGRAM && items.iter().all(|i| matches!(i, Item::Broken(_))) {
                        self.skip_all();
                    }
                }
            }
        }
    }

    /// Goes to the end of the file.
    fn skip_all(&mut self) {
        while self.peek().kind != Tk::End {
            self.bump();
        }
    }

    /// Goes on after a declaration that could not be read, looking for mistakes in its body too;
    /// gives the words that it may have declared.
    fn recover(&mut self, start: usize) -> Vec<&'a str> {
        let brace = self.skip_line();
        let words = self.words_since(start);
        if !brace || self.depth >= NESTING_MAX {
            return words;
        }
        let opening = self.peek().at;
        match words.first().and_then(|head| near_name(head, TOP_WORDS)) {
            Some("proc") => {
                self.block("this block", opening);
                words
            }
            Some("patch") => {
                self.depth += 1;
                self.items(Some(opening));
                self.depth -= 1;
                self.words_since(start)
            }
            _ => {
                while !self.at_struct_end() {
                    self.skip_line();
                }
                words
            }
        }
    }

    /// At the brace that ends a structure, which is eaten, or at the end of the file.
    fn at_struct_end(&mut self) -> bool {
        self.peek().kind == Tk::End || self.eat("}")
    }

    fn item(&mut self) -> Parsed<Item<'a>> {
        let word = self.ident("a declaration")?;
        let item = match word.text {
            "program" => {
                let name = self.ident("the name of the program")?;
                self.string("its title in quotes")?;
                Item::Program(name)
            }
            "defpatch" => self.defpatch()?,
            "option" => Item::Switch {
                name: self.ident("the name of the option")?,
                description: self.string("its description in quotes")?,
            },
            "const" => {
                let (name, value) = self.named_value("constant")?;
                Item::Const { name, value }
            }
            "param" => {
                let (name, value) = self.named_value("parameter")?;
                self.string("its description in quotes")?;
                Item::Param { name, value }
            }
            "struct" => return self.structure().map(Item::Struct),
            "object" => {
                let name = self.ident("the name of the object")?;
                self.sym(":")?;
                Item::Object { name, layout: self.ident("the name of its structure")? }
            }
            "dist" => {
                let name = self.ident("the name of the distribution")?;
                self.sym("=")?;
                let shape = self.ident("`fixed`, `uniform` or `exp`")?;
                Item::Dist { name, shape, args: self.args()?.0 }
            }
            "export" => Item::Export {
                role: self.ident("a role, as in `export lock NAME`")?,
                proc: self.ident("the name of a procedure")?,
            },
            "clean" => Item::Clean(self.address()?),
            "proc" => return self.procedure(word.at, false).map(Item::Proc),
            "inline" => {
                if !self.eat_word("proc") {
                    return Err(self.expected("`proc`"));
                }
                return self.procedure(word.at, true).map(Item::Proc);
            }
            "patch" => return self.item_patch(word.at),
            other => {
                let message = format!("unknown declaration `{}`", shorten(other));
                let d = self.sink.error(word.at, message, "not a declaration");
                match near_name(other, TOP_WORDS) {
                    Some(near) => d.help(format!("did you mean `{near}`?")),
                    None => d.help(format!("known: {}; statements belong into a `proc`", TOP_WORDS.join(", "))),
                };
                return Err(super::parse::Failed);
            }
        };
        self.line_end()?;
        Ok(item)
    }

    fn defpatch(&mut self) -> Parsed<Item<'a>> {
        let number = match self.peek().kind {
            Tk::Int(_) | Tk::Ident => self.bump().text,
            _ => return Err(self.expected("the number of the patch (1, 2, Q)")),
        };
        let name = self.ident("the name of the patch")?;
        let title = self.string("its title in quotes")?;
        let mut needs = Vec::new();
        if self.eat_word("needs") {
            needs.push(self.ident("the name of a patch")?);
            while self.eat(",") {
                needs.push(self.ident("the name of a patch")?);
            }
        }
        Ok(Item::Defpatch { number, name, title, needs })
    }

    /// `NAME = VALUE`.
    fn named_value(&mut self, what: &str) -> Parsed<(Name<'a>, Literal)> {
        let name = self.ident(&format!("the name of the {what}"))?;
        self.sym("=")?;
        let Some(value) = self.literal()? else {
            return Err(self.expected("a number or a time"));
        };
        if value.unit == Unit::Cycles {
            let message = format!("a {what} cannot be in cycles");
            self.sink
                .error(value.at, message, "in cycles")
                .help("write it in ns, or as a number and use `work NAME cy`");
        }
        Ok((name, value))
    }

    fn item_patch(&mut self, opening: Sp) -> Parsed<Item<'a>> {
        let cond = self.patch_head()?;
        self.depth += 1;
        let body = self.items(Some(opening));
        self.depth -= 1;
        Ok(Item::Patch { cond, body })
    }

    fn structure(&mut self) -> Parsed<StructDecl<'a>> {
        let name = self.ident("the name of the structure")?;
        let mut s = StructDecl {
            name,
            percpu: false,
            align: None,
            size: None,
            kind: LineKind::Other,
            fields: Vec::new(),
            broken: false,
        };
        while !self.is_sym(0, "{") {
            let word = self.ident("`percpu`, `align N`, `size N`, `kind K` or `{`")?;
            match word.text {
                "percpu" => s.percpu = true,
                "align" => s.align = Some(self.arg("an alignment in bytes")?),
                "size" => s.size = Some(self.arg("a size in bytes")?),
                "kind" => s.kind = self.line_kind()?,
                other => {
                    let known = ["percpu", "align", "size", "kind"];
                    let message = format!("unknown attribute `{}` of a structure", shorten(other));
                    self.sink.error(word.at, message, "not an attribute").near(other, known);
                    return Err(super::parse::Failed);
                }
            }
        }
        let opening = self.bump().at;
        self.fields(&mut s, opening)?;
        self.line_end()?;
        Ok(s)
    }

    fn line_kind(&mut self) -> Parsed<LineKind> {
        let word = self.ident("a kind of line")?;
        let names = LineKind::ALL.map(LineKind::name);
        if let Some(kind) = LineKind::ALL.into_iter().find(|k| k.name() == word.text) {
            return Ok(kind);
        }
        let message = format!("unknown kind `{}`", shorten(word.text));
        self.sink
            .error(word.at, message, "not a kind")
            .help(format!("kinds: {}", names.join(", ")))
            .near(word.text, names);
        Err(super::parse::Failed)
    }

    /// Fields up to and including the closing brace.
    fn fields(&mut self, s: &mut StructDecl<'a>, opening: Sp) -> Parsed<()> {
        loop {
            self.skip_newlines();
            if self.eat("}") {
                return Ok(());
            }
            let tok = self.peek();
            let next_item = self.at_line_start() && TOP_WORDS.contains(&tok.text) && self.peek_at(1).kind == Tk::Ident;
            if tok.kind == Tk::End || next_item {
                self.unclosed(&format!("structure `{}`", s.name.text), opening);
                // What stands here is read as the next declaration, after the end of this line.
                s.broken = true;
                self.pos -= 1;
                return Ok(());
            }
            let field = self.field().and_then(|f| {
                if self.eat(",") || self.at_line_end(0) || self.is_sym(0, "}") {
                    Ok(f)
                } else {
                    Err(self.expected("`,`, `@OFFSET` or `}`"))
                }
            });
            match field {
                Ok(field) => s.fields.push(field),
                Err(_) => {
                    s.broken = true;
                    while !self.at_line_end(0) && !self.is_sym(0, ",") && !self.is_sym(0, "}") {
                        self.pos += 1;
                    }
                    self.eat(",");
                }
            }
        }
    }

    /// `NAME: TYPE [@OFFSET]`.
    fn field(&mut self) -> Parsed<FieldDecl<'a>> {
        let name = self.ident("the name of a field")?;
        self.sym(":")?;
        let mut count = None;
        let ty = if self.eat("[") {
            let ty = self.ident("the type of the elements")?;
            self.sym(";")?;
            count = Some(self.arg("the number of elements")?);
            self.sym("]")?;
            ty
        } else {
            self.ident("u8, u16, u32, u64, a structure or `[TYPE; N]`")?
        };
        let offset = if self.eat("@") { Some(self.arg("an offset in bytes")?) } else { None };
        Ok(FieldDecl { name, ty, count, offset })
    }

    fn procedure(&mut self, opening: Sp, inline: bool) -> Parsed<ProcDecl<'a>> {
        let name = self.ident("the name of the procedure")?;
        self.sym("(")?;
        let mut params: Vec<Dst<'a>> = Vec::new();
        while !self.is_sym(0, ")") {
            let name = self.ident("the name of a parameter or `)`")?;
            let ty = if self.eat(":") { Some(self.ident("the structure it points to")?) } else { None };
            params.push(Dst { name, ty });
            if !self.eat(",") {
                break;
            }
        }
        if !self.eat(")") {
            return Err(self.expected("`,`, `: STRUCT` or `)`"));
        }
        let mut results = 0;
        if self.eat("->") {
            let first = self.ident("the name of a result")?.at;
            results = 1;
            while self.eat(",") {
                let at = self.ident("the name of a result")?.at;
                results += 1;
                if results > 2 {
                    return Err(self.fail(first.to(at), "a procedure returns two values at most", "too many results"));
                }
            }
        }
        if !self.eat("{") {
            return Err(self.expected("`{`"));
        }
        self.line_end()?;
        let (body, end) = self.block(&format!("procedure `{}`", name.text), opening);
        Ok(ProcDecl { name, inline, params, results, body, end })
    }
}
