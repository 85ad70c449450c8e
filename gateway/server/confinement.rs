//! What the process gives up once it listens and before it serves anybody.
//!
//! Whoever takes over the process shall find little: no core dump to read secrets from, no privilege to gain by
//! executing something (`no_new_privs`), and, where the kernel has landlock, no folder but those of the configuration,
//! its secrets, its state and its access log, no program to execute, no port to listen on. It is the whole process that
//! is confined, for good: this runs on the first thread before there is another, and threads inherit.
//!
//! A folder is kept rather than a file, since files are replaced by renaming. Folders that belong to the whole system, to
//! a person or to everybody are not kept: of those, single files. Where everybody writes, and nothing else makes it a
//! folder of others, it is kept to be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stagedoor_config::Source;
use stagedoor_core::policy::{AccessLog, ConfinePolicy, Policy};

use crate::folders::{COMMON, create_private, folder_of, is_of_others, is_one_of, is_open_to_all, is_shared};
use crate::loader;
use crate::reachable;
use crate::source::ConfigSource;
use misplaced::Misplaced;

mod misplaced;

/// Where the process may still go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// To look for names in, not to read.
    pub(crate) list: BTreeSet<PathBuf>,
    /// To read.
    pub(crate) read: BTreeSet<PathBuf>,
    /// To read, write, make and remove.
    pub(crate) write: BTreeSet<PathBuf>,
    /// To remove empty folders from, and nothing else.
    pub(crate) tidy: BTreeSet<PathBuf>,
    /// Folders of others with files that the configuration names, or is made of.
    pub(crate) files_of: BTreeSet<PathBuf>,
}

/// How far it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// `confine = "off"`.
    Off,
    /// Landlock is in force; with what this version of it cannot do, only partly.
    Confined {
        /// The version of landlock that is used.
        abi: i32,
        /// All that was asked for is enforced.
        fully: bool,
    },
    /// Core dumps and privileges are gone, folders are not: the kernel has no landlock.
    NoLandlock,
}

/// Gives everything up but what `kept` says, on this thread and on all that it will start.
///
/// # Errors
/// Core dumps could not be turned off, or the kernel has landlock and refused the rules.
pub(crate) fn enter(policy: ConfinePolicy, kept: &Kept) -> anyhow::Result<Outcome> {
    match policy {
        ConfinePolicy::Off => return Ok(Outcome::Off),
        ConfinePolicy::Auto => {}
    }
    system::forbid_dumps()?;
    let outcome = system::restrict(kept)?;
    if let Outcome::Confined { .. } = outcome {
        let real = |path: &PathBuf| path.canonicalize().ok().filter(|path| path.is_dir());
        let write: Vec<PathBuf> = kept.write.iter().filter_map(real).collect();
        let read = kept.read.iter().filter_map(real).chain(write.iter().cloned()).collect();
        reachable::note_kept(read, write);
    }
    Ok(outcome)
}

impl Outcome {
    /// One line for the operator, and one for each folder where that is in the way of a reload.
    pub(crate) fn tell(&self, kept: &Kept) {
        match self {
            // The compiler has warned of it.
            Self::Off => {}
            Self::Confined { abi, fully } => {
                let enforced = if *fully { "fully" } else { "partly" };
                tracing::info!(landlock_abi = abi, enforced, "confined to its own folders");
                for folder in kept.files_of.iter().filter(|folder| reachable::gave_up(folder).is_some()) {
                    tracing::warn!(
                        folder = %folder.display(),
                        "only single files of this folder are kept, for it is a home folder, one of the system or one of \
                         everybody: a file of the configuration that is replaced there, as editors do when they save, \
                         cannot be loaded again without a restart; hint: move it into a folder of its own, or set \
                         `server.confine = \"off\"`"
                    );
                }
            }
            Self::NoLandlock => {
                tracing::info!(
                    "not confined to its own folders: this kernel has no landlock, or it is turned off"
                );
            }
        }
    }
}

impl Kept {
    /// What a gateway with this configuration needs while it runs. The folders of its state and its access log are
    /// made if they are missing: they can only be kept when they are there.
    ///
    /// # Errors
    /// The folder of the state or of the access log is no place for it.
    pub(crate) fn prepare(
        config: &ConfigSource,
        policy: &Policy,
        source: &Source,
    ) -> Result<Self, Misplaced> {
        let mut kept = Self::default();
        for path in SYSTEM {
            kept.read(Path::new(path));
        }
        // The list of name servers is often a link into the folder of the program that writes it.
        kept.read_with_its_folder(Path::new(RESOLV_CONF));
        if let ConfigSource::File(main) = config {
            kept.configuration(main, source.files.iter().map(|file| Path::new(&*file.name)));
        }
        let base = config.base();
        for file in &source.named_files {
            let path = base.join(&file.path);
            kept.named(&path);
            if file.made {
                kept.write_with_its_folder(&path);
            }
        }
        kept.own_folder(&policy.server.state_dir, "state").map_err(Misplaced::State)?;
        match &policy.log.access {
            AccessLog::Stdout => {}
            AccessLog::File { path, .. } => kept.access_log(path)?,
        }
        Ok(kept)
    }

    /// It is rotated, which takes the right to make and remove files beside it.
    fn access_log(&mut self, file: &Path) -> Result<(), Misplaced> {
        if file.is_dir() {
            return Err(Misplaced::Folder(file.to_owned()));
        }
        if !is_never_moved(file) {
            self.own_folder(&folder_of(file), "access log").map_err(Misplaced::AccessLog)?;
        }
        self.write_with_its_folder(file);
        Ok(())
    }

    /// All of it stays writable, for the sake of `what`: a folder of its own; with a warning one where programs have theirs, or
    /// one that everybody writes to, as the volumes of containers may be.
    fn own_folder(&mut self, folder: &Path, what: &str) -> Result<(), PathBuf> {
        // One that cannot be made now is told of by whoever needs it.
        let _ = create_private(folder);
        if is_shared(folder) {
            let is_common = |real: PathBuf| is_open_to_all(&real) == Some(false) && is_one_of(&real, COMMON);
            if is_of_others(folder) && !folder.canonicalize().is_ok_and(is_common) {
                return Err(folder.to_owned());
            }
            tracing::warn!(
                folder = %folder.display(),
                "all of this folder stays writable for the sake of the {what}; hint: give that a folder of its own"
            );
        }
        self.write(folder);
        Ok(())
    }

    /// The main file, what it includes, behind links too, and where further ones would be looked for.
    fn configuration<'p>(&mut self, main: &Path, texts: impl Iterator<Item = &'p Path>) {
        self.named(main);
        for text in texts {
            self.named(text);
        }
        for folder in loader::folders(main) {
            let kept = if is_of_others(&folder) { &mut self.list } else { &mut self.read };
            kept.insert(folder);
        }
    }

    /// A file that is read again at a reload, and may be another one by then.
    fn named(&mut self, file: &Path) {
        self.read_with_its_folder(file);
        let folder = file.canonicalize().map(|real| folder_of(&real)).ok();
        if !is_never_moved(file) {
            self.files_of.extend(folder.filter(|folder| is_of_others(folder)));
        }
    }

    fn read(&mut self, path: &Path) {
        self.read.insert(path.to_owned());
    }

    fn write(&mut self, path: &Path) {
        self.write.insert(path.to_owned());
    }

    fn read_with_its_folder(&mut self, file: &Path) {
        self.read.extend(places_of(file, is_of_others));
    }

    fn write_with_its_folder(&mut self, file: &Path) {
        self.write.extend(places_of(file, is_shared));
    }
}

/// The file itself, the folder that it is in, and the one that it is in behind its links.
fn places_of(file: &Path, is_given_up: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut places = vec![file.to_owned()];
    if is_never_moved(file) {
        return places;
    }
    let real = file.canonicalize().ok();
    for folder in [Some(folder_of(file)), real.as_deref().map(folder_of)].into_iter().flatten() {
        if folder.exists() && !is_given_up(&folder) {
            places.push(folder);
        }
    }
    places
}

/// A device, a pipe or a socket is never replaced, and has neighbours that are none of ours. `/dev/stdout` leads to one
/// that may have no path.
fn is_never_moved(file: &Path) -> bool {
    file.metadata().is_ok_and(|there| !there.is_file())
}

#[cfg(target_os = "linux")]
mod system {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
        RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope, make_bitflags,
    };
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    use super::{Kept, Outcome, Path};

    /// What is given up, as far as the kernel knows it. A later one has to be tried before it is named here.
    const KNOWN: ABI = ABI::V7;

    pub(super) fn forbid_dumps() -> anyhow::Result<()> {
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
        // The limit alone does not hold for a handler that the kernel pipes dumps to.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        Ok(())
    }

    pub(super) fn restrict(kept: &Kept) -> anyhow::Result<Outcome> {
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::BindTcp)?
            .scope(Scope::from_all(KNOWN))?
            .create()?;
        let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
        let write = read
            | make_bitflags!(AccessFs::{
                WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer
            });
        let all = [
            (&kept.list, AccessFs::ReadDir.into()),
            (&kept.read, read),
            (&kept.write, write),
            (&kept.tidy, AccessFs::RemoveDir.into()),
        ];
        for (path, access) in
            all.into_iter().flat_map(|(paths, access)| paths.iter().map(move |path| (path, access)))
        {
            let Some(rule) = rule(path, access) else { continue };
            if let Err(error) = (&mut rules).add_rule(rule) {
                // Pipes and sockets lie in no folder: they stay open to all.
                tracing::debug!(path = %path.display(), %error, "not a place that can be kept");
            }
        }
        let status = rules.restrict_self()?;
        let abi = match status.landlock {
            LandlockStatus::Available { effective_abi, kernel_abi: _ } => effective_abi as i32,
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => return Ok(Outcome::NoLandlock),
        };
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Outcome::Confined { abi, fully: true },
            RulesetStatus::PartiallyEnforced => Outcome::Confined { abi, fully: false },
            RulesetStatus::NotEnforced => Outcome::NoLandlock,
        })
    }

    /// `None` for what is not there.
    fn rule(path: &Path, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
        let of_files = AccessFs::from_file(KNOWN);
        let access = if path.is_dir() { access } else { access & of_files };
        Some(PathBeneath::new(PathFd::new(path).ok()?, access))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Kept, Outcome, Path};

    pub(super) fn forbid_dumps() -> anyhow::Result<()> {
        Ok(())
    }

    pub(super) fn restrict(_: &Kept) -> anyhow::Result<Outcome> {
        Ok(Outcome::NoLandlock)
    }
}

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What name resolution, random numbers and `/dev/null` need, none of it a secret. The resolver of the system loads
/// its modules when the first name is asked for. One of these files that is replaced, not rewritten, is out of reach
/// until the next start.
const SYSTEM: &[&str] = &[
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/usr/lib",
    "/usr/lib64",
];

#[cfg(test)]
mod tests;
