//! `cors` and `headers` of an app: the fields that are added to its answers.

use std::time::Duration;

use crate::keys::nested::{TextOrTable, map_of_lists, map_of_texts, table};
use crate::keys::patterns::ORIGIN;
use crate::keys::reader::Reader;
use crate::keys::row::{Layered, Located, Value};
use crate::keys::table::table;
use crate::keys::value::{choice, days, duration, flag, text_or_texts, texts};
use crate::location::{Entries, Location, Setting, Spanned, Texts};
use stagedoor_core::response_out::Preset;

table! {
    /// What pages of other origins may do.
    #[derive(Debug)]
    pub(crate) struct CorsTable at "app.*.cors" {
        /// The origins whose pages may make requests, exactly as browsers send them; `*` is any.
        origins: Texts = texts().required("list the origins: origins = [\"https://example.com\"]")
            .like(ORIGIN).filled()
            .mind("their pages read what the user may read; `*` with `credentials` is refused"),
        /// The methods that their pages may use.
        methods: Texts = texts().default_texts(&["GET", "HEAD", "POST"]),
        /// The request headers that their pages may send.
        headers: Texts = texts().default_texts(&[]),
        /// The response headers that their pages may read.
        expose: Texts = texts().default_texts(&[]),
        /// Whether browsers may send cookies with these requests.
        credentials: Setting<bool> = flag().default_flag(false)
            .mind("the listed origins then act in the name of the user"),
        /// How long browsers may cache the answer to a preflight.
        max_age: Setting<Duration> = duration(Duration::ZERO, days(7)).default("10m"),
    }
}

table! {
    /// Response headers.
    #[derive(Debug)]
    pub(crate) struct Headers at "app.*.headers" {
        /// The set of security headers: for web pages, for an API, or none.
        preset: Setting<Preset> = choice!(
            "web" => Preset::Web, "api" => Preset::Api, "off" => Preset::Off,
        ).default("web").in_profiles()
            .mind("off leaves the browser unprotected where the app says nothing itself; a page of the app \
                that says `Referrer-Policy: no-referrer` itself cannot send forms over plain http: `set = \
                { referrer-policy = \"same-origin\" }` lets it"),
        /// Strict-Transport-Security, on https only.
        hsts: Option<HstsTable> = table::<HstsTable>().otherwise("a year; none under `preset = \"off\"`"),
        /// Content-Security-Policy: what a page may load and execute.
        csp: Option<Csp> = table::<Csp>().otherwise("as the preset says").in_profiles(),
        /// The origins whose pages may embed it in a frame.
        frame: Texts = text_or_texts().otherwise("as the preset says").in_profiles()
            .mind("a page that embeds it can trick users into clicks"),
        /// Headers that are set to these values, in place of the app's.
        set: Option<Entries<String>> = map_of_texts().otherwise("none"),
        /// Headers that are removed from the app's answers, in addition to those of the preset.
        remove: Texts = texts().default_texts(&[]).like(r"^[^*]*$").in_profiles(),
    }
}

table! {
    /// Strict-Transport-Security (RFC 6797).
    #[derive(Debug)]
    pub(crate) struct HstsTable at "app.*.headers.hsts" {
        /// How long browsers use https only.
        max_age: Setting<Duration> = duration(Duration::ZERO, days(3650)).default("365d")
            .mind("0s makes browsers forget it"),
        /// Whether it applies to all subdomains too.
        include_subdomains: Setting<bool> = flag().default_flag(false),
        /// Whether browsers may ship it in their preload lists.
        preload: Setting<bool> = flag().default_flag(false)
            .mind("it takes months to undo"),
    }
}

table! {
    /// Content-Security-Policy.
    #[derive(Debug)]
    pub(crate) struct Csp at "app.*.headers.csp" {
        /// Whether browsers only report violations, or block them.
        enforce: Setting<bool> = choice!("report" => false, "enforce" => true).called("mode")
            .default("report").in_profiles()
            .mind("report blocks nothing"),
        /// Directives, each with the list of its sources.
        policy: Option<Entries<Vec<Spanned<String>>>> = map_of_lists()
            .required_in_compile().in_profiles()
            .mind("`'unsafe-inline'` and `*` allow most of what a policy is there to stop"),
        /// What happens to a policy that the app sends: keep sends it instead of this one, replace sends this
        /// one instead.
        replace: Setting<bool> = choice!("keep" => false, "replace" => true).called("app").default("keep")
            .in_profiles(),
    }
}

/// `cors` of an app.
#[derive(Debug)]
pub(crate) enum Cors {
    /// `cors = "app"`.
    App(Location),
    Table(Box<CorsTable>),
}

impl TextOrTable for Cors {
    type Table = CorsTable;

    fn from_text(_: Spanned<String>, table: &Reader<'_>, key: &str) -> Option<Self> {
        choice!("app" => ()).value().read(table, key).map(|given| Self::App(given.at))
    }

    fn from_table(table: CorsTable) -> Self {
        Self::Table(Box::new(table))
    }

    fn over(self, below: Self) -> Self {
        match (self, below) {
            (Self::Table(own), Self::Table(below)) => Self::Table(Box::new(own.over(*below))),
            (own, _) => own,
        }
    }
}

impl Located for Cors {
    fn at(&self) -> &Location {
        match self {
            Self::App(at) => at,
            Self::Table(table) => &table.at,
        }
    }
}
