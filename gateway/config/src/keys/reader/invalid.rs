//! Values that their keys do not accept.

use toml::de::DeValue;

use crate::location::Location;
use crate::problem::{Report, shown};

/// What is wrong with a value: what it is not, and what is accepted.
pub(crate) struct InvalidValue {
    pub(crate) not: String,
    pub(crate) accepted: String,
}

impl InvalidValue {
    pub(crate) fn new(not: impl Into<String>, value: &DeValue<'_>, accepted: impl Into<String>) -> Self {
        Self { not: format!("{}: `{}`", not.into(), display(value)), accepted: accepted.into() }
    }

    /// A value of the wrong type. Only its type is named: the value may be a secret.
    pub(crate) fn shape(value: &DeValue<'_>, accepted: &str) -> Self {
        Self { not: format!("of the wrong type: `{}`", value.type_str()), accepted: accepted.to_owned() }
    }

    pub(crate) fn tell(self, at: &Location, report: &Report) {
        report.problem(at, self.not, format!("accepted: {}", self.accepted));
    }
}

fn display(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => shown(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => value.type_str().to_owned(),
    }
}
