//! The tables of the store, and how a file of an older version gets them.
//!
//! A file says of itself that it is a store (`application_id`) and of which version (`user_version`). One without tables has version 0,
//! and is never left in the place of the store.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::StoreFault;

/// What brings a file from one version to the next: the first step makes version 1. A step that was released never changes.
pub(super) const STEPS: &[&str] = &[REVOCATIONS];

/// The version of the store that this program writes.
pub(crate) const VERSION: usize = STEPS.len();

/// `SDST`, as the bytes of a number.
const APPLICATION: i32 = i32::from_be_bytes(*b"SDST");

const REVOCATIONS: &str = "\
CREATE TABLE revocation (
    kind TEXT NOT NULL,      -- all, user, jti or token
    name TEXT NOT NULL,      -- of the user, the jti, the id of the token; empty for all
    provider TEXT NOT NULL,  -- empty for every provider
    made INTEGER NOT NULL,   -- seconds since 1970
    until INTEGER,           -- seconds since 1970; NULL for ever
    PRIMARY KEY (kind, name, provider)
) STRICT, WITHOUT ROWID;
CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;";

/// Checks that the file is a store, and sound.
pub(super) fn check(connection: &Connection) -> Result<(), StoreFault> {
    // In one transaction: another process may be bringing it to another version.
    let connection = connection.unchecked_transaction()?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION {
        return Err(StoreFault::Foreign);
    }
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreFault::Damaged(found));
    }
    Ok(())
}

/// Brings the file to the version that `steps` lead to, whole or not at all; whether it was of an older one. `finish` runs last.
pub(super) fn migrate(
    connection: &mut Connection,
    steps: &[&str],
    finish: impl FnOnce(&Connection) -> Result<(), StoreFault>,
) -> Result<bool, StoreFault> {
    if version(connection)? == steps.len() {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it meanwhile.
    let found = version(&transaction)?;
    let missing = steps.get(found..).ok_or(StoreFault::Newer { found, known: steps.len() })?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", i64::try_from(steps.len()).unwrap_or(i64::MAX))?;
    finish(&transaction)?;
    transaction.commit()?;
    Ok(!missing.is_empty())
}

fn version(connection: &Connection) -> Result<usize, StoreFault> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version).map_err(|_| StoreFault::Foreign)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_store_of_an_older_version_keeps_its_rows() {
        let next = "ALTER TABLE revocation ADD COLUMN note TEXT NOT NULL DEFAULT 'none'; CREATE TABLE more (x) STRICT;";
        let sound = "ALTER TABLE revocation ADD COLUMN note TEXT NOT NULL DEFAULT 'none';";
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(migrate(&mut connection, STEPS, |_| Ok(())).unwrap());
        assert!(!migrate(&mut connection, STEPS, |_| Ok(())).unwrap(), "once");
        connection.execute_batch("INSERT INTO revocation VALUES ('user', 'bob', '', 1, NULL)").unwrap();
        // The second table has no type: nothing of the step is done.
        assert!(migrate(&mut connection, &[REVOCATIONS, next], |_| Ok(())).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(migrate(&mut connection, &[REVOCATIONS, sound], |_| Ok(())).unwrap());
        let row: (String, String) = connection
            .query_row("SELECT name, note FROM revocation", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((version(&connection).unwrap(), row), (2, ("bob".to_owned(), "none".to_owned())));
        let newer = migrate(&mut connection, STEPS, |_| Ok(()));
        assert!(matches!(newer, Err(StoreFault::Newer { found: 2, known: 1 })), "{newer:?}");
        check(&connection).unwrap();
    }
}
