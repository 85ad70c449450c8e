//! Logins that belong to a connection (NTLM, Negotiate), when something else happens on the way.

use crate::harness::{Gateway, Request, Upstream};

const LOGIN: &str = "NTLM alice";

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
    let config = |app: &Upstream| {
        format!(
            "[app.media]\nhosts = [\"media.localhost\"]\nauth = \"public\"\nupstream = {{ urls = [\"{}\"] }}\n",
            app.url()
        )
    };
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
