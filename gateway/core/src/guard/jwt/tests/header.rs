use super::*;

#[test]
fn headers_are_judged() {
    #[track_caller]
    fn check(header: &str, expected: &str) {
        let token = token(Alg::Hs256, header, GOOD);
        let policy = policy(vec![key(Some("a"), Alg::Hs256)]);
        assert_eq!(told(policy.verify(token.as_bytes(), at(NOW))), expected, "{header}");
    }
    for (header, expected) in [
        (r#"{"alg":"HS256"}"#, "ok"),
        (r#" {"alg":"HS256","kid":"a","x":{"y":[1,null]}} "#, "ok"),
        (r#"{"alg":"HS256","typ":"JWT"}"#, "ok"),
        (r#"{"alg":"HS256","typ":"jwt"}"#, "ok"),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, "ok"),
        (r#"{"alg":"HS256","typ":"application/AT+JWT"}"#, "ok"),
        (r#"{"alg":"HS256","typ":"logout+jwt"}"#, "Header"),
        (r#"{"alg":"HS256","typ":"dpop+jwt"}"#, "Header"),
        (r#"{"alg":"HS256","typ":"text/jwt"}"#, "Header"),
        (r#"{"alg":"HS256","typ":""}"#, "Header"),
        (r#"{"alg":"HS256","typ":null}"#, "Header"),
        (r#"{"alg":"HS256","typ":["JWT"]}"#, "Header"),
        (r#"{"alg":"none"}"#, "Header"),
        (r#"{"alg":"None"}"#, "Header"),
        (r#"{"alg":"NONE"}"#, "Header"),
        (r#"{"alg":"none "}"#, "Header"),
        (r#"{"alg":""}"#, "Header"),
        (r#"{"alg":"hs256"}"#, "Header"),
        (r#"{"alg":"HS256 "}"#, "Header"),
        (r#"{"alg":null}"#, "Header"),
        (r#"{"alg":256}"#, "Header"),
        (r#"{"alg":["HS256"]}"#, "Header"),
        (r#"{"typ":"JWT"}"#, "Header"),
        (r#"{"Alg":"HS256"}"#, "Header"),
        (r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, "Header"),
        (r#"{"alg":"HS256","crit":[]}"#, "Header"),
        (r#"{"alg":"HS256","crit":null}"#, "Header"),
        (r#"{"alg":"HS256","b64":true}"#, "Header"),
        (r#"{"alg":"HS256","zip":"DEF"}"#, "Header"),
        (r#"{"alg":"HS256","kid":1}"#, "Header"),
        (r#"{"alg":"HS256","kid":null}"#, "Header"),
        (r#"{"alg":"HS256","kid":["a"]}"#, "Header"),
        (r#"{"alg":"HS256","kid":""}"#, "UnknownKey"),
        (r#"{"alg":"HS256","kid":"A"}"#, "UnknownKey"),
        (r#"{"alg":"HS256","kid":"a\u0000"}"#, "UnknownKey"),
        (r#"{"alg":"HS256","kid":"../../dev/null"}"#, "UnknownKey"),
        (r#"{"alg":"HS256","kid":"' OR 1=1"}"#, "UnknownKey"),
        (r#"{"alg":"HS384"}"#, "UnknownKey"),
        // These name keys and places of the sender's choice, and change nothing.
        (
            r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"},"jku":"http://127.0.0.1/","x5u":"x","x5c":["x"]}"#,
            "ok",
        ),
        (r#"{"alg":"HS256","alg":"HS256"}"#, "Malformed"),
        (r#"{"alg":"none","alg":"HS256"}"#, "Malformed"),
        (r#"{"alg":"HS256","a\u006cg":"HS256"}"#, "Malformed"),
        (r#"["HS256"]"#, "Malformed"),
        (r#"{alg:"HS256"}"#, "Malformed"),
        (r#"{"alg":"HS256"}{}"#, "Malformed"),
        ("\u{feff}{\"alg\":\"HS256\"}", "Malformed"),
        ("", "Malformed"),
    ] {
        check(header, expected);
    }
}

#[test]
fn a_jwk_in_the_header_is_not_a_key() {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(
            r#"{"alg":"HS256","jwk":{"kty":"oct","k":"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"}}"#
        ),
        URL_SAFE_NO_PAD.encode(GOOD)
    );
    let own = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[b'a'; 32]), message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(own.as_ref()));
    assert_eq!(told(policy(vec![key(None, Alg::Hs256)]).verify(token.as_bytes(), at(NOW))), "Signature");
}

#[test]
fn token_forms_are_judged() {
    let token = good(Alg::Hs256);
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let policy = policy(vec![key(None, Alg::Hs256)]);
    // 43 characters carry 258 bits: the last two of them have to be zero.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let stray = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let (head, _) = signature.split_at(signature.len() - 1);
    for (token, expected) in [
        (token.clone(), "ok"),
        (String::new(), "Malformed"),
        (".".to_owned(), "Malformed"),
        ("..".to_owned(), "Malformed"),
        (header.to_owned(), "Malformed"),
        (format!("{header}.{claims}"), "Malformed"),
        (format!("{header}.{claims}."), "Signature"),
        (format!("{token}.x"), "Malformed"),
        (format!("{header}...."), "Malformed"),
        (format!("{token}="), "Malformed"),
        (format!("{token}\n"), "Malformed"),
        (format!(" {token}"), "Malformed"),
        (format!("{header}. {claims}.{signature}"), "Signature"),
        (format!("{header} .{claims}.{signature}"), "Malformed"),
        (format!("{header}.{claims}.{signature}AAAA"), "Signature"),
        (format!("{header}.{claims}.{head}{stray}"), "Malformed"),
        (format!("{header}.{claims}.{head}+"), "Malformed"),
        (format!("{header}.{claims}.{}", &signature[..40]), "Signature"),
        (
            format!(r#"{{"payload":"{claims}","protected":"{header}","signature":"{signature}"}}"#),
            "Malformed",
        ),
    ] {
        assert_eq!(told(policy.verify(token.as_bytes(), at(NOW))), expected, "{token}");
    }
}

#[test]
fn any_changed_byte_is_refused() {
    let policy = policy(vec![key(None, Alg::Hs256)]);
    let token = good(Alg::Hs256).into_bytes();
    assert_eq!(told(policy.verify(&token, at(NOW))), "ok");
    for place in 0..token.len() {
        for bit in 0..8 {
            let mut changed = token.clone();
            changed[place] ^= 1 << bit;
            assert!(policy.verify(&changed, at(NOW)).is_err(), "byte {place} bit {bit}");
        }
    }
}

#[test]
fn the_size_is_judged_before_anything_else() {
    let mut policy = policy(vec![key(None, Alg::Hs256)]);
    let token = good(Alg::Hs256);
    policy.max_bytes = token.len();
    assert_eq!(told(policy.verify(token.as_bytes(), at(NOW))), "ok");
    policy.max_bytes -= 1;
    assert_eq!(told(policy.verify(token.as_bytes(), at(NOW))), "TooLarge");
    assert_eq!(told(policy.verify(&vec![b'x'; 10_000], at(NOW))), "TooLarge");
}

#[test]
fn json_has_one_reading() {
    for (text, read) in [
        (r"{}", true),
        (r#"{"a":{"b":[1,-2,3.5,true,null,"\ud83d\ude00"]}}"#, true),
        (r"[]", false),
        (r#""x""#, false),
        (r"null", false),
        (r#"{"a":1,"a":1}"#, false),
        (r#"{"a":1,"\u0061":2}"#, false),
        (r#"{"x":{"a":1,"a":2}}"#, false),
        (r#"{"x":[{"a":1,"a":2}]}"#, false),
        (r#"{"a":1,}"#, false),
        (r#"{"a":01}"#, false),
        (r#"{"a":NaN}"#, false),
        (r#"{"a":1e400}"#, false),
        (r#"{"a":"\ud800"}"#, false),
        ("{\"a\":\"\n\"}", false),
        (r"{} x", false),
        ("", false),
    ] {
        let members = json::object(text.as_bytes());
        assert_eq!(members.is_some(), read, "{text}");
        if read {
            assert_eq!(members, serde_json::from_str(text).ok(), "{text}");
        }
    }
    assert!(json::object(b"{\"a\":\"\xff\"}").is_none(), "not UTF-8");
    let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(json::object(nested(15).as_bytes()).is_some());
    assert!(json::object(nested(16).as_bytes()).is_none());
    assert!(json::object(nested(4000).as_bytes()).is_none());
}
