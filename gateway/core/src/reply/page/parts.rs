//! What pages are made of.

use std::fmt::Write as _;
use std::time::Duration;

use super::policy::STYLE;
use crate::clock;

/// A page around `body`; `meta` and `body` are markup.
pub(super) fn whole(title: &str, app: Option<&str>, meta: &str, body: &str) -> String {
    let (named, shown) = match app {
        Some(app) => (format!("{} · {}", Escaped(title), Escaped(app)), Escaped(app)),
        None => (Escaped(title).to_string(), Escaped("")),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n{meta}\
         <title>{named}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"app\">{MARK}<span>{shown}</span></p>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Text that cannot leave its place in the page.
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

/// Text of our own, with what stands in backticks as code.
pub(super) struct Marked(pub(super) &'static str);

impl std::fmt::Display for Marked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, part) in self.0.split('`').enumerate() {
            let part = Escaped(part);
            if place % 2 == 1 { write!(f, "<code>{part}</code>")? } else { write!(f, "{part}")? }
        }
        Ok(())
    }
}

/// The form that takes a code. `look` says how its answer goes on: see [`crate::sign_in::FormAction`].
pub(super) struct CodeForm<'a> {
    pub(super) to: &'a str,
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
            to = Back(self.to),
            look = self.look,
        )
    }
}

/// The hidden field that remembers where a browser wants to go; nothing for the front page.
pub(super) struct Back<'a>(pub(super) &'a str);

impl std::fmt::Display for Back<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            "/" => Ok(()),
            to => writeln!(f, "<input type=\"hidden\" name=\"to\" value=\"{}\">", Escaped(to)),
        }
    }
}

/// A length of time in words, rounded up: seconds up to 90, minutes up to 90, hours up to 48, days.
///
/// [`super::policy::COUNT`] says the same in the browser.
pub(super) struct Span(pub(super) u64);

impl std::fmt::Display for Span {
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

/// A moment since the epoch, for people: in UTC, and in their own time where the script runs.
pub(super) struct Moment(pub(super) u64);

impl std::fmt::Display for Moment {
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

/// A door, ajar.
const MARK: &str = "<svg class=\"mark\" viewBox=\"0 0 32 32\" aria-hidden=\"true\">\
<path d=\"M6 28V5a1 1 0 0 1 1-1h18a1 1 0 0 1 1 1v23\"/><path class=\"leaf\" d=\"M6 28V4.5l13 4V28\"/><path d=\"M15 16v3M3 28h26\"/></svg>";
