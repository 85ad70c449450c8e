//! The document around a page, and the elements that pages share.

use std::fmt::Write as _;
use std::time::Duration;

use http::HeaderValue;

use super::assets::STYLE;
use crate::clock;

/// A page with its `Content-Security-Policy`.
pub(in super::super) struct HtmlPage {
    pub(in super::super) html: String,
    pub(in super::super) policy: HeaderValue,
    /// It holds a form that is sent to the gateway.
    pub(in super::super) has_form: bool,
}

/// A whole document; `meta` and `body` are markup.
pub(super) fn document(title: &str, app: Option<&str>, meta: &str, body: &str) -> String {
    let (named, shown) = match app {
        Some(app) => (format!("{} · {}", Escaped(title), Escaped(app)), Escaped(app)),
        None => (Escaped(title).to_string(), Escaped("")),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n{meta}\
         <title>{named}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"app\">{LOGO}<span>{shown}</span></p>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Text with the characters escaped that mean something in HTML.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text of the gateway's own; what stands in backticks becomes `<code>`.
pub(super) struct WithCode(pub(super) &'static str);

impl std::fmt::Display for WithCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, part) in self.0.split('`').enumerate() {
            let part = Escaped(part);
            if place % 2 == 1 { write!(f, "<code>{part}</code>")? } else { write!(f, "{part}")? }
        }
        Ok(())
    }
}

/// The form that takes a code. `look` selects the [`crate::sign_in::FormAction`].
pub(super) struct CodeForm<'a> {
    pub(super) return_path: &'a str,
    pub(super) look: &'static str,
}

impl std::fmt::Display for CodeForm<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "<form method=\"post\" action=\"/.stagedoor/enter\">\n\
             <label for=\"code\">Code, or the whole link</label>\n\
             <input id=\"code\" name=\"code\" required autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\" \
             maxlength=\"1000\" aria-describedby=\"about\">\n\
             {to}<input type=\"hidden\" name=\"look\" value=\"{look}\">\n\
             <button>Continue</button>\n\
             <p class=\"note\" id=\"about\">A code works once, for ten minutes after it was made.</p>\n</form>\n",
            to = ReturnPathField(self.return_path),
            look = self.look,
        )
    }
}

/// The hidden field with the path to go to afterwards; left out for the front page.
pub(super) struct ReturnPathField<'a>(pub(super) &'a str);

impl std::fmt::Display for ReturnPathField<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            "/" => Ok(()),
            to => writeln!(f, "<input type=\"hidden\" name=\"to\" value=\"{}\">", Escaped(to)),
        }
    }
}

/// A length of time in words, rounded up: seconds up to 90, minutes up to 90, hours up to 48, days.
///
/// [`super::assets::COUNTDOWN_SCRIPT`] says the same in the browser.
pub(super) struct TimeLeft(pub(super) u64);

impl std::fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = self.0.div_ceil(60);
        let hours = minutes.div_ceil(60);
        let (count, unit) = match self.0 {
            ..=90 => (self.0, "second"),
            _ if minutes <= 90 => (minutes, "minute"),
            _ if hours <= 48 => (hours, "hour"),
            _ => (hours.div_ceil(24), "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

/// A time in seconds since the epoch, for people: in UTC, or in local time where the script runs.
pub(super) struct UtcTime(pub(super) u64);

impl std::fmt::Display for UtcTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = clock::utc(Duration::from_secs(self.0));
        let (year, month, day) = (at.year(), at.month(), at.day());
        let (hour, minute, second) = at.as_hms();
        write!(
            f,
            "<time datetime=\"{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\">\
             {day} {month} {year}, {hour:02}:{minute:02} UTC</time>",
            u8::from(month)
        )
    }
}

/// A door that stands open.
const LOGO: &str = "<svg class=\"mark\" viewBox=\"0 0 32 32\" aria-hidden=\"true\">\
<path d=\"M6 28V5a1 1 0 0 1 1-1h18a1 1 0 0 1 1 1v23\"/><path class=\"leaf\" d=\"M6 28V4.5l13 4V28\"/><path d=\"M15 16v3M3 28h26\"/></svg>";

#[cfg(test)]
mod tests;
