//! The rule of a limit: what it allows, and how it is written in the configuration.

use std::num::NonZeroU32;
use std::time::Duration;

use super::client_state::nanos;

/// What a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// GCRA: `burst` requests at once, refilled evenly with `count` each `period`.
    Rate {
        /// Requests refilled.
        count: NonZeroU32,
        /// In that time.
        period: Duration,
        /// Requests at once.
        burst: NonZeroU32,
    },
    /// Never more than `count` requests in any `window`.
    Quota {
        /// Requests.
        count: NonZeroU32,
        /// The rolling window.
        window: Duration,
    },
}

impl Rule {
    /// Reads `200/s burst 2000`, a rate, or `100000/hour`, a quota. Units are `s`, `m`, `h`, `d` and their
    /// longer names; a number before the unit multiplies it: `100/15m`. A window is at most 31 days,
    /// a number at most 1,000,000,000, and a burst refills within 366 days.
    ///
    /// # Errors
    /// What is wrong, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let (count, rest) = text
            .split_once('/')
            .ok_or_else(|| fault(format!("a limit without a unit of time `{text}`"), SHAPE))?;
        let count = number("number of requests", count)?;
        let mut words = rest.split_whitespace();
        let window = span(words.next().unwrap_or_default(), text)?;
        match (words.next(), words.next(), words.next()) {
            (None, _, _) => Ok(Self::Quota { count, window }),
            (Some("burst"), Some(burst), None) => rate(count, window, number("burst", burst)?, text),
            (Some("burst"), None, _) => Err(fault(
                format!("a burst without a number `{text}`"),
                "write how many requests may come at once, as in `200/s burst 2000`",
            )),
            (Some(_), _, _) => Err(fault(format!("not a limit `{text}`"), SHAPE)),
        }
    }

    /// Twice as many requests, as far as that can be written.
    #[must_use]
    pub fn doubled(self) -> Self {
        let twice = |number: NonZeroU32| number.saturating_mul(TWO).min(MOST);
        match self {
            Self::Rate { count, period, burst } => {
                Self::Rate { count: twice(count), period, burst: twice(burst) }
            }
            Self::Quota { count, window } => Self::Quota { count: twice(count), window },
        }
    }

    /// Whether this rule is at least as strict as `other`: a client that this rule never refuses is never refused by `other`.
    /// Where the numbers do not show it, `false`.
    pub(crate) fn within(self, other: Self) -> bool {
        let times = |number: u32, span: u128| u128::from(number) * span;
        match (self, other) {
            (
                Self::Rate { count, period, burst },
                Self::Rate { count: other_count, period: other_period, burst: other_burst },
            ) => {
                let refills = times(count.get(), u128::from(nanos(other_period)));
                burst <= other_burst && refills <= times(other_count.get(), u128::from(nanos(period)))
            }
            // As many whole windows of this one as one of the other can meet.
            (Self::Quota { count, window }, Self::Quota { count: most, window: other_window }) => {
                let windows = nanos(other_window).div_ceil(nanos(window).max(1));
                times(count.get(), u128::from(windows)) <= u128::from(most.get())
            }
            // What was saved up, and what is refilled meanwhile.
            (Self::Rate { count, period, burst }, Self::Quota { count: most, window }) => {
                let refilled =
                    times(count.get(), u128::from(nanos(window))).div_ceil(u128::from(nanos(period).max(1)));
                u128::from(burst.get()) + refilled <= u128::from(most.get())
            }
            // All at once has to fit the burst, and to be refilled before the window lets more come.
            (Self::Quota { count, window }, Self::Rate { burst, count: refill, period }) => {
                count <= burst
                    && times(count.get(), u128::from(nanos(period)))
                        <= times(refill.get(), u128::from(nanos(window)))
            }
        }
    }

    /// How many requests an hour it allows a client that sends all the time.
    pub fn each_hour(self) -> u64 {
        let (count, span) = match self {
            Self::Rate { count, period, burst: _ } => (count, period),
            Self::Quota { count, window } => (count, window),
        };
        let each = u128::from(count.get()) * u128::from(nanos(HOUR)) / u128::from(nanos(span)).max(1);
        u64::try_from(each).unwrap_or(u64::MAX)
    }

    /// Requests that a client who was never seen may send at once.
    pub(super) fn allowance(self) -> u32 {
        match self {
            Self::Rate { burst, .. } => burst.get(),
            Self::Quota { count, .. } => count.get(),
        }
    }

    /// Whole seconds, at least one: the window of a quota, the time in which a rate refills its burst.
    pub(super) fn seconds(self) -> u64 {
        let span = match self {
            Self::Rate { count, period, burst } => refill(count, period, burst),
            Self::Quota { window, .. } => u128::from(nanos(window)),
        };
        u64::try_from(span.div_ceil(SECOND)).unwrap_or(u64::MAX).max(1)
    }
}

/// As it is written in a file.
impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let per = |span: Duration| {
            let seconds = span.as_secs();
            let units = [("d", 86_400), ("h", 3600), ("min", 60)];
            let whole = units.into_iter().find(|(_, each)| seconds >= *each && seconds.is_multiple_of(*each));
            let (unit, each) = whole.unwrap_or(("s", 1));
            let count = seconds / each;
            if count == 1 { unit.to_owned() } else { format!("{count}{unit}") }
        };
        match self {
            Self::Rate { count, period, burst } => write!(f, "{count}/{} burst {burst}", per(*period)),
            Self::Quota { count, window } => write!(f, "{count}/{}", per(*window)),
        }
    }
}

/// Nanoseconds in which a rate refills its burst.
fn refill(count: NonZeroU32, period: Duration, burst: NonZeroU32) -> u128 {
    (u128::from(nanos(period)) * u128::from(burst.get())).div_ceil(u128::from(count.get()))
}

fn rate(
    count: NonZeroU32,
    period: Duration,
    burst: NonZeroU32,
    text: &str,
) -> Result<Rule, (String, String)> {
    if refill(count, period, burst) > SECOND * 86_400 * 366 {
        return Err(fault(
            format!("a burst that takes more than 366 days to refill `{text}`"),
            "lower the burst, or raise the rate",
        ));
    }
    Ok(Rule::Rate { count, period, burst })
}

/// A number from 1 to a thousand million.
fn number(what: &str, text: &str) -> Result<NonZeroU32, (String, String)> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault(format!("not a {what} `{text}`"), SHAPE));
    }
    match text.parse::<u32>().ok().filter(|number| *number <= MAX_NUMBER) {
        None => Err(fault(format!("too large a {what} `{text}`"), "at most 1000000000")),
        Some(number) => NonZeroU32::new(number).ok_or_else(|| {
            fault(
                format!("a {what} of zero `{text}`"),
                "at least 1; to shut a path, leave it out or ask for a role",
            )
        }),
    }
}

/// A unit of time with an optional number before it.
fn span(word: &str, text: &str) -> Result<Duration, (String, String)> {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (multiple, unit) = word.split_at_checked(digits).unwrap_or(("", word));
    if unit.is_empty() {
        return Err(fault(format!("a limit without a unit of time `{text}`"), SHAPE));
    }
    let Some((_, seconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(fault(format!("unknown unit of time `{unit}`"), &suggestion(unit)));
    };
    let multiple = if multiple.is_empty() { 1 } else { number("number of units", multiple)?.get() };
    let window = seconds.saturating_mul(u64::from(multiple));
    if window > MAX_WINDOW {
        return Err(fault(format!("a window of more than 31 days `{word}`"), "at most `31d`"));
    }
    Ok(Duration::from_secs(window))
}

fn suggestion(unit: &str) -> String {
    let lower = unit.to_lowercase();
    let near = UNITS.iter().map(|(name, _)| (strsim::osa_distance(&lower, name), name)).min();
    match near {
        Some((distance, name)) if distance * 2 < name.len().max(2) => format!("did you mean `{name}`"),
        Some(_) | None => "one of `s`, `min`, `h`, `d`, `second`, `minute`, `hour`, `day`".to_owned(),
    }
}

fn fault(message: String, hint: &str) -> (String, String) {
    (message, hint.to_owned())
}

const SHAPE: &str = "write a quota as `100000/hour`, or a rate as `200/s burst 2000`";

const SECOND: u128 = 1_000_000_000;

const HOUR: Duration = Duration::from_secs(3600);

const MAX_NUMBER: u32 = 1_000_000_000;

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
const MOST: NonZeroU32 = NonZeroU32::MIN.saturating_add(MAX_NUMBER - 1);

const MAX_WINDOW: u64 = 31 * 86_400;

/// Names and seconds.
const UNITS: [(&str, u64); 14] = [
    ("s", 1),
    ("sec", 1),
    ("second", 1),
    ("seconds", 1),
    ("m", 60),
    ("min", 60),
    ("minute", 60),
    ("minutes", 60),
    ("h", 3600),
    ("hour", 3600),
    ("hours", 3600),
    ("d", 86_400),
    ("day", 86_400),
    ("days", 86_400),
];

#[cfg(test)]
mod tests;
