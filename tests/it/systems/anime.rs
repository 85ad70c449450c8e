//! Anime Production System: several users, one of them an admin, and no login of its own.

use super::stage::{Slot, Stage, System, Who, moved};
use super::walk;
use crate::harness::{Request, Token, unix_now};

pub(super) static SYSTEM: System = System {
    name: "anime",
    host: "anime.localhost",
    port: 8330,
    slot: Slot::Bearer,
    user_claim: "email",
    refusal: "detail",
};

#[test]
fn every_endpoint_of_anime() {
    walk::every_endpoint(&Stage::set(&SYSTEM));
}

/// The nine authentication tests of its audit.
mod authentication {
    use super::*;

    fn generate() -> Request {
        Request::post("/api/anime/generate", r#"{"prompt":"a cat","type":"image"}"#)
    }

    #[test]
    fn one_no_token_is_401() {
        let answer = Stage::set(&SYSTEM).ask_as(Who::Nobody, generate());
        assert_eq!((answer.status, answer.text()), (401, SYSTEM.says("Not authenticated")));
        assert_eq!(answer.field("www-authenticate"), "Bearer realm=\"anime\"");
    }

    #[test]
    fn two_an_invalid_format_is_401() {
        let stage = Stage::set(&SYSTEM);
        for value in ["Bearer", "Bearer not-a-token", "Bearer a.b.c", "Basic YWxpY2U6eA==", "token"] {
            let answer = stage.ask_as(Who::Nobody, generate().field("Authorization", value));
            assert_eq!(answer.status, 401, "{value}");
        }
        assert!(stage.app.served().is_empty());
    }

    #[test]
    fn three_an_expired_token_is_401() {
        let answer = Stage::set(&SYSTEM).ask_as(Who::Expired, generate());
        assert_eq!((answer.status, answer.text()), (401, SYSTEM.says("The credential has expired")));
    }

    #[test]
    fn four_a_forged_token_is_401() {
        let stage = Stage::set(&SYSTEM);
        assert_eq!(stage.ask_as(Who::Forged, generate()).status, 401);
        let unsigned = SYSTEM.token("alice").header("alg", "none").sign();
        let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
        assert_eq!(stage.ask_as(Who::Nobody, generate().bearer(&unsigned)).status, 401);
    }

    #[test]
    fn five_a_valid_token_generates() {
        let answer = Stage::set(&SYSTEM).ask_as(Who::User, generate());
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["headers"]["x-auth-user"], "alice");
    }

    #[test]
    fn six_the_gallery_is_open_to_nobody_in_particular() {
        let answer = Stage::set(&SYSTEM).ask_as(Who::Nobody, Request::get("/api/anime/gallery"));
        assert_eq!(
            (answer.status, &answer.json()["headers"]["x-auth-user"]),
            (200, &serde_json::Value::Null)
        );
    }

    /// A token that is none is refused where the app would have taken its bearer for nobody.
    #[test]
    fn seven_the_gallery_knows_who_brings_a_token() {
        let stage = Stage::set(&SYSTEM);
        let answer = stage.ask_as(Who::User, Request::get("/api/anime/gallery"));
        assert_eq!((answer.status, answer.json()["headers"]["x-auth-user"].as_str()), (200, Some("alice")));
        assert_eq!(stage.ask_as(Who::Expired, Request::get("/api/anime/gallery")).status, 401);
    }

    #[test]
    fn eight_admin_stats_are_403_to_a_user() {
        let stage = Stage::set(&SYSTEM);
        let answer = stage.ask_as(Who::User, Request::get("/api/anime/admin/stats"));
        assert_eq!((answer.status, answer.text()), (403, SYSTEM.says("Your account may not do this")));
        assert_eq!(stage.ask_as(Who::Nobody, Request::get("/api/anime/admin/stats")).status, 401);
    }

    #[test]
    fn nine_admin_stats_are_there_for_an_admin() {
        let answer = Stage::set(&SYSTEM).ask_as(Who::Admin, Request::get("/api/anime/admin/stats"));
        assert_eq!((answer.status, answer.json()["headers"]["x-auth-roles"].as_str()), (200, Some("admin")));
    }
}

/// The audit asks for more than a password of those who can change everything.
#[test]
fn an_admin_needs_a_second_factor() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.token("alice").roles(&["admin"]).sign();
    let answer = stage.ask_as(Who::Nobody, Request::get("/api/anime/admin/stats").bearer(&token));
    assert_eq!((answer.status, answer.field("x-stagedoor-code")), (403, "mfa_required"));
    assert_eq!(stage.ask_as(Who::Nobody, Request::get("/api/anime/jobs").bearer(&token)).status, 200);
}

/// Ten a minute for each user, wherever they are; nobody pays for another.
#[test]
fn a_user_generates_ten_times_a_minute() {
    let stage = Stage::set(&SYSTEM);
    let generate = |user: &str| {
        let token = SYSTEM.credential(Who::User, user);
        SYSTEM.carry(Request::post("/api/anime/generate", "{}"), token)
    };
    let alice: Vec<Request> = std::iter::repeat_with(|| generate("alice")).take(6).collect();
    assert_eq!(stage.ask_each_from(2, &alice), [200; 6]);
    assert_eq!(stage.ask_each_from(3, &alice), [200, 200, 200, 200, 429, 429]);
    assert_eq!(stage.ask_each_from(3, &[generate("bob")]), [200]);
    let answer = stage.ask_as(Who::User, Request::post("/api/anime/generate", "{}"));
    assert_eq!((answer.status, answer.field("x-ratelimit-limit")), (429, "10"));
    assert!(!answer.field("retry-after").is_empty());
}

#[test]
fn only_the_listed_origins_may_read() {
    let stage = Stage::set(&SYSTEM);
    let from =
        |origin: &str| stage.ask_as(Who::User, Request::get("/api/anime/jobs").field("Origin", origin));
    for origin in
        ["http://localhost:3000", "http://localhost:5173", "https://192.168.50.135", "https://tower.local"]
    {
        let answer = from(origin);
        assert_eq!(answer.field("access-control-allow-origin"), origin);
        assert_eq!(answer.field("access-control-allow-credentials"), "true");
    }
    let preflight = Request::new("OPTIONS", "/api/anime/generate")
        .field("Origin", "https://tower.local")
        .field("Access-Control-Request-Method", "POST")
        .field("Access-Control-Request-Headers", "authorization");
    let granted = stage.ask_as(Who::Nobody, preflight);
    assert_eq!(
        (granted.status, granted.field("access-control-allow-headers")),
        (204, "authorization, content-type")
    );
    assert_eq!(granted.field("access-control-allow-methods"), "GET, POST");
    for origin in ["https://tower.local.example.com", "http://tower.local", "https://evil.example", "null"] {
        assert!(!from(origin).fields.has("access-control-allow-origin"), "{origin}");
    }
}

/// The sockets of later versions ask nobody; here they want the token, which a browser can only send as a cookie.
#[test]
fn progress_is_told_to_whoever_has_the_cookie() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let open = |origin: &str| {
        let request = walk::request("WEBSOCKET", "/ws/monitor").field("Origin", origin);
        stage.ask_as(Who::Nobody, request.field("Cookie", format!("stagedoor={token}"))).status
    };
    assert_eq!((open("http://anime.localhost"), open("https://tower.local")), (101, 101));
    assert_eq!(open("https://evil.example"), 403);
}

/// A prompt has 500 characters; what is far larger is none.
#[test]
fn a_prompt_is_no_upload() {
    let stage = Stage::set(&SYSTEM);
    let sized = |path: &str, bytes| stage.ask_as(Who::User, Request::post(path, vec![b'x'; bytes])).status;
    let kib = 1 << 10;
    assert_eq!(
        (sized("/api/anime/generate", 16 * kib), sized("/api/anime/generate", 16 * kib + 1)),
        (200, 413)
    );
    let (orchestrate, mib) = ("/api/anime/orchestrate", 1 << 20);
    assert_eq!((sized(orchestrate, mib), sized(orchestrate, mib + 1)), (200, 413));
}

/// An hour at most, as the audit has it.
#[test]
fn a_token_lives_an_hour_at_most() {
    let stage = Stage::set(&SYSTEM);
    let lasting = |seconds: u64| {
        let now = unix_now();
        let token = SYSTEM.token("alice").claim("iat", now).claim("exp", now + seconds).sign();
        stage.ask_as(Who::Nobody, Request::get("/api/anime/jobs").bearer(&token)).status
    };
    assert_eq!((lasting(3600), lasting(3700)), (200, 401));
}

/// As the file's head says: the gateway does not know whose job it is. What the app on 8331 compares is a bearer, which reaches
/// it by one line alone, and which whoever sends the cookie has not.
#[test]
fn whose_job_it_is_depends_on_a_bearer_that_is_kept() {
    let seen = |stage: &Stage, request: Request| {
        let answer = stage.ask_as(Who::Nobody, request);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["headers"].clone()
    };
    let job = || Request::get("/api/anime/generation/7/status");
    let tokens = ["alice", "bob"].map(|user| SYSTEM.credential(Who::User, user).unwrap());
    let stage = Stage::set(&SYSTEM);
    for token in &tokens {
        assert_eq!(seen(&stage, job().bearer(token)).get("authorization"), None, "8330 is told a name alone");
    }
    let kept = "errors   = \"fastapi\"\nidentity = { token = \"keep\" }";
    let stage = Stage::set_with(&SYSTEM, moved(&SYSTEM.config(), "errors   = \"fastapi\"", kept));
    for token in &tokens {
        let told = seen(&stage, job().bearer(token));
        assert_eq!(told["authorization"].as_str(), Some(&*format!("Bearer {token}")));
        let told = seen(&stage, job().field("Cookie", format!("stagedoor={token}")));
        assert_eq!(told.get("authorization"), None, "a cookie is no bearer");
    }
    for text in [SYSTEM.config(), super::shipped("examples/anime/README.md")] {
        assert!(text.contains("not enforced yet") && !text.contains("X-Auth-User"), "{text}");
    }
}

/// As the file's comment says: user, email and expiry are all that a token of the Tower has.
#[test]
fn tokens_of_the_tower_open_the_door_once_its_secret_is_shared() {
    let theirs = Token::of("alice")
        .without(&["kid", "iss", "aud", "iat", "sub"])
        .claim("user", "alice")
        .claim("email", "alice@example.com")
        .claim("exp", unix_now() + 3600)
        .sign();
    let config = moved(&SYSTEM.config(), "issuer       = \"stagedoor\"", "dangerous_any_issuer = true");
    let config = moved(&config, "audience     = [\"anime\"]", "dangerous_any_audience = true");
    let claims = "claims       = { user = \"email\" }";
    let config = moved(&config, claims, "claims       = { user = \"email\", roles = \"role\" }");
    let config = moved(&config, "mfa   = true", "mfa   = false");
    let head: String =
        SYSTEM.config().lines().take_while(|line| line.starts_with('#')).map(|line| &line[1..]).collect();
    for said in ["dangerous_any_issuer = true", "dangerous_any_audience = true", "roles = \"role\" }"] {
        assert!(head.contains(said), "{said}: {head}");
    }
    let stage = Stage::set_with(&SYSTEM, config);
    // A user's pages: the list, a picture to come, the socket that tells of it; an admin's as well, and a user's not.
    let of = |role: Option<&str>| {
        let token = Token::of("alice")
            .without(&["kid", "iss", "aud", "iat", "sub", "roles"])
            .claim("user", "alice")
            .claim("email", "alice@example.com")
            .claim("exp", unix_now() + 3600);
        role.map_or_else(|| token.clone().sign(), |role| token.clone().claim("role", role).sign())
    };
    for (role, stats) in
        [(None, 403), (Some("user"), 403), (Some("admin"), 200), (Some("administrator"), 403)]
    {
        let token = of(role);
        let ask = |request: Request| stage.ask_as(Who::Nobody, request.bearer(&token));
        assert_eq!(ask(Request::get("/api/anime/jobs")).status, 200, "{role:?}");
        assert_eq!(
            ask(Request::post("/api/anime/generate", r#"{"prompt":"a cat","type":"image"}"#)).status,
            200
        );
        let socket = walk::request("WEBSOCKET", "/ws/monitor").field("Origin", "https://tower.local");
        let cookie = format!("stagedoor={token}");
        assert_eq!(stage.ask_as(Who::Nobody, socket.field("Cookie", cookie)).status, 101, "{role:?}");
        let answer = ask(Request::get("/api/anime/admin/stats"));
        assert_eq!(answer.status, stats, "{role:?}: {answer:?}");
        if let (200, Some(role)) = (stats, role) {
            assert_eq!(answer.json()["headers"]["x-auth-roles"].as_str(), Some(role));
        }
    }
    let answer = stage.ask_as(Who::Nobody, Request::get("/api/anime/jobs").bearer(&theirs));
    assert_eq!(
        (answer.status, answer.json()["headers"]["x-auth-user"].as_str()),
        (200, Some("alice@example.com"))
    );
}
