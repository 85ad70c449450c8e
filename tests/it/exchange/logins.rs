//! Logins that belong to a connection (NTLM, Negotiate), when something else happens on the way.

use crate::harness::{Gateway, Request, Token, Upstream};

const LOGIN: &str = "NTLM alice";
const CONFIG: &str =
    "[app.media]\nhosts = [\"media.localhost\"]\nauth = \"public\"\nupstream = { urls = [\"UPSTREAM\"] }\n";

/// An app that calls itself by a name and attributes all requests of a connection to who logged in on it.
fn app(name: &'static str) -> Upstream {
    let users = std::sync::Mutex::new(std::collections::HashMap::new());
    Upstream::with(move |exchange| {
        let peer = exchange.peer();
        let mut users = users.lock().unwrap();
        if exchange.before == 0 {
            users.remove(&peer);
        }
        if let Some(login) = exchange.seen().fields.sole("authorization") {
            users.insert(peer, login.to_owned());
        }
        let user = users.get(&peer).cloned();
        drop(users);
        match user {
            Some(user) => exchange.reply("200 OK", &[], format!("{user} in {name}")),
            None => exchange.reply("401 Unauthorized", &["WWW-Authenticate: NTLM"], "nobody"),
        }
    })
}

/// A client connection may ask several apps: each one's login is on its own connection.
#[test]
fn a_login_at_one_app_is_none_at_another() {
    let (media, books) = (app("media"), app("books"));
    let gateway = Gateway::start(&format!(
        "[app.media]\nhosts = [\"media.localhost\"]\nauth = \"public\"\nupstream = {{ urls = [\"{}\"] }}\n\
         [app.books]\nhosts = [\"books.localhost\"]\nauth = \"public\"\nupstream = {{ urls = [\"{}\"] }}\n",
        media.url(),
        books.url()
    ));
    let mut client = gateway.client();
    let at_books = || Request::get("/x").host("books.localhost");
    assert_eq!(client.ask(&Request::get("/x").field("Authorization", LOGIN)).text(), "NTLM alice in media");
    for _ in 0..3 {
        assert_eq!(client.ask(&at_books()).status, 401);
        assert_eq!(client.ask(&Request::get("/x")).text(), "NTLM alice in media");
    }
    assert_eq!(client.ask(&at_books().field("Authorization", "NTLM eve")).text(), "NTLM eve in books");
    for _ in 0..3 {
        assert_eq!(client.ask(&at_books()).text(), "NTLM eve in books");
        assert_eq!(client.ask(&Request::get("/x")).text(), "NTLM alice in media");
    }
}

#[test]
fn a_login_at_an_app_of_before_is_none_at_the_next() {
    let (before, next) = (app("before"), app("next"));
    let config = |app: &Upstream| CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config(&before));
    let mut client = gateway.client();
    let login = Request::get("/x").field("Authorization", LOGIN);
    assert_eq!(client.ask(&login).text(), "NTLM alice in before");
    assert_eq!(client.ask(&Request::get("/x")).text(), "NTLM alice in before");
    gateway.folder.configure(&config(&next));
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(client.ask(&Request::get("/x")).status, 401);
    assert_eq!(client.ask(&login).text(), "NTLM alice in next");
    assert_eq!(client.ask(&Request::get("/x")).text(), "NTLM alice in next");
}

/// An app whose login takes two steps on one connection; `/closes` ends the connection after its answer.
fn in_two_steps() -> Upstream {
    let steps = std::sync::Mutex::new(std::collections::HashMap::new());
    Upstream::with(move |exchange| {
        let mut steps = steps.lock().unwrap();
        let step = steps.entry(exchange.peer()).or_insert_with(String::new);
        if exchange.before == 0 {
            step.clear();
        }
        exchange.body()?;
        match exchange.seen().fields.sole("authorization").and_then(|login| login.strip_prefix("NTLM ")) {
            Some("first") => "first".clone_into(step),
            Some(user) if step == "first" => user.clone_into(step),
            Some(_) => step.clear(),
            None => {}
        }
        let user = step.clone();
        drop(steps);
        match user.as_str() {
            "" => exchange.reply("401 Unauthorized", &["WWW-Authenticate: NTLM"], "nobody")?,
            "first" => exchange.reply("401 Unauthorized", &["WWW-Authenticate: NTLM second"], "first")?,
            user => exchange.reply("200 OK", &[], user)?,
        }
        if exchange.path() == "/closes" {
            exchange.hang_up();
        }
        Ok(())
    })
}

fn step(path: &str, login: &str) -> Vec<u8> {
    Request::get(path).field("Authorization", format!("NTLM {login}")).bytes()
}

#[test]
fn the_steps_of_a_login_are_on_one_connection_however_they_come() {
    let app = in_two_steps();
    let gateway = Gateway::before(&app, CONFIG);
    let stranger = || assert_eq!(gateway.ask(&Request::get("/x")).status, 401);
    // All at once.
    let mut client = gateway.client();
    client.send([step("/x", "first"), step("/x", "alice"), Request::get("/x").bytes()].concat());
    let answers = [client.answer(), client.answer(), client.answer()].map(|answer| answer.text());
    assert_eq!(answers, ["first", "alice", "alice"]);
    stranger();
    // The app closes between them: the second step finds no first one, and the login begins anew.
    let mut client = gateway.client();
    client.send(step("/closes", "first"));
    assert_eq!(client.answer().text(), "first");
    client.send(step("/x", "alice"));
    assert_eq!(client.answer().text(), "nobody");
    for (login, text) in [("first", "first"), ("alice", "alice")] {
        client.send(step("/x", login));
        assert_eq!(client.answer().text(), text);
    }
    // The client leaves between them, and after the last one without reading.
    for sent in [step("/x", "first"), [step("/x", "first"), step("/x", "eve")].concat()] {
        let mut client = gateway.client();
        client.send(sent);
        client.reset();
        for _ in 0..4 {
            stranger();
            let mut other = gateway.client();
            other.send(step("/x", "eve"));
            assert_eq!(other.answer().text(), "nobody", "nobody's second step finds another's first one");
        }
    }
}

/// A gateway that trusts the proxy in front of it; `books` is at the same upstream and receives no `Authorization`.
fn behind_a_proxy(app: &Upstream, server: &str) -> Gateway {
    let books = CONFIG.replace("media", "books").replace("UPSTREAM", &app.url());
    Gateway::before(app, &format!("{server}{CONFIG}{books}identity.strip = [\"authorization\"]\n"))
}

const TRUSTED: &str = "[server]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";

/// A proxy that sends the requests of many through one connection, from clients that have one address.
#[test]
fn a_login_behind_a_proxy_is_of_no_request_but_its_own() {
    // One that is not trusted shows by its fields.
    for server in [TRUSTED, ""] {
        let app = in_two_steps();
        let gateway = behind_a_proxy(&app, server);
        let of_one = |host: &str| Request::get("/x").host(host).field("X-Forwarded-For", "192.0.2.7");
        let one = || of_one("media.localhost");
        let login = |step: &str| one().field("Authorization", format!("NTLM {step}"));
        for by_bob in [
            one(),
            one().field("Proxy-Authorization", "NTLM x"),
            one().field("Connection", "authorization").field("Authorization", "NTLM x"),
            one().field("Authorization", "Basic eDp5, NTLM"),
            one().field("Authorization", "Basic eDp5, NTLM x"),
            one().field("Authorization", "NTLM"),
            of_one("books.localhost").field("Authorization", "NTLM x"),
            // A login of his own, which is none.
            login("x"),
        ] {
            let mut proxy = gateway.client();
            assert_eq!(proxy.ask(&one()).text(), "nobody");
            assert_eq!(proxy.ask(&login("first")).text(), "first");
            assert_eq!(proxy.ask(&login("alice")).text(), "alice");
            assert_eq!(proxy.ask(&by_bob).text(), "nobody", "after her login: {by_bob:?}");
            // In the middle of hers.
            assert_eq!(proxy.ask(&login("first")).text(), "first");
            if by_bob.bytes() != login("x").bytes() {
                assert_eq!(proxy.ask(&by_bob).text(), "nobody", "in the middle of it: {by_bob:?}");
                assert_eq!(proxy.ask(&login("alice")).text(), "nobody", "hers has ended: {by_bob:?}");
            }
        }
    }
}

/// An app that refuses a user who is logged in, and names the scheme again.
#[test]
fn a_refusal_of_who_is_logged_in_is_no_challenge() {
    for refusal in
        [&["WWW-Authenticate: NTLM"][..], &["WWW-Authenticate: Negotiate x", "Persistent-Auth: true"]]
    {
        let app = Upstream::with(move |exchange| match exchange.before {
            0 => exchange.reply("401 Unauthorized", refusal, "not for alice"),
            _ => exchange.reply("200 OK", &[], "alice"),
        });
        // What the client is not shown counts too.
        let gateway =
            Gateway::before(&app, &format!("{TRUSTED}{CONFIG}headers.remove = [\"persistent-auth\"]\n"));
        let login = Request::get("/x").field("X-Forwarded-For", "192.0.2.7").field("Authorization", LOGIN);
        let mut proxy = gateway.client();
        for _ in 0..3 {
            assert_eq!(proxy.ask(&login).text(), "not for alice", "{refusal:?}");
        }
    }
}

/// Two providers may give one name to two people.
#[test]
fn a_login_is_of_one_provider_too() {
    let app = in_two_steps();
    let mut config = String::new();
    for (host, provider) in [("media", "house"), ("books", "tower")] {
        config.push_str(&format!(
            "[auth.{provider}]\nkind = \"jwt\"\nissuer = \"{provider}\"\naudience = [\"media\"]\n\
             sources = [\"header:x-stagedoor-token\"]\n\
             keys = [{{ kid = \"k1\", alg = \"HS256\", secret = {{ file = \"secret\" }} }}]\n\
             [app.{host}]\nhosts = [\"{host}.localhost\"]\nauth = \"required\"\nby = [\"{provider}\"]\n\
             upstream = {{ urls = [\"{}\"] }}\n",
            app.url()
        ));
    }
    let gateway = Gateway::before(&app, &config);
    let by = |host: &str, provider: &str| {
        let token = Token::of("alice").claim("iss", provider).sign();
        Request::get("/x").host(host).field("x-stagedoor-token", token)
    };
    let at_media = || by("media.localhost", "house");
    let mut both = gateway.client();
    assert_eq!(both.ask(&at_media().field("Authorization", "NTLM first")).text(), "first");
    assert_eq!(both.ask(&at_media().field("Authorization", "NTLM alice")).text(), "alice");
    assert_eq!(both.ask(&at_media()).text(), "alice");
    assert_eq!(both.ask(&by("books.localhost", "tower")).text(), "nobody");
}

/// As browsers and curl do it. Of an app that does not read bodies, the rest of one would be the next request.
#[test]
fn a_login_whose_first_step_has_no_body_completes_with_one_which_ends_its_connection() {
    let app = in_two_steps();
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    let step = |value: &str| Request::new("POST", "/x").field("Authorization", format!("NTLM {value}"));
    for _ in 0..2 {
        for body in
            ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
        {
            assert_eq!(client.ask(&step("first").field("Content-Length", "0")).text(), "first");
            client.send(format!(
                "POST /x HTTP/1.1\r\nHost: media.localhost\r\nAuthorization: NTLM alice\r\n{body}"
            ));
            assert_eq!(client.answer().text(), "alice");
            assert_eq!(client.ask(&Request::get("/x")).text(), "nobody");
        }
    }
    let bodies = app.seen().into_iter().filter(|seen| !seen.body.is_empty());
    for seen in bodies {
        assert_eq!((&*seen.body, seen.fields.sole("connection")), (&b"abc"[..], Some("close")), "{seen:?}");
    }
}

/// A client connection keeps few connections, but may log in at any number of apps.
#[test]
fn a_login_at_a_fifth_app_completes_too() {
    let apps: Vec<Upstream> = (0..6).map(|_| in_two_steps()).collect();
    let mut config = String::new();
    for (n, app) in apps.iter().enumerate() {
        config.push_str(&format!(
            "[app.a{n}]\nhosts = [\"a{n}.localhost\"]\nauth = \"public\"\nupstream = {{ urls = [\"{}\"] }}\n",
            app.url()
        ));
    }
    let gateway = Gateway::start(&config);
    let mut client = gateway.client();
    for _ in 0..2 {
        for n in 0..apps.len() {
            let host = format!("a{n}.localhost");
            for step in ["first", "alice"] {
                let request = Request::get("/x").host(&host).field("Authorization", format!("NTLM {step}"));
                assert_eq!(client.ask(&request).text(), step, "{host}");
            }
            assert_eq!(client.ask(&Request::get("/x").host(&host)).text(), "alice", "{host}");
        }
    }
    assert!(apps.iter().map(Upstream::open_connections).sum::<usize>() <= 4);
}
