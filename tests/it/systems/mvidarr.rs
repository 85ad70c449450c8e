//! MVidarr: uploads and searches without a limit, and a login that lets in whoever breaks it.

use super::stage::{Slot, Stage, System, Who, moved};
use super::walk;
use crate::harness::Request;

pub(super) static SYSTEM: System = System {
    name: "mvidarr",
    host: "mvidarr.localhost",
    port: 5000,
    slot: Slot::Bearer,
    user_claim: "sub",
    refusal: "error",
};

#[test]
fn every_endpoint_of_mvidarr() {
    walk::every_endpoint(&Stage::set(&SYSTEM));
}

/// Requests of one user to the endpoints that the table gives this limit, again and again.
fn limited(limit: &str, count: usize) -> Vec<Request> {
    let token = SYSTEM.credential(Who::User, "alice");
    let mut all: Vec<(String, String)> = Vec::new();
    for row in walk::rows(&SYSTEM).into_iter().filter(|row| row.limit.as_deref() == Some(limit)) {
        all.extend(row.methods.iter().map(|method| (method.clone(), walk::sample(&row.path))));
    }
    assert!(all.len() >= 3, "{all:?}");
    let requests = all.iter().map(|(method, path)| SYSTEM.carry(walk::request(method, path), token.clone()));
    requests.cycle().take(count).collect()
}

/// So many come through, the rest are told 429, and another address is not concerned.
fn check_quota(limit: &str, quota: usize) {
    let stage = Stage::set(&SYSTEM);
    let statuses = stage.ask_each_from(2, &limited(limit, quota + 3));
    let expected = [vec![200; quota], vec![429; 3]].concat();
    assert_eq!(statuses, expected);
    assert_eq!(stage.app.served().len(), quota);
    assert_eq!(stage.ask_each_from(3, &limited(limit, 1)), [200]);
    let elsewhere = SYSTEM.carry(Request::get("/api/videos/"), SYSTEM.credential(Who::User, "alice"));
    assert_eq!(stage.ask_each_from(2, &[elsewhere]), [200], "other paths are not concerned either");
}

/// All three upload endpoints together.
#[test]
fn an_address_uploads_twenty_times_an_hour() {
    check_quota("upload", 20);
}

/// All search endpoints together.
#[test]
fn an_address_searches_two_hundred_times_an_hour() {
    check_quota("search", 200);
}

/// The twenty-first is refused whoever sends it: the address counts, before anybody is asked who they are.
#[test]
fn uploads_count_before_anybody_is_known() {
    let stage = Stage::set(&SYSTEM);
    let path = "/api/videos/7/thumbnail/upload";
    let nobody: Vec<Request> = std::iter::repeat_with(|| Request::post(path, "x")).take(21).collect();
    assert_eq!(stage.ask_each_from(2, &nobody), [vec![401; 20], vec![429]].concat());
    assert!(stage.app.served().is_empty());
}

#[test]
fn thumbnails_and_videos_have_their_sizes() {
    let stage = Stage::set(&SYSTEM);
    let declared = |path: &str, bytes: u64| {
        let mut client = stage.gateway.client();
        let token = SYSTEM.credential(Who::User, "alice").unwrap();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\nContent-Length: {bytes}\r\n\r\n",
            SYSTEM.host
        ));
        client.head().unwrap().status
    };
    let (thumbnail, video) = (10 << 20, 100 << 20);
    assert_eq!(declared("/api/artists/7/thumbnail/upload", thumbnail + 1), 413);
    assert_eq!(declared("/api/videos/7/thumbnail/upload", thumbnail + 1), 413);
    for path in [
        "/api/videos/7/thumbnail/crop",
        "/api/videos/7/thumbnail/search",
        "/api/videos/bulk/delete",
        "/api/videos/downloads/7/pause",
        "/api/videos/downloads/bulk/pause",
        "/api/videos/downloads/queue/reorder",
    ] {
        assert_eq!(declared(path, thumbnail + 1), 413, "{path}");
    }
    assert_eq!(declared("/api/videos/import-from-youtube", video + 1), 413);
    let token = SYSTEM.credential(Who::User, "alice");
    let upload = |path: &str, bytes: u64| {
        let body = vec![b'x'; usize::try_from(bytes).unwrap()];
        stage.gateway.ask(&SYSTEM.carry(Request::post(path, body), token.clone()).host(SYSTEM.host))
    };
    for (path, bytes) in
        [("/api/artists/7/thumbnail/upload", thumbnail), ("/api/videos/import-from-youtube", video)]
    {
        let answer = upload(path, bytes);
        assert_eq!((answer.status, answer.json()["body"].as_u64()), (200, Some(bytes)), "{path}");
    }
}

/// The app's session passes beside the gateway's token, which `<video>` sends as a cookie and VLC in the query.
#[test]
fn the_apps_session_passes_beside_each_carrier() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let stream = "/api/videos/7/stream";
    for request in [
        Request::get(stream).field("Cookie", format!("mvidarr_session=s; stagedoor={token}")),
        Request::get(&format!("{stream}?sd_token={token}")).field("Cookie", "mvidarr_session=s"),
        Request::get(stream).bearer(&token).field("Cookie", "mvidarr_session=s"),
    ] {
        let answer = stage.ask_as(Who::Nobody, request);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["headers"]["cookie"], "mvidarr_session=s");
        assert!(!answer.text().contains(&token));
    }
}

#[test]
fn the_address_of_a_webhook_reaches_the_app_as_it_was_sent() {
    let stage = Stage::set(&SYSTEM);
    let path = "/api/webhooks/https:%2F%2Fhooks.example.com%2Fa";
    let answer = stage.ask_as(Who::User, Request::new("DELETE", path));
    assert_eq!((answer.status, answer.json()["path"].as_str()), (200, Some(path)));
    let elsewhere = stage.ask_as(Who::User, Request::get("/api/settings%2Frestart"));
    assert_eq!(elsewhere.status, 400, "nowhere else");
}

/// As the file's comment says: the lines that leave other people's accounts to admins, and everybody their own.
#[test]
fn accounts_are_the_admins_once_the_lines_are_added() {
    let config = SYSTEM.config();
    let lines: Vec<&str> = config.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    assert_eq!(lines.len(), 5, "{lines:#?}");
    let marked = format!("#   {}", lines.join("\n#   "));
    let stages = [config.clone(), moved(&config, &marked, &lines.join("\n"))];
    let [shipped, guarded] = stages.map(|config| Stage::set_with(&SYSTEM, config));
    for (method, path, status) in [
        ("GET", "/api/api/users/", 403),
        ("PUT", "/api/api/users/7/role", 403),
        ("POST", "/api/api/users/7/unlock", 403),
        ("DELETE", "/api/api/users/7/sessions/1", 403),
        ("POST", "/auth/credentials/reset", 403),
        ("GET", "/api/api/users/me", 200),
        ("PUT", "/api/api/users/me/preferences", 200),
    ] {
        let ask = |stage: &Stage, who| stage.ask_as(who, walk::request(method, path)).status;
        assert_eq!((ask(&shipped, Who::User), ask(&guarded, Who::User)), (200, status), "{path}");
        assert_eq!(ask(&guarded, Who::Admin), 200, "{path}");
    }
}

#[test]
fn answers_carry_the_headers_of_the_audit() {
    let stage = Stage::set(&SYSTEM);
    let secure =
        Request::get("/simple-login").host("mvidarr.example.com").field("X-Forwarded-Proto", "https");
    let page = stage.gateway.ask(&secure.field("X-Forwarded-For", "10.1.2.3"));
    assert_eq!((page.status, page.field("x-frame-options")), (200, "DENY"));
    assert_eq!(page.field("x-content-type-options"), "nosniff");
    assert_eq!(page.field("referrer-policy"), "strict-origin-when-cross-origin");
    assert_eq!(page.field("strict-transport-security"), "max-age=31536000; includeSubDomains; preload");
    assert!(page.field("permissions-policy").contains("camera=()"));
    assert!(page.field("content-security-policy").contains("frame-ancestors 'none'"));
}

/// The app lists more public paths than its table has endpoints: they reach it, whatever it then says.
#[test]
fn the_apps_public_prefixes_reach_it() {
    let stage = Stage::set(&SYSTEM);
    for path in ["/health", "/js/app.js", "/favicon.ico"] {
        assert_eq!(stage.ask_as(Who::Nobody, Request::get(path)).status, 404, "{path}");
    }
    for path in ["/healthy", "/js", "/favicon.ico/x", "/static.zip"] {
        let expected = if path == "/js" { 404 } else { 401 };
        assert_eq!(stage.ask_as(Who::Nobody, Request::get(path)).status, expected, "{path}");
    }
}

#[test]
fn logins_of_one_address_are_counted_together() {
    let stage = Stage::set(&SYSTEM);
    let logins: Vec<Request> = ["/auth/login", "/simple-login"]
        .into_iter()
        .cycle()
        .take(11)
        .map(|path| Request::post(path, "username=admin&password=mvidarr"))
        .collect();
    assert_eq!(stage.ask_each_from(2, &logins), [vec![200; 10], vec![429]].concat());
}

/// Every page asks for all settings to decide about a menu. A user's pages are told no and go on; an admin's are shown.
#[test]
fn settings_are_the_admins_and_a_users_pages_go_on_without_them() {
    let stage = Stage::set(&SYSTEM);
    let script = |path: &str| {
        Request::get(path)
            .field("Content-Type", "application/json")
            .field("Sec-Fetch-Site", "same-origin")
            .field("Sec-Fetch-Mode", "cors")
            .field("Sec-Fetch-Dest", "empty")
    };
    let token = SYSTEM.credential(Who::User, "bob").unwrap();
    let browser = |request: Request| {
        stage.ask_as(Who::Nobody, request.field("Cookie", format!("mvidarr_session=s; stagedoor={token}")))
    };
    let page =
        Request::get("/artists").field("Sec-Fetch-Mode", "navigate").field("Sec-Fetch-Dest", "document");
    assert_eq!(browser(page).status, 200);
    let told = browser(script("/api/settings/"));
    assert_eq!((told.status, told.text()), (403, SYSTEM.says("Your account may not do this")));
    for path in ["/api/artists/?page=1", "/api/genres", "/api/videos/7"] {
        assert_eq!(browser(script(path)).status, 200, "{path}");
    }
    let save = Request::new("PUT", "/api/settings/simple_auth_password")
        .body(r#"{"value":"0"}"#)
        .field("Origin", "http://mvidarr.localhost");
    assert_eq!(browser(save).status, 403);
    assert!(!stage.app.served().iter().any(|one| one.path.starts_with("/api/settings")));
    let settings: Vec<_> = walk::endpoints(&SYSTEM)
        .into_iter()
        .filter(|(_, path, _)| path.starts_with("/api/settings"))
        .collect();
    assert!(settings.len() >= 11, "{settings:?}");
    for (method, path, _) in settings {
        let ask = |who| stage.ask_as(who, walk::request(&method, &walk::sample(&path))).status;
        assert_eq!((ask(Who::Nobody), ask(Who::User), ask(Who::Admin)), (401, 403, 200), "{method} {path}");
    }
    for other in
        ["/api/settings", "/api/settings/a/b", "/api/settings/a;b", "//api/settings/a", "/API/settings/a"]
    {
        let answer = stage.ask_as(Who::User, Request::get(other));
        assert!(matches!(answer.status, 400 | 403), "{other}: {answer:?}");
    }
}

/// A box asks while somebody types: forty times are no search, and where the searches are spent it still suggests.
#[test]
fn what_a_box_suggests_is_no_search() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.credential(Who::User, "alice");
    let ask = |path: &str| SYSTEM.carry(Request::get(path), token.clone());
    let typed: Vec<Request> =
        ["/api/artists/search/suggestions?q=door&limit=5", "/api/videos/search-artists?q=door"]
            .into_iter()
            .cycle()
            .take(40)
            .map(ask)
            .collect();
    assert_eq!(stage.ask_each_from(2, &typed), [200; 40]);
    let searches = vec![ask("/api/videos/search?q=door"); 201];
    assert_eq!(stage.ask_each_from(2, &searches), [vec![200; 200], vec![429]].concat());
    assert_eq!(stage.ask_each_from(2, &typed[..2]), [200; 2]);
    let flood = vec![ask("/api/artists/search/suggestions?q=d"); 400];
    assert!(stage.ask_each_from(2, &flood).contains(&429), "it has a limit of its own");
}
