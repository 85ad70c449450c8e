//! Strict-Transport-Security.

use super::*;

#[test]
fn hsts_is_for_registered_names_on_https() {
    let policy = with(Preset::Web, |_| {});
    let check = |https, host, expected: bool| {
        let request = Request { https, host, ..Request::default() };
        for map in [request.edit(&policy, ""), request.edit_local(&policy, "")] {
            assert_eq!(map.contains_key("strict-transport-security"), expected, "{https} {host}");
        }
    };
    for host in [
        "media.example.com",
        "MEDIA.example.com:8443",
        "example.com.",
        "local.example.com",
        "mylan.example.lann",
        "anime.localhost",
    ] {
        check(true, host, true);
        check(false, host, false);
    }
    for host in [
        "",
        "media",
        "media.",
        "localhost",
        "localhost:8443",
        "tower.local",
        "TOWER.LOCAL.:443",
        "nas.lan",
        "nas.home.arpa",
        "home.arpa",
        "x.internal",
        "192.168.1.10",
        "192.168.1.10:8443",
        "10.1",
        "0x7f.0x1",
        "[::1]",
        "[2001:db8::1]:8443",
        ".com",
    ] {
        check(true, host, false);
    }
    let request = Request { https: true, ..Request::default() };
    let hsts = |hsts: Hsts| with(Preset::Web, |s| s.hsts = Some(hsts));
    let all = Hsts { max_age_secs: 60, include_subdomains: true, preload: true };
    let value = "max-age=60; includeSubDomains; preload";
    assert_eq!(lines(&request.edit(&hsts(all), ""), "strict-transport-security"), value);
    let off = with(Preset::Off, |s| s.hsts = Some(all));
    assert_eq!(lines(&request.edit(&off, ""), "strict-transport-security"), value);
    assert_eq!(lines(&request.edit_local(&with(Preset::Off, |_| {}), ""), "strict-transport-security"), "-");
    assert_eq!(lines(&request.edit_local(ResponsePolicy::bare(), ""), "strict-transport-security"), "-");
    let own = request.edit(&policy, "strict-transport-security: max-age=5");
    assert_eq!(lines(&own, "strict-transport-security"), "max-age=5");
}
