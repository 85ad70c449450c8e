#![allow(clippy::indexing_slicing, reason = "tests")]

use http::HeaderMap;
use http::header::{ACCEPT, AGE, SERVER, VARY};

use super::*;

fn list(lines: &[(HeaderName, &'static str)]) -> FieldList {
    lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

fn shown(fields: &FieldList) -> Vec<String> {
    fields.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap_or("?"))).collect()
}

#[test]
fn lines_are_found_in_their_order() {
    let fields = list(&[(VARY, "a"), (AGE, "1"), (VARY, "b")]);
    assert_eq!(fields.first(&VARY).map(HeaderValue::as_bytes), Some(&b"a"[..]));
    assert_eq!(fields.first(&SERVER), None);
    assert_eq!(fields.all(&VARY).collect::<Vec<_>>(), ["a", "b"]);
    assert!(fields.has(&AGE) && !fields.has(&SERVER));
    assert_eq!((fields.len(), fields.is_empty(), FieldList::default().is_empty()), (3, false, true));
}

#[test]
fn a_line_that_is_set_replaces_all_of_its_name_where_the_first_stood() {
    let mut fields = list(&[(AGE, "1"), (VARY, "a"), (SERVER, "x"), (VARY, "b"), (VARY, "c")]);
    fields.set(VARY, HeaderValue::from_static("z"));
    assert_eq!(shown(&fields), ["age=1", "vary=z", "server=x"]);
    fields.set(ACCEPT, HeaderValue::from_static("n"));
    assert_eq!(shown(&fields), ["age=1", "vary=z", "server=x", "accept=n"]);
    fields.set(ACCEPT, HeaderValue::from_static("m"));
    fields.add(AGE, HeaderValue::from_static("2"));
    assert_eq!(shown(&fields), ["age=1", "vary=z", "server=x", "accept=m", "age=2"]);
}

#[test]
fn lines_are_removed_by_name_and_by_rule() {
    let mut fields = list(&[(AGE, "1"), (VARY, "a"), (SERVER, "x"), (VARY, "b")]);
    fields.remove(&VARY);
    assert_eq!(shown(&fields), ["age=1", "server=x"]);
    fields.remove(&VARY);
    fields.retain(|name, _| *name != AGE);
    assert_eq!(shown(&fields), ["server=x"]);
}

/// What one edit does to both kinds of list.
#[derive(Clone, Debug)]
enum Edit {
    Set(usize, u8),
    Add(usize, u8),
    Remove(usize),
    Retain(usize),
}

const NAMES: [HeaderName; 4] = [ACCEPT, AGE, SERVER, VARY];

proptest::proptest! {
    #[test]
    fn it_edits_as_the_map_of_http_does(edits in proptest::collection::vec((0u8..4, 0usize..4, 0u8..10), 0..30)) {
        let (mut list, mut map) = (FieldList::default(), HeaderMap::new());
        for (kind, name, value) in edits {
            let edit = match kind {
                0 => Edit::Set(name, value),
                1 => Edit::Add(name, value),
                2 => Edit::Remove(name),
                _ => Edit::Retain(name),
            };
            apply(&mut list, &edit);
            apply(&mut map, &edit);
            for name in &NAMES {
                proptest::prop_assert_eq!(list.first(name), ResponseFields::first(&map, name));
                let (a, b): (Vec<_>, Vec<_>) = (list.all(name).collect(), map.all(name).collect());
                proptest::prop_assert_eq!(a, b);
            }
            proptest::prop_assert_eq!(list.len(), map.len());
        }
    }
}

fn apply(fields: &mut impl ResponseFields, edit: &Edit) {
    let value = |value: &u8| HeaderValue::from(u16::from(*value));
    match edit {
        Edit::Set(name, to) => fields.set(NAMES[*name].clone(), value(to)),
        Edit::Add(name, to) => fields.add(NAMES[*name].clone(), value(to)),
        Edit::Remove(name) => fields.remove(&NAMES[*name]),
        Edit::Retain(until) => {
            fields.retain(|name, _| NAMES.iter().skip(*until).any(|known| known == name));
        }
    }
}
