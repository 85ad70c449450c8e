//! Rewrites a source file so that each of its mutants can be switched on while the program runs.
//!
//! `mutant-switch FILE PREFIX < MUTANTS` prints the file with, for example, `a < b` written as a `match` that computes
//! `a <= b` where `PREFIX::on(7)` holds. MUTANTS is a JSON list of what `cargo mutants --list --json` prints for this
//! file, each with a number. The numbers of mutants that cannot be switched are told on standard error, one a line, each
//! with `unviable` if it could not be compiled at all.
//!
//! Each rewritten place begins with `/*G7,8*/`, its numbers, so that a compiler's error in it can be led back to them.

use std::io::Read;
use std::ops::Range;

use serde::Deserialize;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Expr, ExprBinary, ExprStruct, ExprUnary};

#[derive(Deserialize)]
struct Mutant {
    number: u32,
    function: Option<Function>,
    genre: String,
    replacement: String,
    span: Extent,
}

#[derive(Deserialize)]
struct Function {
    return_type: String,
}

#[derive(Deserialize)]
struct Extent {
    start: LineColumn,
    end: LineColumn,
}

/// Both counted from 1, columns in characters.
#[derive(Clone, Copy, Deserialize)]
struct LineColumn {
    line: usize,
    column: usize,
}

/// A piece of the file that is written anew, in bytes, with what it is made of.
struct Piece {
    whole: Range<usize>,
    form: Form,
    mutants: Vec<(u32, String)>,
}

enum Form {
    /// The statements of a function.
    Body,
    /// The same where the return type is an `impl Iterator`: each branch has a type of its own.
    Iterator,
    /// The condition behind a pattern.
    Guard,
    /// A match arm that is left out: the end of its pattern, and its guard if it has one.
    Arm {
        pattern: usize,
        guard: Option<Range<usize>>,
    },
    Unary {
        operand: Range<usize>,
        operator: String,
    },
    Binary {
        left: Range<usize>,
        right: Range<usize>,
        operator: BinOp,
    },
    /// A field whose value then comes from the rest of the struct.
    Field {
        name: String,
        value: Range<usize>,
        rest: Range<usize>,
    },
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, prefix] = arguments.as_slice() else {
        eprintln!("mutant-switch FILE PREFIX < MUTANTS");
        std::process::exit(2);
    };
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let mut list = String::new();
    std::io::stdin().read_to_string(&mut list).expect("the list can be read");
    let mutants: Vec<Mutant> = serde_json::from_str(&list).expect("the list is as it should be");

    let mut finder = Finder {
        text: &text,
        mutants: &mutants,
        pieces: Vec::new(),
        placed: Vec::new(),
        chained: Vec::new(),
    };
    finder.bodies();
    finder.visit_file(&syn::parse_file(&text).expect("the file is Rust"));
    for mutant in &mutants {
        if !finder.placed.contains(&mutant.number) {
            let state = if finder.chained.contains(&mutant.number) { "unviable" } else { "not switched" };
            eprintln!("{} {state}", mutant.number);
        }
    }
    let mut pieces = finder.pieces;
    // Outer pieces before those they hold; of two as large the one that was made of the larger construct.
    pieces.sort_by_key(|piece| (piece.whole.start, usize::MAX - piece.whole.end, rank(&piece.form)));
    let writer = Writer { text: &text, prefix, pieces: &pieces };
    print!("{}", writer.write(0..text.len(), 0));
}

fn rank(form: &Form) -> u8 {
    match form {
        Form::Body | Form::Iterator => 0,
        Form::Arm { .. } => 1,
        Form::Guard => 2,
        Form::Field { .. } => 3,
        Form::Binary { .. } | Form::Unary { .. } => 4,
    }
}

struct Finder<'a> {
    text: &'a str,
    mutants: &'a [Mutant],
    pieces: Vec<Piece>,
    placed: Vec<u32>,
    /// Operators of a chain with `let`: no other operator compiles there.
    chained: Vec<u32>,
}

impl Finder<'_> {
    fn offset(&self, at: LineColumn) -> usize {
        let line = self.text.split_inclusive('\n').take(at.line - 1).map(str::len).sum::<usize>();
        line + self.text[line..].chars().take(at.column - 1).map(char::len_utf8).sum::<usize>()
    }

    /// The mutants of a kind that begin at a byte.
    fn of(&self, genre: &str, start: usize) -> Vec<(u32, String)> {
        self.mutants
            .iter()
            .filter(|mutant| mutant.genre == genre && self.offset(mutant.span.start) == start)
            .map(|mutant| (mutant.number, mutant.replacement.clone()))
            .collect()
    }

    fn add(&mut self, whole: Range<usize>, mutants: Vec<(u32, String)>, form: Form) {
        if !mutants.is_empty() {
            self.placed.extend(mutants.iter().map(|(number, _)| number));
            self.pieces.push(Piece { whole, form, mutants });
        }
    }

    fn bodies(&mut self) {
        for mutant in self.mutants.iter().filter(|mutant| mutant.genre == "FnValue") {
            let whole = self.offset(mutant.span.start)..self.offset(mutant.span.end);
            if self.placed.contains(&mutant.number) {
                continue;
            }
            let here = self.of("FnValue", whole.start);
            let iterator = mutant
                .function
                .as_ref()
                .is_some_and(|function| function.return_type.starts_with("-> impl Iterator"));
            self.add(whole, here, if iterator { Form::Iterator } else { Form::Body });
        }
    }
}

fn has_let(node: &Expr) -> bool {
    match node {
        Expr::Let(_) => true,
        Expr::Binary(node) => has_let(&node.left) || has_let(&node.right),
        _ => false,
    }
}

fn extent(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

impl<'ast> Visit<'ast> for Finder<'_> {
    // What is computed while compiling cannot ask which mutant is switched on.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}

    fn visit_expr_binary(&mut self, node: &'ast ExprBinary) {
        // `let` stands nowhere but in a chain of `&&`, which cannot be written as a `match`.
        let chain = has_let(&node.left) || has_let(&node.right);
        let mut mutants = self.of("BinaryOperator", extent(&node.op).start);
        if chain {
            self.chained.extend(mutants.drain(..).map(|(number, _)| number));
        }
        let form = Form::Binary { left: extent(&node.left), right: extent(&node.right), operator: node.op };
        self.add(extent(node), mutants, form);
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast ExprUnary) {
        let operator = extent(&node.op);
        let mutants = self.of("UnaryOperator", operator.start);
        let form = Form::Unary { operand: extent(&node.expr), operator: self.text[operator].to_owned() };
        self.add(extent(node), mutants, form);
        visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, node: &'ast Arm) {
        let whole = extent(node);
        let pattern = extent(&node.pat);
        let mut gone = self.of("MatchArm", whole.start);
        if gone.is_empty() {
            gone = self.of("MatchArm", pattern.start);
        }
        let guard = node.guard.as_ref().map(|(_, guard)| extent(guard));
        let end = guard.as_ref().map_or(pattern.end, |guard| guard.end);
        self.add(pattern.start..end, gone, Form::Arm { pattern: pattern.end, guard: guard.clone() });
        if let Some(guard) = guard {
            let mutants = self.of("MatchArmGuard", guard.start);
            self.add(guard, mutants, Form::Guard);
        }
        visit::visit_arm(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'ast ExprStruct) {
        if let Some(rest) = &node.rest {
            for field in node.fields.iter().filter(|field| field.colon_token.is_some()) {
                let mutants = self.of("StructField", extent(field).start);
                let name = extent(&field.member);
                let form = Form::Field {
                    name: self.text[name].to_owned(),
                    value: extent(&field.expr),
                    rest: extent(rest),
                };
                self.add(extent(&field.expr), mutants, form);
            }
        }
        visit::visit_expr_struct(self, node);
    }
}

struct Writer<'a> {
    text: &'a str,
    prefix: &'a str,
    pieces: &'a [Piece],
}

impl Writer<'_> {
    /// The text of `range` with its pieces, from the one with index `from` on, written anew.
    fn write(&self, range: Range<usize>, from: usize) -> String {
        let mut out = String::new();
        let mut at = range.start;
        for (index, piece) in self.pieces.iter().enumerate().skip(from) {
            if piece.whole.start >= at && piece.whole.end <= range.end && piece.whole.start < range.end {
                out.push_str(&self.text[at..piece.whole.start]);
                out.push_str(&self.piece(piece, index + 1));
                at = piece.whole.end;
            }
        }
        out.push_str(&self.text[at..range.end]);
        out
    }

    fn piece(&self, piece: &Piece, next: usize) -> String {
        let numbers: Vec<String> = piece.mutants.iter().map(|(number, _)| number.to_string()).collect();
        let mark = format!("/*G{}*/", numbers.join(","));
        let on = |number: &u32| format!("{}::on({number})", self.prefix);
        let any = || piece.mutants.iter().map(|(number, _)| on(number)).collect::<Vec<_>>().join(" || ");
        let inner = |range: &Range<usize>| self.write(range.clone(), next);
        // `if on(7) { … } else if on(8) { … } else { … }`
        let choose = |of: &dyn Fn(&str) -> String, otherwise: String| {
            let mut out = String::new();
            for (number, replacement) in &piece.mutants {
                out.push_str(&format!("if {} {{ {} }} else ", on(number), of(replacement)));
            }
            format!("{out}{{ {mark}{otherwise} }}")
        };
        match &piece.form {
            Form::Body => {
                let mut out = String::new();
                for (number, replacement) in &piece.mutants {
                    out.push_str(&format!("if {} {{ return {replacement}; }} ", on(number)));
                }
                format!("{out}/*G*/{}", inner(&piece.whole))
            }
            Form::Iterator => {
                let either = format!("{}::Either", self.prefix);
                let mut out = String::new();
                for (index, (number, replacement)) in piece.mutants.iter().enumerate() {
                    let (open, close) = (format!("{either}::Right(").repeat(index), ")".repeat(index));
                    out.push_str(&format!(
                        "if {} {{ return {open}{either}::Left({replacement}){close}; }} ",
                        on(number)
                    ));
                }
                let (open, close) =
                    (format!("{either}::Right(").repeat(numbers.len()), ")".repeat(numbers.len()));
                format!("{out}{open}{{ {mark}{} }}{close}", inner(&piece.whole))
            }
            Form::Guard => format!("({mark}{})", choose(&str::to_owned, inner(&piece.whole))),
            Form::Arm { pattern, guard } => {
                let kept = &self.text[piece.whole.start..*pattern];
                match guard {
                    None => format!("{kept} if {mark}!({})", any()),
                    Some(guard) => format!("{kept} if {mark}!({}) && ({})", any(), inner(guard)),
                }
            }
            Form::Unary { operand, operator } => {
                let chosen = choose(&|_| "x__".to_owned(), format!("{operator}x__"));
                format!("({mark}match ({}) {{ x__ => {chosen} }})", inner(operand))
            }
            Form::Binary { left, right, operator } => {
                let sign = &self.text[left.end..right.start];
                let sign = &sign[sign.find(|c: char| "=!<>&|+-*/%^".contains(c)).unwrap_or(0)..].trim_end();
                let (l, r) = (inner(left), inner(right));
                match operator {
                    BinOp::And(_) => format!(
                        "({mark}match ({l}) {{ l__ => if l__ != ({}) {{ {r} }} else {{ l__ }} }})",
                        any()
                    ),
                    BinOp::Or(_) => format!(
                        "({mark}match ({l}) {{ l__ => if l__ == ({}) {{ {r} }} else {{ l__ }} }})",
                        any()
                    ),
                    BinOp::Eq(_)
                    | BinOp::Ne(_)
                    | BinOp::Lt(_)
                    | BinOp::Le(_)
                    | BinOp::Gt(_)
                    | BinOp::Ge(_) => {
                        let chosen = choose(&|other| format!("l__ {other} r__"), format!("l__ {sign} r__"));
                        format!("({mark}match (&({l}), &({r})) {{ (l__, r__) => {chosen} }})")
                    }
                    BinOp::AddAssign(_)
                    | BinOp::SubAssign(_)
                    | BinOp::MulAssign(_)
                    | BinOp::DivAssign(_)
                    | BinOp::RemAssign(_)
                    | BinOp::BitXorAssign(_)
                    | BinOp::BitAndAssign(_)
                    | BinOp::BitOrAssign(_)
                    | BinOp::ShlAssign(_)
                    | BinOp::ShrAssign(_) => {
                        let chosen = choose(&|other| format!("{l} {other} r__"), format!("{l} {sign} r__"));
                        format!("{mark}match ({r}) {{ r__ => {{ {chosen} }} }}")
                    }
                    _ => {
                        let chosen = choose(&|other| format!("l__ {other} r__"), format!("l__ {sign} r__"));
                        format!("({mark}match ({l}, {r}) {{ (l__, r__) => {chosen} }})")
                    }
                }
            }
            Form::Field { name, value, rest } => {
                let base = &self.text[rest.clone()];
                choose(&|_| format!("({base}).{name}"), inner(value))
            }
        }
    }
}
