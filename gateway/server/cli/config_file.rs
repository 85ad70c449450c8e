//! The configuration file of a command.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stagedoor_config::{self as config, Compiled, SourceFile};
use stagedoor_core::clock::Now;

use super::failure::Failure;
use crate::loader;
use crate::materials::DiskMaterials;
use crate::problems::Problems;

/// The file that is read without `--config`.
pub(super) const DEFAULT_FILE: &str = "config/stagedoor.toml";

/// The file to read: the named one, else the default.
pub(super) fn config_file(named: Option<&Path>) -> Result<PathBuf, Failure> {
    match named {
        Some(file) => Ok(file.to_owned()),
        None if Path::new(DEFAULT_FILE).is_file() => Ok(DEFAULT_FILE.into()),
        None => Err(Failure::usage(
            format!("no configuration: there is no `{DEFAULT_FILE}` here"),
            "name one with `--config FILE`",
        )),
    }
}

/// Reads and compiles a file.
pub(super) fn compile_file(main: &Path, materials: &DiskMaterials) -> Result<Compiled, Failure> {
    let sources = loader::load(main).map_err(|errors| Failure::Problems(Problems::new(errors)))?;
    compile(&sources, materials)
}

pub(super) fn compile(sources: &[SourceFile], materials: &DiskMaterials) -> Result<Compiled, Failure> {
    config::compile(sources, materials, None, now())
        .map_err(|errors| Failure::Problems(Problems::new(errors)))
}

/// The current time.
pub(super) fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Now::new(Duration::ZERO, unix)
}
