//! Patterns in the syntax of other routers, which are refused with a hint in the syntax of this one.
//!
//! `:owner`, `<int:owner>`, `[owner]` or `(.*)` would be literal text here. No client sends such a path, so the route would
//! protect nothing, and the mistake would not show.

use super::fault::PatternFault;

/// The fault of a path in the syntax of another router, if it is in one. A spelling is proposed only where it `parses`.
pub(super) fn fault(method: &str, path: &str, parses: impl Fn(&str) -> bool) -> Option<PatternFault> {
    let found = read(path)?;
    let message = match found.kind {
        ForeignKind::Parameter => format!("`{}` is no parameter here", found.part),
        ForeignKind::Wildcard => format!("`{}` is no wildcard here", found.part),
        ForeignKind::Expression => format!("a path is no regular expression: `{path}`"),
    };
    let literal = match found.kind {
        ForeignKind::Parameter | ForeignKind::Wildcard => found.part.chars().find(|c| "<[({:$*".contains(*c)),
        ForeignKind::Expression => None,
    };
    let literal =
        literal.map_or_else(String::new, |c| format!(", or a literal `{c}` as `%{:02X}`", u32::from(c)));
    let hint = match found.meant.filter(|meant| parses(meant)) {
        Some(meant) => format!("write `{method} {meant}`{literal}"),
        None => format!("write `{{name}}` for one whole segment, `{{*rest}}` for all that follows{literal}"),
    };
    Some(PatternFault { message, hint })
}

/// The first part in foreign syntax, and the whole path in the syntax of this router.
struct ForeignPart<'p> {
    kind: ForeignKind,
    part: &'p str,
    meant: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ForeignKind {
    Parameter,
    Wildcard,
    Expression,
}

/// One segment in the syntax of this router.
enum Respelled {
    /// Unchanged.
    Same,
    /// A parameter of this name.
    Param(String),
    /// All that follows.
    Rest(String),
    /// It has no equivalent.
    Unclear,
}

fn read(path: &str) -> Option<ForeignPart<'_>> {
    let bare = unanchored(path);
    let anchored = bare.len() < path.len();
    let mut first = anchored.then_some((ForeignKind::Expression, path));
    let mut meant = Some(String::new());
    let mut names: Vec<String> = Vec::new();
    let segments = segments(bare.strip_prefix('/').unwrap_or(bare));
    for (at, part) in segments.iter().copied().enumerate() {
        let last = segments.get(at + 1..).is_none_or(|more| more.iter().all(|part| part.is_empty()));
        let (kind, segment) = respell(part, last);
        let spelt = match segment {
            Respelled::Same => Some(part.replace("\\.", ".")),
            Respelled::Param(name) => Some(format!("{{{}}}", fresh(name, &mut names))),
            Respelled::Rest(name) if last => Some(format!("{{*{}}}", fresh(name, &mut names))),
            Respelled::Rest(_) | Respelled::Unclear => None,
        };
        if let Some(kind) = kind
            && first.is_none()
        {
            first = Some((kind, part));
        }
        meant = meant.zip(spelt).map(|(so_far, spelt)| format!("{so_far}/{spelt}"));
        if last && meant.as_ref().is_some_and(|meant| meant.contains("{*")) {
            break;
        }
    }
    let (kind, part) = first?;
    Some(ForeignPart { kind, part, meant })
}

/// A path without the anchors of a regular expression.
fn unanchored(path: &str) -> &str {
    let start = path.strip_prefix("~ ").unwrap_or(path);
    let start = start.strip_prefix('^').unwrap_or(start);
    // `/$` is a segment of Remix.
    match start.strip_suffix('$') {
        Some(rest) if !rest.ends_with('/') || start.len() < path.len() => {
            rest.strip_suffix("/?").unwrap_or(rest)
        }
        Some(_) | None => start,
    }
}

/// The parts between slashes; a slash in brackets, as in `[^/]+`, belongs to its part.
fn segments(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in path.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                parts.push(path.get(start..at).unwrap_or_default().trim_end_matches('\\'));
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return path.split('/').collect();
    }
    parts.push(path.get(start..).unwrap_or_default());
    parts
}

/// What a segment is to another router, if it is one of its own, and what it would be here.
fn respell(part: &str, last: bool) -> (Option<ForeignKind>, Respelled) {
    let parameter = |name: &str, rest: bool| match (named(name), rest) {
        (Some(name), true) => (Some(ForeignKind::Parameter), Respelled::Rest(name)),
        (Some(name), false) => (Some(ForeignKind::Parameter), Respelled::Param(name)),
        (None, _) => (Some(ForeignKind::Parameter), Respelled::Unclear),
    };
    // Flask, Django and Sanic: `<int:id>`, `<id:int>`.
    if let Some(inner) = part.strip_prefix('<').and_then(|part| part.strip_suffix('>')) {
        let parts: Vec<&str> = inner.split(':').map(str::trim).collect();
        let is_type = |part: &str| TYPES.contains(&part.split('(').next().unwrap_or_default());
        let name = parts.iter().copied().find(|part| !is_type(part)).unwrap_or(inner);
        return parameter(name, parts.iter().any(|part| takes_all(part)));
    }
    // Starlette, chi, actix, Go and ASP.NET: `{id:int}`, `{rest:path}`, `{rest...}`, `{id?}`, `{**rest}`.
    if let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        let whole = inner.strip_prefix("**");
        let one = inner.trim_start_matches('*');
        let end = one.find([':', '?', '=']).or_else(|| one.find("..."));
        if whole.is_none() && end.is_none() {
            return (None, Respelled::Same);
        }
        let (name, kind) = one.split_at_checked(end.unwrap_or(one.len())).unwrap_or((one, ""));
        let starred = one.len() < inner.len();
        return parameter(name, starred || kind == "..." || takes_all(kind.trim_start_matches(':')));
    }
    // Express, Rails and Gin: `:id`, `:id?`, `:id(\d+)`, `:rest*`.
    if let Some(tail) = part.strip_prefix(':').filter(|tail| tail.starts_with(is_start)) {
        let end = tail.find(|c| !is_legal(c)).unwrap_or(tail.len());
        let (name, more) = tail.split_at_checked(end).unwrap_or((tail, ""));
        return match more {
            "" | "?" => parameter(name, false),
            "*" | "+" => parameter(name, true),
            group if group.starts_with('(') => parameter(name, takes_all(group)),
            _ => (Some(ForeignKind::Parameter), Respelled::Unclear),
        };
    }
    // Remix: `$id`, and `$` for the rest.
    if let Some(tail) = part.strip_prefix('$').filter(|tail| tail.is_empty() || tail.starts_with(is_start)) {
        let name = if tail.is_empty() { "rest" } else { tail };
        return parameter(name, tail.is_empty());
    }
    // Next.js and SvelteKit: `[id]`, `[...rest]`, `[[...rest]]`.
    if let Some(inner) = part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
        let inner = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(inner);
        let name = inner.strip_prefix("...").unwrap_or(inner);
        return parameter(name, name.len() < inner.len());
    }
    let unescaped = part.replace("\\.", ".");
    if unescaped.len() < part.len() && !is_expression(&unescaped) {
        return (Some(ForeignKind::Expression), Respelled::Same);
    }
    if is_expression(part) {
        let named = part
            .split_once("(?P<")
            .or_else(|| part.split_once("(?<"))
            .and_then(|(_, name)| name.split_once('>'));
        let group = named.map_or(part, |(_, group)| group);
        let name = named.map_or(if takes_all(group) { "rest" } else { "id" }, |(name, _)| name);
        let (_, meant) = parameter(name, takes_all(group));
        return (Some(ForeignKind::Expression), meant);
    }
    match part {
        "*" if !last => (Some(ForeignKind::Wildcard), Respelled::Param("name".to_owned())),
        "*" | "**" => (Some(ForeignKind::Wildcard), Respelled::Rest("rest".to_owned())),
        _ if part.contains('*') => {
            let name = part.strip_prefix('*').and_then(named);
            (Some(ForeignKind::Wildcard), name.map_or(Respelled::Unclear, Respelled::Rest))
        }
        _ if holds_parameter(part) => (Some(ForeignKind::Parameter), Respelled::Unclear),
        _ => (None, Respelled::Same),
    }
}

/// Whether a part of the segment is a parameter to another router: `<id>.json`, `x-[id]`, `jobs(.:format)`.
fn holds_parameter(part: &str) -> bool {
    let named_between = |open, close| {
        let (_, rest) = part.split_once(open)?;
        rest.split_once(close).and_then(|(name, _)| named(name.trim_start_matches("...")))
    };
    // No client sends an angle bracket that is not encoded.
    part.contains(['<', '>'])
        || named_between('[', ']').is_some()
        || part.contains("(:")
        || part.contains("(.:")
}

/// Whether a type or an expression covers slashes.
fn takes_all(kind: &str) -> bool {
    let kind = kind.trim_matches(['(', ')', '?', '$']);
    matches!(kind, "path" | ".*" | ".+") || kind.starts_with("path(")
}

/// Whether a segment is part of a regular expression: none of these stands in a path that a client sends.
fn is_expression(part: &str) -> bool {
    const MARKS: [&str; 12] =
        [".*", ".+", "(?", "[^", "[0-9", "[a-z", "[A-Z", "\\d", "\\w", "\\S", "\\.", ")$"];
    MARKS.iter().any(|mark| part.contains(mark))
}

/// A name as it may stand in braces.
fn named(name: &str) -> Option<String> {
    let legal = name.starts_with(is_start) && name.chars().all(is_legal);
    legal.then(|| name.to_owned())
}

/// A name that no earlier parameter has.
fn fresh(name: String, names: &mut Vec<String>) -> String {
    let mut fresh = name.clone();
    let mut number = 2;
    while names.contains(&fresh) {
        fresh = format!("{name}{number}");
        number += 1;
    }
    names.push(fresh.clone());
    fresh
}

fn is_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// What other routers call the kind of a parameter.
const TYPES: [&str; 16] = [
    "alpha", "any", "bool", "date", "default", "float", "int", "number", "path", "re", "regex", "slug",
    "str", "string", "uuid", "ymd",
];
