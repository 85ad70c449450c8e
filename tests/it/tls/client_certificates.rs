//! Apps that ask their clients for certificates: who gets in, who the caller is, and what ends it.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind};

use crate::harness::{
    Authority, Folder, Gateway, Http2, Pair, Request, Response, TlsClient, Token, Upstream, config_with,
    poll_until,
};

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
trusted_proxies = ["127.0.0.1"]
[server.tls]
listen        = ["127.0.0.1:0"]
certificates  = [{ cert = "tls/0.pem", key = "tls/0.key" }]
redirect_http = false
[auth.house]
[auth.devices]
kind = "client-certificate"

[app.family]
hosts     = ["family.localhost", "photos.localhost"]
upstream  = { urls = ["UPSTREAM"] }
client_ca = "tls/family.pem"
auth      = "required"
by        = ["devices"]
identity  = { user = "x-auth-user", roles = "x-auth-roles" }
[[app.family.route]]
match = "* /admin/{*rest}"
roles = ["admin"]
[[app.family.route]]
match = "* /house/{*rest}"
by    = ["house"]

[app.guests]
hosts     = ["guests.localhost"]
upstream  = { urls = ["UPSTREAM"] }
client_ca = "tls/guests.pem"
auth      = "public"

[app.open]
hosts    = ["open.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

const ALL: [&str; 4] = ["family.localhost", "photos.localhost", "guests.localhost", "open.localhost"];

/// A house with three apps, and the authorities of its clients.
struct House {
    app: Upstream,
    gateway: Gateway,
    server: Authority,
    family: Authority,
    guests: Authority,
}

impl House {
    fn new() -> Self {
        Self::with(|config| config)
    }

    fn with(change: impl FnOnce(String) -> String) -> Self {
        let app = Upstream::start();
        let [server, family, guests] = ["server", "family", "guests"].map(Authority::new);
        let folder = Folder::new(&change(CONFIG.replace("UPSTREAM", &app.url())));
        super::write_pair(&folder, "tls/0", &server.issue(&ALL));
        folder.write("tls/family.pem", &family.pem);
        folder.write("tls/guests.pem", &guests.pem);
        let gateway = Gateway::start_in(folder);
        Self { app, gateway, server, family, guests }
    }

    fn config(&self, own: Option<&Pair>) -> Arc<ClientConfig> {
        Arc::new(config_with(&self.server, &[&TLS13, &TLS12], own))
    }

    fn connect(&self, name: &str, own: Option<&Pair>) -> TlsClient {
        super::connect(&self.gateway, name, &self.config(own))
    }

    /// Whether a client with this certificate gets a connection under this name, over either version.
    fn lets_in(&self, name: &str, own: Option<&Pair>) -> bool {
        let over = |version| {
            let config = Arc::new(config_with(&self.server, &[version], own));
            // In TLS 1.3 a client is done before its certificate is judged: what it reads then tells.
            TlsClient::over_tls(self.gateway.https(), name, &config)
                .and_then(|mut client| {
                    client.try_send(Request::get("/x").host(name).bytes())?;
                    client.try_answer_to("GET")
                })
                .is_ok()
        };
        let [old, new] = [over(&TLS12), over(&TLS13)];
        assert_eq!(old, new, "{name}");
        new
    }

    fn reload(&self) {
        assert_eq!(self.gateway.reload(), "ok");
    }
}

fn code(answer: &Response) -> (u16, &str) {
    (answer.status, answer.field("x-stagedoor-code"))
}

#[test]
pub(crate) fn no_connection_without_a_certificate_of_the_apps_own_authorities() {
    let house = House::new();
    let ada = house.family.issue_client("ada", None, 1);
    let guest = house.guests.issue_client("guest", None, 1);
    let stranger = Authority::new("family").issue_client("ada", None, 1);
    let server = house.family.issue(&["ada"]);
    let past = house
        .family
        .issue_client_with("ada", None, 2, |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    for (name, own, lets_in) in [
        ("family.localhost", Some(&ada), true),
        ("photos.localhost", Some(&ada), true),
        ("family.localhost", None, false),
        ("family.localhost", Some(&guest), false),
        ("family.localhost", Some(&stranger), false),
        ("family.localhost", Some(&past), false),
        // It says nothing of what it is for, as those of many small authorities.
        ("family.localhost", Some(&server), true),
        ("guests.localhost", Some(&guest), true),
        ("guests.localhost", Some(&ada), false),
        ("guests.localhost", None, false),
        // It is not asked for, and does no harm.
        ("open.localhost", Some(&ada), true),
        ("open.localhost", None, true),
    ] {
        house.app.forget();
        assert_eq!(house.lets_in(name, own), lets_in, "{name} {own:?}");
        assert!(lets_in || house.app.seen().is_empty(), "{name}");
    }
    let refused =
        || house.gateway.metric("stagedoor_connections_refused_total", &["reason=\"client_certificate\""]);
    poll_until("refused connections", || (refused() >= 12.0).then_some(()));
}

/// Those of `[server.tls]` are for every app that names none of its own.
#[test]
pub(crate) fn usual_authorities() {
    let house = House::with(|config| {
        config.replace("redirect_http = false", "redirect_http = false\nclient_ca = \"tls/guests.pem\"")
    });
    let ada = house.family.issue_client("ada", None, 1);
    let guest = house.guests.issue_client("guest", None, 1);
    for (name, own, lets_in) in [
        ("open.localhost", None, false),
        ("open.localhost", Some(&guest), true),
        ("open.localhost", Some(&ada), false),
        ("family.localhost", Some(&ada), true),
        ("family.localhost", Some(&guest), false),
    ] {
        assert_eq!(house.lets_in(name, own), lets_in, "{name}");
    }
    // What is asked of both is the same.
    let mut client = house.connect("open.localhost", Some(&guest));
    assert_eq!(code(&client.ask(&Request::get("/x").host("guests.localhost"))), (200, ""));
}

/// What a connection has proven counts for the apps that ask for just that.
#[test]
fn a_connection_serves_apps_of_the_same_authorities_alone() {
    let house = House::new();
    let (ada, guest) =
        (house.family.issue_client("ada", None, 1), house.guests.issue_client("guest", None, 1));
    let wrong = (421, "client_certificate");
    for (name, own, host, expected) in [
        ("family.localhost", Some(&ada), "photos.localhost", (200, "")),
        ("family.localhost", Some(&ada), "guests.localhost", wrong),
        ("family.localhost", Some(&ada), "open.localhost", wrong),
        ("guests.localhost", Some(&guest), "family.localhost", wrong),
        ("open.localhost", Some(&ada), "family.localhost", wrong),
        ("open.localhost", None, "guests.localhost", wrong),
        ("open.localhost", None, "open.localhost", (200, "")),
    ] {
        house.app.forget();
        let mut one = house.connect(name, own);
        let mut two =
            Http2::connect_over_tls(house.gateway.https(), name, ClientConfig::clone(&house.config(own)));
        let answers = [one.ask(&Request::get("/x").host(host)), two.ask(&Request::get("/x").host(host))];
        for answer in answers {
            assert_eq!(code(&answer), expected, "{name} {host}");
        }
        assert_eq!(house.app.seen().len(), if expected.0 == 200 { 2 } else { 0 }, "{name} {host}");
    }
    // Without a server name nobody is asked for a certificate.
    let mut nameless = config_with(&house.server, &[&TLS13], Some(&ada));
    nameless.enable_sni = false;
    let mut client = super::connect(&house.gateway, "open.localhost", &Arc::new(nameless));
    assert_eq!(code(&client.ask(&Request::get("/x").host("open.localhost"))), (200, ""));
    assert_eq!(code(&client.ask(&Request::get("/x").host("family.localhost"))), wrong);
    // Nor over plain HTTP, whatever a trusted proxy tells of its client.
    let told = Request::get("/x").host("family.localhost").field("X-Forwarded-Proto", "https");
    assert_eq!(code(&house.gateway.ask(&told)), wrong);
    assert_eq!(code(&house.gateway.ask(&Request::get("/.stagedoor/").host("guests.localhost"))), wrong);
    // The one above, and the two of the last row.
    assert_eq!(house.app.seen().len(), 3);
}

#[test]
fn the_subject_is_the_caller_where_its_provider_is_asked() {
    let house = House::new();
    let ada = house.family.issue_client("ada", Some("admin"), 1);
    let bob = house.family.issue_client("bob", Some("family"), 2);
    let told = || {
        let last = house.app.last();
        ["x-auth-user", "x-auth-roles"].map(|name| last.fields.sole(name).unwrap_or_default().to_owned())
    };
    let ask = |own: &Pair, request: Request| {
        house.connect("family.localhost", Some(own)).ask(&request.host("family.localhost"))
    };
    let answer = ask(&ada, Request::get("/admin/users").field("x-auth-user", "root"));
    assert_eq!(code(&answer), (200, ""));
    assert_eq!(told(), ["ada", "admin"]);
    assert_eq!(house.gateway.event(&answer)["user"], "ada");
    assert_eq!(code(&ask(&bob, Request::get("/admin/users"))), (403, "forbidden"));
    // Where a token is asked for, the certificate is asked for besides.
    let carol = Token::of("carol").sign();
    assert_eq!(code(&ask(&bob, Request::get("/house/x").bearer(&carol))), (200, ""));
    assert_eq!(told(), ["carol", ""]);
    assert_eq!(code(&ask(&ada, Request::get("/house/x"))), (401, "token_missing"));
    // A token is none of the app's there, and names nobody.
    assert_eq!(code(&ask(&bob, Request::get("/admin/users").bearer(&carol))), (403, "forbidden"));
    let nameless = house.family.issue_client_with("ada", None, 3, |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
    });
    assert_eq!(code(&ask(&nameless, Request::get("/x"))), (403, "client_subject"));
    assert_eq!(code(&ask(&nameless, Request::get("/house/x").bearer(&carol))), (200, ""));
}

/// A browser shows a certificate whichever page asks, as it sends a cookie.
#[test]
fn a_certificate_is_judged_by_the_origin_rule_like_a_cookie() {
    let house = House::new();
    let guest = house.guests.issue_client("guest", None, 1);
    let mut client = house.connect("guests.localhost", Some(&guest));
    let own = format!("https://guests.localhost:{}", house.gateway.https().port());
    let host = own.strip_prefix("https://").unwrap().to_owned();
    for (method, fields, expected) in [
        ("POST", vec![("Origin", "https://evil.example")], (403, "cross_origin")),
        ("POST", vec![("Origin", &own)], (200, "")),
        (
            "POST",
            vec![("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
            (403, "cross_origin"),
        ),
        ("GET", vec![("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")], (403, "cross_origin")),
        ("GET", vec![("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], (200, "")),
        // A program says nothing of the kind.
        ("POST", vec![], (200, "")),
    ] {
        let base = if method == "POST" { Request::post("/x", b"a") } else { Request::get("/x") };
        let request =
            fields.iter().fold(base.host(&host), |request, (name, value)| request.field(name, *value));
        assert_eq!(code(&client.ask(&request)), expected, "{method} {fields:?}");
    }
}

/// Nothing that was proven once outlives its revocation: no ticket, and no open connection.
#[test]
fn a_certificate_that_is_revoked_ends_with_the_reload() {
    let house = House::new();
    let (ada, bob) = (house.family.issue_client("ada", None, 1), house.family.issue_client("bob", None, 2));
    let config = house.config(Some(&bob));
    let ask = |client: &mut TlsClient| client.ask(&Request::get("/x").host("family.localhost")).status;
    let mut open = super::connect(&house.gateway, "family.localhost", &config);
    assert_eq!(ask(&mut open), 200);
    // With a list that takes another one back, nothing is different for this one but that it has to show it again.
    house
        .gateway
        .folder
        .write("tls/family.pem", &format!("{}{}", house.family.pem, house.family.revoke(&[7])));
    house.reload();
    assert_eq!(ask(&mut open), 421);
    let mut open = super::connect(&house.gateway, "family.localhost", &config);
    assert_eq!(ask(&mut open), 200);
    assert_eq!(open.session().handshake_kind(), Some(HandshakeKind::Full), "no ticket is given");
    house
        .gateway
        .folder
        .write("tls/family.pem", &format!("{}{}", house.family.pem, house.family.revoke(&[2, 7])));
    house.reload();
    assert_eq!(ask(&mut open), 421);
    assert!(!house.lets_in("family.localhost", Some(&bob)));
    assert!(house.lets_in("family.localhost", Some(&ada)));
    // An authority that is named no longer lets nobody in.
    house.gateway.folder.write("tls/family.pem", &house.guests.pem);
    house.reload();
    assert!(!house.lets_in("family.localhost", Some(&ada)));
    // One that cannot be read changes nothing.
    house.gateway.folder.write("tls/family.pem", "nothing");
    assert_eq!(house.gateway.reload(), "failed");
    assert!(!house.lets_in("family.localhost", Some(&ada)));
    assert!(house.lets_in("guests.localhost", Some(&house.guests.issue_client("guest", None, 1))));
}

/// All that a file holds counts, in whichever order.
#[test]
fn every_list_of_an_authority_counts() {
    let house = House::new();
    let (ada, bob) = (house.family.issue_client("ada", None, 1), house.family.issue_client("bob", None, 2));
    let (old, new) = (house.family.revoke(&[7]), house.family.revoke(&[2]));
    for lists in [[&old, &new], [&new, &old]] {
        house
            .gateway
            .folder
            .write("tls/family.pem", &format!("{}{}{}", house.family.pem, lists[0], lists[1]));
        house.reload();
        assert!(house.lets_in("family.localhost", Some(&ada)));
        assert!(!house.lets_in("family.localhost", Some(&bob)));
    }
}

/// To look for a chain among many certificates takes minutes, and nothing is known of who sent them.
#[test]
fn a_client_shows_few_certificates_besides_its_own() {
    let house = House::new();
    let [cert, key] = {
        let ada = house.family.issue_client("ada", None, 1);
        [ada.cert, ada.key]
    };
    let other = Authority::new("other").pem;
    for (others, lets_in) in [(0, true), (4, true), (5, false), (20, false)] {
        let own = Pair { cert: format!("{cert}{}", other.repeat(others)), key: key.clone() };
        assert_eq!(house.lets_in("family.localhost", Some(&own)), lets_in, "{others}");
    }
}

/// A client whose host asks for another certificate than before has to connect anew, and not to be refused for as long as its
/// connection lasts.
#[test]
fn a_connection_that_is_outdated_ends() {
    let house = House::new();
    let ada = house.family.issue_client("ada", None, 1);
    let name = "family.localhost";
    let mut one = house.connect(name, Some(&ada));
    let mut two =
        Http2::connect_over_tls(house.gateway.https(), name, ClientConfig::clone(&house.config(Some(&ada))));
    assert_eq!(one.ask(&Request::get("/x").host(name)).status, 200);
    assert_eq!(two.ask(&Request::get("/x").host(name)).status, 200);
    house
        .gateway
        .folder
        .write("tls/family.pem", &format!("{}{}", house.family.pem, house.family.revoke(&[7])));
    house.reload();
    let answer = one.ask(&Request::get("/x").host(name));
    assert_eq!((answer.status, answer.field("connection")), (421, "close"));
    assert!(one.is_closed());
    assert_eq!(two.ask(&Request::get("/x").host(name)).status, 421);
    poll_until("the end of the connection", || two.try_ask(&Request::get("/x").host(name)).err());
}

/// RFC 8446 §6.2: what is wrong is said before the connection ends, also to a client that has sent its request already.
#[test]
fn a_client_without_a_certificate_is_told() {
    let house = House::new();
    for _ in 0..20 {
        let mut client = house.connect("family.localhost", None);
        client.try_send(Request::post("/x", vec![b'x'; 20_000]).host("family.localhost").bytes()).ok();
        let error = client.try_answer_to("GET").unwrap_err().to_string();
        assert!(error.contains("CertificateRequired"), "{error}");
    }
}

/// A renewed certificate of the server asks its clients all the same.
#[test]
fn a_renewal_keeps_asking_clients() {
    let house = House::new();
    let ada = house.family.issue_client("ada", None, 1);
    super::write_pair(&house.gateway.folder, "tls/0", &house.server.issue(&ALL));
    house.gateway.wait_for_log("certificate renewed");
    assert!(house.lets_in("family.localhost", Some(&ada)));
    assert!(!house.lets_in("family.localhost", None));
}
