//! Confinement: which rights the process gives up after it has bound its sockets and before it serves.
//!
//! It protects the machine from an attacker who has taken over the process. There is no core dump to read secrets from and
//! no privilege to gain by executing a program (`no_new_privs`). Where the kernel has landlock, the process can reach only
//! the folders of the configuration, its secrets, its state and its access log; it can execute no program and listen on no
//! further port. Threads inherit the confinement, so it is set up on the first thread, before there is another.
//!
//! A whole folder is kept rather than a single file, because editors and rotation replace a file by renaming another one.
//! Folders of the system, of a person or of all users are the exception: of those, only the named files are kept. A folder
//! that every user may write to, and that is nothing else of these, is kept for reading.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stagedoor_config::Source;
use stagedoor_core::policy::{AccessLog, ConfinePolicy, ListenAddress, Policy};

use crate::folders::{COMMON, create_private, folder_of, is_of_others, is_one_of, is_open_to_all, is_shared};
use crate::loader;
use crate::reachable;
use crate::source::ConfigSource;
use misplaced::Misplaced;

mod misplaced;

/// The paths that the process keeps, by what it may do there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptPaths {
    /// Folders whose names may be listed.
    pub(crate) list: BTreeSet<PathBuf>,
    /// Paths to read.
    pub(crate) read: BTreeSet<PathBuf>,
    /// Paths to read, write, create and remove.
    pub(crate) write: BTreeSet<PathBuf>,
    /// Folders from which empty folders may be removed.
    pub(crate) tidy: BTreeSet<PathBuf>,
    /// Folders from which files may be removed.
    pub(crate) unlink: BTreeSet<PathBuf>,
    /// Folders of the system or of other users that hold single files of the configuration.
    pub(crate) files_of: BTreeSet<PathBuf>,
}

/// How far the process is confined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// `confine = "off"`.
    Off,
    /// Landlock is in force.
    Confined {
        /// The version of landlock in use.
        abi: i32,
        /// All rules are enforced; `false` if this version of landlock cannot enforce some.
        fully: bool,
    },
    /// Core dumps and new privileges are off, but all folders can be reached: the kernel has no landlock.
    NoLandlock,
}

/// Confines this thread, and all threads that it starts, to `kept`.
///
/// # Errors
/// Core dumps could not be turned off, or the kernel has landlock and refused the rules.
pub(crate) fn enter(policy: ConfinePolicy, kept: &KeptPaths) -> anyhow::Result<Confinement> {
    match policy {
        ConfinePolicy::Off => return Ok(Confinement::Off),
        ConfinePolicy::Auto => {}
    }
    system::forbid_dumps()?;
    let outcome = system::restrict(kept)?;
    if let Confinement::Confined { .. } = outcome {
        let real = |path: &PathBuf| path.canonicalize().ok().filter(|path| path.is_dir());
        let write: Vec<PathBuf> = kept.write.iter().filter_map(real).collect();
        let read = kept.read.iter().filter_map(real).chain(write.iter().cloned()).collect();
        reachable::note_kept(read, write);
    }
    Ok(outcome)
}

impl Confinement {
    /// Logs how far the process is confined, and warns of each folder in which that hinders a reload.
    pub(crate) fn log(&self, kept: &KeptPaths) {
        match self {
            // The compiler of the configuration has warned already.
            Self::Off => {}
            Self::Confined { abi, fully } => {
                let enforced = if *fully { "fully" } else { "partly" };
                tracing::info!(landlock_abi = abi, enforced, "confined to its own folders");
                for folder in kept.files_of.iter().filter(|folder| reachable::gave_up(folder).is_some()) {
                    tracing::warn!(
                        folder = %folder.display(),
                        "only single files of this folder are kept, because it is a home folder, a folder of the system or \
                         one that all users share: a file of the configuration that an editor replaces when it saves \
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

impl KeptPaths {
    /// The paths that a gateway with this configuration needs while it runs. Missing folders of the state and of the access
    /// log are created here: only a folder that exists can be kept.
    ///
    /// # Errors
    /// The state or the access log lies in a folder that must not stay writable as a whole.
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
        let listeners = policy.server.listen.iter().chain(policy.tls.listen());
        for socket in listeners.filter_map(ListenAddress::unix) {
            kept.socket(socket);
        }
        kept.own_folder(&policy.server.state_dir, "state").map_err(Misplaced::State)?;
        match &policy.log.access {
            AccessLog::Stdout => {}
            AccessLog::File { path, .. } => kept.access_log(path)?,
        }
        Ok(kept)
    }

    /// Lets the file of a Unix socket be removed at the end, unless other programs keep theirs beside it: then the file
    /// is left behind, and the next gateway replaces it.
    fn socket(&mut self, file: &Path) {
        let folder = folder_of(file);
        if !is_shared(&folder) {
            self.unlink.insert(folder);
        }
    }

    /// Keeps the access log, with its folder: rotation creates and removes files beside it.
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

    /// Keeps a folder writable as a whole, for `what`. A folder in which other programs keep theirs, or that every user may
    /// write to, as volumes of containers are, brings a warning; a folder of the system or of a person is an error.
    fn own_folder(&mut self, folder: &Path, what: &str) -> Result<(), PathBuf> {
        // Where this fails, the code that uses the folder reports it.
        let _ = create_private(folder);
        if is_shared(folder) {
            let is_common = |real: PathBuf| is_open_to_all(&real) == Some(false) && is_one_of(&real, COMMON);
            if is_of_others(folder) && !folder.canonicalize().is_ok_and(is_common) {
                return Err(folder.to_owned());
            }
            tracing::warn!(
                folder = %folder.display(),
                "all of this folder stays writable, because the {what} is in it; hint: give the {what} a folder of its own"
            );
        }
        self.write(folder);
        Ok(())
    }

    /// Keeps the main file, the files that it includes, and the folders in which its patterns look for more.
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

    /// Keeps a file that a reload reads again; it may have been replaced by then.
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

/// The file, its folder, and the folder that it lies in when links are followed.
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

/// Whether the file is a device, a pipe or a socket: it is never replaced by renaming, so its folder is not needed.
/// `/dev/stdout` leads to one that may have no path.
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

    use super::{Confinement, KeptPaths, Path};

    /// The version of landlock whose rights are given up, as far as the kernel knows them. A later version has to be tried
    /// before it is named here.
    const KNOWN: ABI = ABI::V7;

    pub(super) fn forbid_dumps() -> anyhow::Result<()> {
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
        // The limit alone does not hold for a handler that the kernel pipes dumps to.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        Ok(())
    }

    pub(super) fn restrict(kept: &KeptPaths) -> anyhow::Result<Confinement> {
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
            (&kept.unlink, AccessFs::RemoveFile.into()),
        ];
        for (path, access) in
            all.into_iter().flat_map(|(paths, access)| paths.iter().map(move |path| (path, access)))
        {
            let Some(rule) = rule(path, access) else { continue };
            if let Err(error) = (&mut rules).add_rule(rule) {
                // Pipes and sockets lie in no folder, and landlock does not restrict them.
                tracing::debug!(path = %path.display(), %error, "landlock has no rule for this path");
            }
        }
        let status = rules.restrict_self()?;
        let abi = match status.landlock {
            LandlockStatus::Available { effective_abi, kernel_abi: _ } => effective_abi as i32,
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => {
                return Ok(Confinement::NoLandlock);
            }
        };
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Confinement::Confined { abi, fully: true },
            RulesetStatus::PartiallyEnforced => Confinement::Confined { abi, fully: false },
            RulesetStatus::NotEnforced => Confinement::NoLandlock,
        })
    }

    /// The rule for one path; `None` if it does not exist.
    fn rule(path: &Path, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
        let of_files = AccessFs::from_file(KNOWN);
        let access = if path.is_dir() { access } else { access & of_files };
        Some(PathBeneath::new(PathFd::new(path).ok()?, access))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Confinement, KeptPaths, Path};

    pub(super) fn forbid_dumps() -> anyhow::Result<()> {
        Ok(())
    }

    pub(super) fn restrict(_: &KeptPaths) -> anyhow::Result<Confinement> {
        Ok(Confinement::NoLandlock)
    }
}

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Files and folders that name resolution and random numbers need; none of them is secret. The resolver of the system
/// loads its modules with the first name that is resolved. A file of these that is replaced, not rewritten, is out of
/// reach until the next start.
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
