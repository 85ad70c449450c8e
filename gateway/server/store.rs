//! The store: what has to survive the process, in one SQLite file of the state folder.
//!
//! * A write is acknowledged once it is on the disk: `synchronous = EXTRA` waits for the file, its journal and the folder. Until
//!   then the journal beside the file undoes it, whoever opens the file next.
//! * Several processes may have it open: a gateway, the one that takes over from it, and a command. Each write reads what the others
//!   have written, in the same transaction.
//! * What is read is checked: the structure of the file by SQLite, each row by [`record`], and all rows together by their seal, a
//!   digest. A store that fails a check is never read in part: a lost revocation would open a door.
//! * A missing file is an empty store. It is made with the first write, whole or not at all, with mode 0600.
//!
//! Bounds: those of [`RevocationList`]; a lock of another process is waited for at most [`BUSY`].

pub(crate) mod document;
mod fault;
mod record;
mod schema;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use stagedoor_core::guard::revocation::{Revocation, RevocationList};

use self::record::{Record, signed};
use crate::folders::create_private;
use crate::materials::random;

pub(crate) use self::fault::StoreFault;
pub(crate) use self::schema::VERSION;

/// The name of the file in the state folder.
const FILE: &str = "state.db";
/// The bytes of the smallest page that SQLite knows.
const PAGE: u64 = 512;
/// How long a lock of another process is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// An open store.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
    /// Which file was opened: another one may lie at the path by now.
    file: FileId,
    /// The number by which SQLite tells that another process has written.
    seen: i64,
}

/// Device and inode of a file.
type FileId = (u64, u64);

/// The rows of the table, by their primary key and in its order.
type Rows = BTreeMap<(&'static str, String, String), Record>;

impl Store {
    /// The path of the store in a state folder.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Opens the store of a state folder; `None` if there is none, because nothing was ever stored.
    ///
    /// # Errors
    /// It cannot be opened, or fails a check.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>, StoreFault> {
        let path = Self::path(folder);
        match fs::symlink_metadata(&path) {
            Ok(_) => Self::open_file(path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreFault::Unusable(error.to_string())),
        }
    }

    /// Opens the store of a state folder, or makes it.
    ///
    /// # Errors
    /// It cannot be made or opened, or fails a check.
    pub(crate) fn create(folder: &Path) -> Result<Self, StoreFault> {
        let path = Self::path(folder);
        let unusable = |error: std::io::Error| StoreFault::Unusable(error.to_string());
        create_private(folder).map_err(unusable)?;
        if path.symlink_metadata().is_err() {
            make(folder, &path)?;
        }
        Self::open_file(path)
    }

    fn open_file(path: PathBuf) -> Result<Self, StoreFault> {
        let there = fs::metadata(&path).map_err(|error| StoreFault::Unusable(error.to_string()))?;
        // Opening a pipe would block until its other end is open.
        if !there.is_file() {
            return Err(StoreFault::Unusable("not a regular file".to_owned()));
        }
        // To SQLite a file without a whole page is an empty database; here none is ever left.
        if there.len() < PAGE {
            return Err(StoreFault::Damaged("it is cut off".to_owned()));
        }
        let mut connection = connect(&path)?;
        schema::check(&connection)?;
        if schema::migrate(&mut connection, schema::STEPS, seal)? {
            tracing::info!(path = %path.display(), version = VERSION, "the store was brought to this version");
        }
        let seen = data_version(&connection)?;
        let store = Self { connection, path, file: (there.dev(), there.ino()), seen };
        store.rows()?;
        Ok(store)
    }

    /// What is revoked.
    ///
    /// # Errors
    /// The file cannot be read, or fails a check.
    pub(crate) fn revocations(&self) -> Result<Vec<Revocation>, StoreFault> {
        Ok(self.rows()?.into_values().map(|record| record.revocation).collect())
    }

    /// Stores these revocations: all of them, or none. What is stored already is only ever extended. What has ended at `now`, in
    /// seconds since the epoch, is removed. When it returns, they are on the disk.
    ///
    /// # Errors
    /// The file cannot be written or fails a check, or there is no room for all of them.
    pub(crate) fn add(&mut self, revocations: &[Revocation], now: u64) -> Result<(), StoreFault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        checked(&transaction)?;
        transaction.execute("DELETE FROM revocation WHERE until < ?1", [signed(now)])?;
        {
            let mut add = transaction.prepare(ADD)?;
            for revocation in revocations {
                let Record { kind, name, provider, revocation } = Record::of(revocation);
                let until = revocation.until.map(signed);
                add.execute(params![kind, name, provider, signed(revocation.made), until])?;
            }
        }
        seal(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// What is revoked, if another process has written since the last call, or since the store was opened; else nothing.
    ///
    /// # Errors
    /// The file cannot be read, or fails a check.
    pub(crate) fn news(&mut self) -> Result<Vec<Revocation>, StoreFault> {
        let version = data_version(&self.connection)?;
        if version == self.seen {
            return Ok(Vec::new());
        }
        let all = self.revocations()?;
        self.seen = version;
        Ok(all)
    }

    /// Whether the file at the path is still the one that was opened. One that was removed or replaced keeps nothing that is written.
    pub(crate) fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == self.file)
    }

    /// In one transaction, so that another process writes before or after it.
    fn rows(&self) -> Result<Rows, StoreFault> {
        checked(&*self.connection.unchecked_transaction()?)
    }
}

/// Makes an empty store, whole or not at all. One that another process has made meanwhile stays.
fn make(folder: &Path, path: &Path) -> Result<(), StoreFault> {
    let unusable = |error: std::io::Error| StoreFault::Unusable(error.to_string());
    let temporary = folder.join(format!(".{FILE}-{}", uuid::Uuid::from_bytes(random())));
    let made = write_empty(folder, &temporary).and_then(|()| {
        // Unlike `rename`, a hard link never replaces a file that is there.
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            // A file system without hard links.
            Err(_) if path.symlink_metadata().is_err() => fs::rename(&temporary, path).map_err(unusable),
            linked => linked.map_err(unusable),
        }
    });
    let _ = fs::remove_file(&temporary);
    made?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)
}

fn write_empty(folder: &Path, file: &Path) -> Result<(), StoreFault> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let owned = made.and_then(|_| give_to_owner_of(folder, file));
    owned.map_err(|error| StoreFault::Unusable(error.to_string()))?;
    let mut connection = connect(file)?;
    schema::migrate(&mut connection, schema::STEPS, seal)?;
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(
        "PRAGMA synchronous = EXTRA; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )?;
    Ok(connection)
}

/// The rows, if they are those that were sealed.
fn checked(connection: &Connection) -> Result<Rows, StoreFault> {
    let rows = rows(connection)?;
    let (count, digest): (i64, Vec<u8>) =
        connection.query_row("SELECT count, digest FROM seal WHERE id = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if usize::try_from(count) != Ok(rows.len()) || digest != digest_of(&rows) {
        return Err(StoreFault::Damaged("its rows are not those that were written".to_owned()));
    }
    Ok(rows)
}

/// Every row, each judged.
fn rows(connection: &Connection) -> Result<Rows, StoreFault> {
    let mut rows = Rows::new();
    let (mut named, mut unnamed) = (0, 0);
    let mut select = connection.prepare("SELECT kind, name, provider, made, until FROM revocation")?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        let (kind, name, provider): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (made, until): (i64, Option<i64>) = (row.get(3)?, row.get(4)?);
        let record = Record::read(&kind, &name, &provider, made, until)
            .ok_or_else(|| StoreFault::Damaged("a row is no revocation".to_owned()))?;
        *(if record.is_named() { &mut named } else { &mut unnamed }) += 1;
        if named > RevocationList::MOST || unnamed > RevocationList::MOST_PROVIDERS {
            return Err(StoreFault::Full);
        }
        rows.insert((record.kind, name, provider), record);
    }
    Ok(rows)
}

/// Notes which rows there are, as the last step of a transaction.
fn seal(connection: &Connection) -> Result<(), StoreFault> {
    let rows = rows(connection)?;
    let count = i64::try_from(rows.len()).map_err(|_| StoreFault::Full)?;
    connection.execute("INSERT OR REPLACE INTO seal VALUES (1, ?1, ?2)", params![count, digest_of(&rows)])?;
    Ok(())
}

fn digest_of(rows: &Rows) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for Record { kind, name, provider, revocation } in rows.values() {
        for text in [kind, name.as_str(), provider.as_str()] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        context.update(&revocation.made.to_be_bytes());
        context.update(&revocation.until.map_or([0xff; 8], u64::to_be_bytes));
    }
    context.finish().as_ref().to_vec()
}

fn data_version(connection: &Connection) -> Result<i64, StoreFault> {
    Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

/// What a command of root makes in the folder of another user belongs to that user, whose gateway has to open it.
fn give_to_owner_of(folder: &Path, file: &Path) -> std::io::Result<()> {
    let owner = fs::metadata(folder)?;
    if rustix::process::geteuid().is_root() && owner.uid() != 0 {
        chown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

const ADD: &str = "\
INSERT INTO revocation (kind, name, provider, made, until) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (kind, name, provider) DO UPDATE SET
    made = max(made, excluded.made),
    until = CASE WHEN until IS NULL OR excluded.until IS NULL THEN NULL ELSE max(until, excluded.until) END";

#[cfg(test)]
mod tests;
