//! Certificates that change while the gateway runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::ClientConfig;

use super::{Wish, certificates::shown, connect, folder, write_pair};
use crate::harness::{
    Authority, Folder, Gateway, HOST, Pair, Request, TlsClient, Upstream, client_config, poll_for, poll_until,
};

fn numbered(authority: &Authority, number: u8) -> Pair {
    authority.issue_with(&[HOST], |params| params.serial_number = Some(vec![number].into()))
}

/// Replaces both files of a certificate, each in one step, the certificate first.
fn replace_pair(folder: &Path, name: &str, pair: &Pair) {
    for (ending, text) in [("pem", &pair.cert), ("key", &pair.key)] {
        let (next, file) = (folder.join("next"), folder.join(format!("{name}.{ending}")));
        fs::write(&next, text).unwrap();
        fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::rename(next, file).unwrap();
    }
}

fn shown_now(gateway: &Gateway, config: &Arc<ClientConfig>) -> u8 {
    shown(&connect(gateway, HOST, config))
}

#[test]
fn a_certificate_is_replaced_without_a_lost_connection() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let gateway = Gateway::start_in(folder(&app, &[&numbered(&authority, 1)], &Wish::default()));
    let config = Arc::new(client_config(&authority));
    let mut before = connect(&gateway, HOST, &config);
    assert_eq!(before.ask(&Request::get("/x")).status, 200);
    replace_pair(&gateway.folder.path().join("tls"), "0", &numbered(&authority, 2));
    poll_until("the new certificate", || (shown_now(&gateway, &config) == 2).then_some(()));
    assert_eq!(before.ask(&Request::get("/y")).status, 200, "the connection of before");
    gateway.wait_for_log("certificate renewed");
    // A reload of the same file changes nothing.
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(shown_now(&gateway, &config), 2);
}

#[test]
fn fifty_changes_under_load_fail_no_handshake() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let gateway = Gateway::start_in(folder(&app, &[&numbered(&authority, 1)], &Wish::default()));
    let mut config = client_config(&authority);
    config.resumption = rustls::client::Resumption::disabled();
    let config = Arc::new(config);
    let pairs: Vec<Pair> = (0..50).map(|n| numbered(&authority, 2 + n)).collect();
    let (done, handshakes) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let mut client = connect(&gateway, HOST, &config);
                    assert_eq!(client.ask(&Request::get("/x")).status, 200);
                    handshakes.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // Also where a check here fails, so that the test ends.
        let _ends = Ends(&done);
        for pair in &pairs {
            replace_pair(&gateway.folder.path().join("tls"), "0", pair);
            let before = handshakes.load(Ordering::SeqCst);
            poll_until("a handshake", || (handshakes.load(Ordering::SeqCst) > before).then_some(()));
        }
        poll_until("the last certificate", || (shown_now(&gateway, &config) == 51).then_some(()));
    });
    assert!(handshakes.load(Ordering::SeqCst) >= 50);
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_pair_that_does_not_fit_keeps_the_old_one_until_it_is_mended() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let gateway = Gateway::start_in(folder(&app, &[&numbered(&authority, 1)], &Wish::default()));
    let config = Arc::new(client_config(&authority));
    let new = numbered(&authority, 2);
    // Half of a renewal: the certificate is new, the key is old.
    gateway.folder.write("tls/0.pem", &new.cert);
    gateway.wait_for_log("the key is not that of the certificate");
    assert_eq!(shown_now(&gateway, &config), 1);
    gateway.folder.write("tls/0.pem", "nothing");
    gateway.wait_for_log("no certificate in the file");
    assert_eq!(shown_now(&gateway, &config), 1);
    write_pair(&gateway.folder, "tls/0", &new);
    poll_until("the new certificate", || (shown_now(&gateway, &config) == 2).then_some(()));
}

/// A policy that waits for an operator holds no certificate back.
#[test]
fn a_renewal_does_not_wait_for_the_policy() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let folder = folder(&app, &[&numbered(&authority, 1)], &Wish::default());
    let looser = folder.read("stagedoor.toml").replace("[app.media]", "[app.media]\nbody.max = \"1GiB\"");
    let gateway = Gateway::start_in(folder);
    let config = Arc::new(client_config(&authority));
    gateway.folder.write("stagedoor.toml", &looser);
    gateway.wait_for_log("configuration not reloaded");
    replace_pair(&gateway.folder.path().join("tls"), "0", &numbered(&authority, 2));
    poll_until("the new certificate", || (shown_now(&gateway, &config) == 2).then_some(()));
}

/// As certbot lays them out: `live/x/fullchain.pem` is a link to `../../archive/x/fullchain1.pem`, then to `fullchain2.pem`. The
/// folder of the next file can be read, although the process has given up what it does not need.
#[test]
fn links_to_files_of_another_folder_are_followed() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let folder = folder(&app, &[&numbered(&authority, 1)], &Wish::default());
    let text = folder.read("stagedoor.toml");
    let text =
        text.replace("tls/0.pem", "le/live/x/fullchain.pem").replace("tls/0.key", "le/live/x/privkey.pem");
    folder.write("stagedoor.toml", &text);
    let put = |folder: &Folder, number: u8| {
        let pair = numbered(&authority, number);
        folder.write(&format!("le/archive/x/fullchain{number}.pem"), &pair.cert);
        folder.write_private(&format!("le/archive/x/privkey{number}.pem"), &pair.key);
        let live = folder.path().join("le/live/x");
        fs::create_dir_all(&live).unwrap();
        for name in ["fullchain", "privkey"] {
            let link = live.join(format!("{name}.pem"));
            let _ = fs::remove_file(&link);
            symlink(format!("../../archive/x/{name}{number}.pem"), link).unwrap();
        }
    };
    put(&folder, 1);
    let gateway = Gateway::start_in(folder);
    let config = Arc::new(client_config(&authority));
    assert_eq!(shown_now(&gateway, &config), 1);
    for number in 2..5 {
        put(&gateway.folder, number);
        poll_until("the next certificate", || (shown_now(&gateway, &config) == number).then_some(()));
    }
}

/// As orchestrators lay them out: the files are links into a folder that is exchanged as a whole.
#[test]
fn links_to_a_folder_that_is_exchanged_are_followed() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let folder = folder(&app, &[&numbered(&authority, 1)], &Wish::default());
    let put = |folder: &Folder, number: u8| {
        write_pair(folder, &format!("tls/version{number}/0"), &numbered(&authority, number));
        let (next, data) = (folder.path().join("tls/next"), folder.path().join("tls/data"));
        symlink(format!("version{number}"), &next).unwrap();
        fs::rename(next, data).unwrap();
    };
    for name in ["0.pem", "0.key"] {
        let file = folder.path().join("tls").join(name);
        fs::remove_file(&file).unwrap();
        symlink(format!("data/{name}"), file).unwrap();
    }
    put(&folder, 1);
    let gateway = Gateway::start_in(folder);
    let config = Arc::new(client_config(&authority));
    assert_eq!(shown_now(&gateway, &config), 1);
    put(&gateway.folder, 2);
    poll_until("the next certificate", || (shown_now(&gateway, &config) == 2).then_some(()));
}

/// What a new policy names comes into force with it.
#[test]
fn a_reload_exchanges_the_certificates_and_their_version() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let folder = folder(&app, &[&numbered(&authority, 1)], &Wish::default());
    write_pair(&folder, "tls/other", &numbered(&authority, 9));
    let gateway = Gateway::start_in(folder);
    let config = Arc::new(client_config(&authority));
    let older = Arc::new(crate::harness::config_with(&authority, &[&rustls::version::TLS12], None));
    assert_eq!(shown_now(&gateway, &older), 1);
    let text = gateway.folder.read("stagedoor.toml");
    let text =
        text.replace("tls/0.", "tls/other.").replace("[server.tls]", "[server.tls]\nmin_version = \"1.3\"");
    gateway.folder.write("stagedoor.toml", &text);
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(shown_now(&gateway, &config), 9);
    assert!(TlsClient::over_tls(gateway.https(), HOST, &older).is_err());
    // Nothing of before is looked at any more.
    write_pair(&gateway.folder, "tls/other", &numbered(&authority, 10));
    poll_for("its renewal", crate::harness::DEADLINE, || (shown_now(&gateway, &config) == 10).then_some(()));
}
