//! Where the configuration comes from.

use std::path::PathBuf;

use stagedoor_config::{Problem, SourceFile};

use crate::folders::folder_of;
use crate::loader;
use crate::materials::DiskMaterials;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum ConfigSource {
    /// A file and its includes.
    File(PathBuf),
    /// A generated text: the demo, or `run --upstream`.
    Text {
        /// The text.
        source: SourceFile,
        /// The folder that its paths are relative to.
        base: PathBuf,
        /// Environment variables do not override it.
        no_environment: bool,
    },
}

impl ConfigSource {
    /// Reads the texts, the main one first.
    ///
    /// # Errors
    /// One problem for each file that cannot be read.
    pub fn read(&self) -> Result<Vec<SourceFile>, Vec<Problem>> {
        match self {
            Self::File(path) => loader::load(path),
            Self::Text { source, .. } => Ok(vec![source.clone()]),
        }
    }

    /// What the compiler may ask of this machine.
    #[must_use]
    pub fn materials(&self) -> DiskMaterials {
        let materials = DiskMaterials::within(&self.base());
        match self {
            Self::File(_) => materials,
            Self::Text { no_environment, .. } => {
                DiskMaterials { no_environment: *no_environment, ..materials }
            }
        }
    }

    /// The folder that paths are relative to.
    pub(crate) fn base(&self) -> PathBuf {
        match self {
            Self::File(path) => folder_of(path),
            Self::Text { base, .. } => base.clone(),
        }
    }
}
