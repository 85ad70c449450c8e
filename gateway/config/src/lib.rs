//! The configuration language: text → [`raw`] → [`Policy`](stagedoor_core::policy::Policy).
//!
//! [`raw`] mirrors the TOML, table by table, and knows no unknown key; [`compile`](self::compile())
//! gives it meaning. All mistakes are reported at once, each with its file, line, TOML path and a hint, and
//! a configuration that has one yields no policy at all. No message shows the value of a secret.
//!
//! Files and the environment are reached through [`Materials`] alone.

mod built_in;
pub mod certificate;
mod changes;
mod compile;
mod edit;
mod expect;
pub mod keys;
mod load;
mod location;
mod materials;
mod parsed_file;
mod problem;
mod profile;
mod raw;
pub mod reference;
mod remedy;
mod schema;
mod source;
mod strict;

pub use changes::{PolicyChange, changes};
pub use edit::Change;
pub use expect::{check_expects, decided_by, dry_run};
pub use load::{Compiled, Include, compile, includes, variable_for, variable_over};
pub use materials::{FileFault, GivenUp, Material, Materials};
pub use problem::Problem;
pub use profile::{Profile, profiles, profiles_json, profiles_markdown};
pub use remedy::{Refused, Remedy, decided, remedy, shell_word};
pub use schema::schema;
pub use source::{Expect, Expected, KeyLines, Line, NamedFile, Source, SourceFile, UNFILED};
pub use strict::closeable;

#[cfg(test)]
pub(crate) mod tests;
