#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

const NOW: u64 = 1_800_000_000;

fn of(subject: Subject, provider: Option<&str>) -> Revocation {
    Revocation { subject, provider: provider.map(Arc::from), made: NOW, until: Some(NOW + 60) }
}

fn user(name: &str, provider: Option<&str>) -> Revocation {
    of(Subject::user(name).unwrap(), provider)
}

fn jti(jti: &str, provider: Option<&str>) -> Revocation {
    of(Subject::jti(jti).unwrap(), provider)
}

/// The credential of `user` at `provider` with this `jti`, issued that many seconds after [`NOW`].
fn credential<'c>(provider: &'c str, user: &'c str, jti: &str, issued: i64) -> Credential<'c> {
    let issued = Duration::from_secs(NOW.checked_add_signed(issued).unwrap());
    Credential { provider, user, token: Some(TokenId::of_jti(jti)), issued }
}

fn passes(list: &RevocationList, credential: Credential<'_>) -> bool {
    match list.check(credential) {
        Ok(()) => true,
        Err(denial) => {
            assert_eq!(denial, Denial::TokenRevoked);
            false
        }
    }
}

#[test]
fn each_kind_meets_its_own_credentials_alone() {
    let house_bob = credential("house", "bob", "j1", -10);
    let rows: &[(&str, Revocation, Credential<'_>, bool)] = &[
        ("user", user("bob", None), house_bob, false),
        ("another user", user("alice", None), house_bob, true),
        ("no prefix of a name", user("bo", None), house_bob, true),
        ("case counts", user("Bob", None), house_bob, true),
        ("user of the provider", user("bob", Some("house")), house_bob, false),
        ("user of another provider", user("bob", Some("tower")), house_bob, true),
        ("user, issued in the same second", user("bob", None), credential("house", "bob", "j1", 0), false),
        ("user, issued later", user("bob", None), credential("house", "bob", "j1", 1), true),
        ("token", jti("j1", None), house_bob, false),
        ("token, issued later", jti("j1", None), credential("house", "bob", "j1", 100), false),
        ("another token", jti("j2", None), house_bob, true),
        ("token of the provider", jti("j1", Some("house")), house_bob, false),
        ("token of another provider", jti("j1", Some("tower")), house_bob, true),
        ("token by its id", of(Subject::Token(TokenId::of_jti("j1")), None), house_bob, false),
        ("a user is no token", jti("bob", None), house_bob, true),
        ("a token is no user", user("j1", None), house_bob, true),
        ("claims are no jti", of(Subject::Token(TokenId::of_claims(b"j1")), None), house_bob, true),
        ("provider", of(Subject::Everybody, Some("house")), house_bob, false),
        ("another provider", of(Subject::Everybody, Some("tower")), house_bob, true),
        ("all", of(Subject::Everybody, None), house_bob, false),
        ("all, issued later", of(Subject::Everybody, None), credential("house", "bob", "j1", 1), true),
    ];
    for (what, revocation, credential, expected) in rows {
        let list = RevocationList::default();
        assert!(passes(&list, *credential), "{what}: before");
        list.add(std::slice::from_ref(revocation)).unwrap();
        assert_eq!(passes(&list, *credential), *expected, "{what}");
    }
}

#[test]
fn a_certificate_is_met_by_its_user() {
    let list = RevocationList::default();
    let certificate = Credential { token: None, ..credential("devices", "bob", "", -1000) };
    list.add(&[jti("bob", None)]).unwrap();
    assert!(passes(&list, certificate));
    list.add(&[user("bob", Some("devices"))]).unwrap();
    assert!(!passes(&list, certificate));
}

#[test]
fn a_later_entry_extends_an_earlier_one_and_never_shortens_it() {
    let list = RevocationList::default();
    let at = |made, until| Revocation { made, until, ..user("bob", None) };
    list.add(&[at(NOW, Some(NOW + 60))]).unwrap();
    for (made, until, expected) in [
        (NOW - 5, Some(NOW + 10), (NOW, Some(NOW + 60))),
        (NOW + 5, Some(NOW + 10), (NOW + 5, Some(NOW + 60))),
        (NOW, Some(NOW + 90), (NOW + 5, Some(NOW + 90))),
        (NOW, None, (NOW + 5, None)),
        (NOW, Some(NOW + 900), (NOW + 5, None)),
    ] {
        list.add(&[at(made, until)]).unwrap();
        let all: Vec<_> = list.all().iter().map(|entry| (entry.made, entry.until)).collect();
        assert_eq!(all, [expected]);
    }
}

#[test]
fn the_generation_tells_of_each_change_that_refuses_more() {
    let list = RevocationList::default();
    assert_eq!((list.generation(), list.is_empty()), (0, true));
    list.add(&[user("bob", None)]).unwrap();
    assert_eq!(list.generation(), 1);
    list.add(&[user("bob", None)]).unwrap();
    assert_eq!(list.generation(), 1, "nothing new");
    list.add(&[Revocation { made: NOW + 1, ..user("bob", None) }]).unwrap();
    assert_eq!(list.generation(), 2);
    list.forget_ended(NOW + 61);
    assert_eq!((list.generation(), list.is_empty()), (2, true));
}

#[test]
fn entries_are_forgotten_once_nothing_can_be_alive_that_they_meet() {
    let list = RevocationList::default();
    let kept = Revocation { until: None, ..user("carol", None) };
    list.add(&[user("bob", None), jti("j1", None), of(Subject::Everybody, Some("house")), kept]).unwrap();
    list.forget_ended(NOW + 60);
    assert_eq!((list.len(), passes(&list, credential("tower", "bob", "j2", -1))), (4, false));
    list.forget_ended(NOW + 61);
    assert_eq!((list.len(), passes(&list, credential("tower", "bob", "j1", -1))), (1, true));
    assert!(!passes(&list, credential("house", "carol", "j2", -1)));
}

#[test]
fn a_full_list_keeps_what_it_has_and_still_takes_whole_providers() {
    let list = RevocationList::default();
    let many: Vec<Revocation> = (0..RevocationList::MOST).map(|n| jti(&format!("j{n}"), None)).collect();
    list.add(&many[1..]).unwrap();
    let two = [jti("x1", None), user("x2", None)];
    assert_eq!(list.add(&two), Err(RevocationListFull), "all or none");
    assert!(passes(&list, credential("house", "bob", "x1", -1)));
    list.add(&many[..1]).unwrap();
    assert_eq!(list.add(&two[..1]), Err(RevocationListFull));
    list.add(&many).unwrap();
    assert_eq!(list.len(), RevocationList::MOST, "what is known needs no room");
    let of_providers = |n| of(Subject::Everybody, Some(&format!("p{n}")));
    let providers: Vec<Revocation> = (1..RevocationList::MOST_PROVIDERS).map(of_providers).collect();
    list.add(&providers).unwrap();
    list.add(&[of(Subject::Everybody, None)]).unwrap();
    assert!(!passes(&list, credential("house", "bob", "x1", -1)));
    assert_eq!(list.add(&[of(Subject::Everybody, Some("one more"))]), Err(RevocationListFull));
    list.forget_ended(NOW + 61);
    list.add(&two).unwrap();
    assert!(!passes(&list, credential("house", "bob", "x1", -1)));
}

#[test]
fn ids_have_one_spelling() {
    let id = TokenId::of_jti("j1");
    let text = id.to_string();
    assert_eq!((text.len(), TokenId::parse(&text)), (32, Some(id)));
    assert_ne!(TokenId::of_jti("j1"), TokenId::of_claims(b"j1"));
    for bad in [
        "",
        "0",
        &text[1..],
        &format!("{text}00"),
        &text.replace(&text[..1], "g"),
        &format!("{}é", &text[2..]),
    ] {
        assert_eq!(TokenId::parse(bad), None, "{bad}");
    }
    if text.to_uppercase() != text {
        assert_eq!(TokenId::parse(&text.to_uppercase()), None);
    }
}

#[test]
fn names_that_no_caller_has_are_no_subjects() {
    for bad in ["", "a\nb", "a\u{7f}", &"x".repeat(257)] {
        assert_eq!((Subject::user(bad), Subject::jti(bad)), (None, None), "{bad:?}");
    }
    assert!(Subject::user(&"x".repeat(256)).is_some());
}

#[test]
fn a_listener_is_told_of_what_is_in_force() {
    let list = Arc::new(RevocationList::default());
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    list.tell({
        let (told, list) = (Arc::clone(&told), Arc::downgrade(&list));
        move |generation| {
            let entries = list.upgrade().map_or(0, |list| list.all().len());
            told.lock().unwrap().push((generation, entries));
        }
    });
    // A second one is told nothing.
    list.tell({
        let told = Arc::clone(&told);
        move |_| told.lock().unwrap().push((0, 0))
    });
    let revocation = |name: &str| Revocation {
        subject: Subject::user(name).unwrap(),
        provider: None,
        made: 1,
        until: None,
    };
    list.add(&[revocation("bob")]).unwrap();
    list.add(&[revocation("bob")]).unwrap();
    list.add(&[revocation("eve")]).unwrap();
    assert_eq!(*told.lock().unwrap(), [(1, 1), (2, 2)], "what is on the list already is told to nobody");
}
