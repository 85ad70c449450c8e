//! Which file uses which, read from their `use` declarations and paths; no circle may be among them.
//!
//! A path means the file that it leads to; where that file only passes a name on (`pub use`), the file that has it.
//! Tests are left out, and what a method call reaches is not seen.

use std::collections::{BTreeMap, BTreeSet};

use super::sources;

/// A module by its path from the crate's root, such as `["guard", "jwt"]`.
type Module = Vec<String>;

/// The files of one crate, and which of the others each uses.
struct Uses {
    texts: BTreeMap<Module, String>,
    edges: BTreeMap<Module, BTreeSet<Module>>,
}

impl Uses {
    /// Of the crate whose root module lies in `folder`.
    fn of(folder: &str) -> Self {
        let texts = sources(folder).into_iter().filter_map(|(name, text)| {
            let name = name.strip_prefix(folder)?.trim_start_matches('/').strip_suffix(".rs")?.to_owned();
            let mut module: Module = name.split('/').map(str::to_owned).collect();
            if module.last().is_some_and(|last| matches!(last.as_str(), "lib" | "mod")) {
                module.pop();
            }
            Some((module, code(&text)))
        });
        Self::between(texts.collect())
    }

    fn between(texts: BTreeMap<Module, String>) -> Self {
        let mut uses = Self { texts, edges: BTreeMap::new() };
        for (module, text) in &uses.texts {
            let used = paths(text).into_iter().filter_map(|path| uses.file_of(module, &path, 0));
            uses.edges.insert(module.clone(), used.filter(|used| used != module).collect());
        }
        uses
    }

    /// The file that `path`, as written in `module`, leads to; `None` where that is another crate's.
    fn file_of(&self, module: &Module, path: &[String], depth: usize) -> Option<Module> {
        // `pub(in super::super)` says who may use a name, and uses none.
        path.iter().find(|step| !matches!(step.as_str(), "crate" | "self" | "super"))?;
        let (first, rest) = path.split_first()?;
        let (mut file, mut rest) = match first.as_str() {
            "crate" => (Module::new(), rest),
            "self" => (module.clone(), rest),
            "super" => (module.split_last()?.1.to_vec(), rest),
            name => {
                let child = joined(module, name);
                self.texts.contains_key(&child).then_some((child, rest))?
            }
        };
        while let [next, after @ ..] = rest {
            if next == "super" {
                file.pop();
            } else if self.texts.contains_key(&joined(&file, next)) {
                file = joined(&file, next);
            } else {
                break;
            }
            rest = after;
        }
        let text = self.texts.get(&file)?;
        let Some(name) = rest.first().filter(|_| depth < 8) else { return Some(file) };
        let passed_on = declarations(text, "pub").into_iter().find(|path| path.last() == Some(name));
        passed_on.and_then(|path| self.file_of(&file, &path, depth + 1)).or(Some(file))
    }

    /// The shortest way from a file back to itself, if there is one.
    fn circle(&self) -> Option<String> {
        self.texts.keys().filter_map(|start| self.way_back(start)).min_by_key(Vec::len).map(|way| {
            let names = way.iter().map(|module| match module.join("/") {
                name if name.is_empty() => "lib".to_owned(),
                name => name,
            });
            names.collect::<Vec<_>>().join(" → ")
        })
    }

    fn way_back(&self, start: &Module) -> Option<Vec<Module>> {
        let mut ways = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while !ways.is_empty() {
            let mut longer = Vec::new();
            for way in ways {
                for next in way.last().and_then(|last| self.edges.get(last)).into_iter().flatten() {
                    let further = [way.as_slice(), std::slice::from_ref(next)].concat();
                    if next == start {
                        return Some(further);
                    }
                    if seen.insert(next.clone()) {
                        longer.push(further);
                    }
                }
            }
            ways = longer;
        }
        None
    }
}

fn joined(module: &[String], name: &str) -> Module {
    [module, &[name.to_owned()]].concat()
}

/// A text without comments, and without what only tests use.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut skip = false;
    let kept = lines.filter(|line| {
        let skipped = std::mem::replace(&mut skip, line.trim() == "#[cfg(test)]");
        !skipped && !skip
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Every path of a text: those of its `use` declarations, and those in its code that begin in lower case.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut all = declarations(text, "");
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    for path in text.split(|c| !word(c)).filter(|path| path.contains("::") && !path.ends_with(':')) {
        if path.starts_with(|c: char| c.is_ascii_lowercase()) {
            all.push(path.split("::").map(str::to_owned).collect());
        }
    }
    all
}

/// The paths of the `use` declarations of a text; with `pub`, of those that pass names on.
fn declarations(text: &str, visibility: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("use ") {
        let line = rest[..at].rsplit('\n').next().unwrap_or_default().trim();
        let (_, after) = rest.split_at(at + "use ".len());
        let end = after.find(';').unwrap_or(after.len());
        let declares = line.is_empty() || (line.starts_with("pub") && line.ends_with(['b', ')']));
        if declares && line.starts_with(visibility) {
            expand(&[], &after[..end], &mut all);
        }
        rest = if declares { &after[end..] } else { after };
    }
    all
}

/// `a::{b, c::d}` as its paths.
fn expand(prefix: &[String], tree: &str, into: &mut Vec<Vec<String>>) {
    let (head, group) = match tree.split_once('{') {
        Some((head, group)) => (head, Some(group.trim_end().strip_suffix('}').unwrap_or(group))),
        None => (tree.split(" as ").next().unwrap_or_default(), None),
    };
    let steps = head.split("::").map(str::trim).filter(|step| !step.is_empty()).map(str::to_owned);
    let path = prefix.iter().cloned().chain(steps).collect::<Vec<_>>();
    let Some(group) = group else { return into.push(path) };
    let (mut depth, mut from) = (0_usize, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let item = group[from..at].trim();
                if !item.is_empty() {
                    expand(&path, item, into);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

#[test]
fn no_file_uses_another_in_a_circle() {
    for folder in ["gateway/core/src", "gateway/config/src", "gateway/server"] {
        let uses = Uses::of(folder);
        let count: usize = uses.edges.values().map(BTreeSet::len).sum();
        assert!(count > uses.texts.len(), "{folder}: {count} uses were found");
        if let Some(circle) = uses.circle() {
            panic!("{folder}: {circle}; hint: move what both need into a file that uses neither");
        }
    }
}

#[test]
fn circles_are_found() {
    fn check(files: &[(&str, &str)], expected: Option<&str>) {
        let texts = files.iter().map(|(name, text)| {
            (name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(), code(text))
        });
        assert_eq!(Uses::between(texts.collect()).circle().as_deref(), expected, "{files:?}");
    }
    check(&[("", "mod a;"), ("a", "use crate::b::B;"), ("b", "use std::fmt;")], None);
    check(&[("a", "use crate::b::B;"), ("b", "use crate::a::A;")], Some("a → b → a"));
    check(&[("a", "use crate::{c::{D, E}, b::B};"), ("b", "fn f() { crate::a::g() }")], Some("a → b → a"));
    check(
        &[("a", "use crate::{b::{B, c::{C, D}}};"), ("b", ""), ("b/c", "use crate::a::A;")],
        Some("a → b/c → a"),
    );
    check(&[("a", "use b::B;"), ("a/b", "use super::A;")], Some("a → a/b → a"));
    // A name that is passed on is used where it stands.
    check(
        &[("a", "pub use b::B;"), ("a/b", "use crate::c::C;"), ("c", "use crate::a::B;")],
        Some("a/b → c → a/b"),
    );
    check(&[("a", "mod b;"), ("a/b", ""), ("c", "use crate::a::b::B;")], None);
    // Comments and tests do not count.
    check(&[("a", "use crate::b::B;"), ("b", "// use crate::a::A;\n#[cfg(test)]\nuse crate::a::A;")], None);
}
