//! Reads the configuration files: the main file and those that it includes.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stagedoor_config::{GivenUp, Problem, SourceFile, includes};
use toml::de::DeTable;

use crate::folders::folder_of;
use crate::reachable;

/// Reads `main` and the files that its `include` patterns match: patterns in the order of the file, matches in the order of
/// their names, no file twice. A pattern may match nothing.
///
/// # Errors
/// One problem for each file that cannot be read and for each entry that is not a pattern. The compiler reports a main file
/// that is not TOML.
pub fn load(main: &Path) -> Result<Vec<SourceFile>, Vec<Problem>> {
    let name: Arc<str> = main.display().to_string().into();
    let text = read(main).map_err(|fault| vec![unreadable_main(&name, &fault)])?;
    let base = main.parent().unwrap_or(Path::new(""));
    let mut included = IncludedFiles { seen: HashSet::from([identity(main)]), ..IncludedFiles::default() };
    let main_source = SourceFile { name: Arc::clone(&name), text };
    for entry in includes(&main_source) {
        let place = IncludeEntry { file: &name, line: entry.line, entry: &entry.pattern };
        included.add(base, &place);
    }
    if !included.problems.is_empty() {
        return Err(included.problems);
    }
    let mut sources = vec![main_source];
    sources.append(&mut included.sources);
    Ok(sources)
}

/// The `include` patterns of `main` that match no file, as notes.
#[must_use]
pub(crate) fn unmatched(main: &Path) -> Vec<Problem> {
    let name: Arc<str> = main.display().to_string().into();
    let source = SourceFile { name: Arc::clone(&name), text: read(main).unwrap_or_default() };
    let base = main.parent().unwrap_or(Path::new(""));
    let mut notes = IncludedFiles::default();
    for entry in includes(&source) {
        let place = IncludeEntry { file: &name, line: entry.line, entry: &entry.pattern };
        let mut alone = IncludedFiles::default();
        alone.add(base, &place);
        if alone.seen.is_empty() && alone.problems.is_empty() {
            let message = format!("an include matches no file: `{}`", place.entry);
            notes.problem(
                &place,
                message,
                "paths are relative to the folder of this file; keep the entry if files will be added",
            );
        }
    }
    notes.problems
}

/// The folders to watch: that of the main file, and those in which its `include` patterns look. Folders that do not exist
/// are left out.
#[must_use]
pub fn folders(main: &Path) -> Vec<PathBuf> {
    let own = folder_of(main);
    let text = read(main).unwrap_or_default();
    let source = SourceFile { name: main.display().to_string().into(), text };
    let included = includes(&source).into_iter().filter_map(|entry| {
        let pattern = own.join(entry.pattern);
        // The part before the first wildcard. New folders below it are not watched.
        let fixed: PathBuf = pattern
            .components()
            .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
            .collect();
        if fixed == pattern { fixed.parent().map(Path::to_owned) } else { Some(fixed) }
    });
    let mut folders: Vec<PathBuf> = included.filter(|folder| folder.is_dir()).collect();
    folders.push(own);
    folders.sort();
    folders.dedup();
    folders
}

/// The text of the main file alone; `None` where it cannot be read.
pub(crate) fn main_text(main: &Path) -> Option<String> {
    read(main).ok()
}

/// The place of a key in the main file, as `FILE:LINE (TABLE.KEY)`; without the line where it is a default. The path
/// names the tables, and the key at its end.
#[must_use]
pub fn place_of(sources: &[SourceFile], path: &[&str]) -> String {
    let key = path.join(".");
    let (Some(main), Some((last, tables))) = (sources.first(), path.split_last()) else { return key };
    let (root, _) = DeTable::parse_recoverable(&main.text);
    let table = tables.iter().try_fold(root.get_ref(), |table, name| {
        table.get(*name).and_then(|value| value.get_ref().as_table())
    });
    match table.and_then(|table| table.get(*last)).map(toml::Spanned::span) {
        Some(span) => format!("{}:{} ({key})", main.name, line_of(&main.text, span.start)),
        None => format!("{} ({key}, a default)", main.name),
    }
}

#[derive(Default)]
struct IncludedFiles {
    sources: Vec<SourceFile>,
    problems: Vec<Problem>,
    seen: HashSet<PathBuf>,
}

/// An entry of `include` and its place, for messages.
struct IncludeEntry<'a> {
    file: &'a Arc<str>,
    line: usize,
    entry: &'a str,
}

/// Why a file cannot be read, and a hint.
struct ReadError {
    message: String,
    hint: &'static str,
}

impl IncludedFiles {
    fn add(&mut self, base: &Path, place: &IncludeEntry<'_>) {
        // Only the entry is a pattern: the folder may have brackets in its name.
        let mut pattern = PathBuf::from(glob::Pattern::escape(&base.to_string_lossy()));
        pattern.push(place.entry);
        let options =
            glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
        let matches = match glob::glob_with(&pattern.to_string_lossy(), options) {
            Ok(matches) => matches,
            Err(error) => {
                let hint = "`*` and `?` match within a name, `**` any folders, `[ab]` one of these letters";
                return self.problem(
                    place,
                    format!("not a pattern of files: {}: `{}`", error.msg, place.entry),
                    hint,
                );
            }
        };
        let mut found = false;
        for path in matches {
            match path {
                Ok(path) if path.is_dir() => {}
                Ok(path) => {
                    found = true;
                    self.read(&path, place);
                }
                Err(error) => {
                    let shown = error.path().display();
                    if let Some(folder) = reachable::gave_up(error.path()) {
                        let message = format!("cannot be read ({}): `{shown}`", GivenUp::WHY);
                        self.problem(place, message, folder.hint());
                        continue;
                    }
                    let message = format!("cannot be looked into ({}): `{shown}`", error.error());
                    self.problem(place, message, "give the gateway's user the right to read it");
                }
            }
        }
        if !found && !place.entry.contains(['*', '?', '[']) {
            let message = format!("no such file: `{}`", place.entry);
            self.problem(
                place,
                message,
                "paths are relative to the folder of this file; a pattern may match nothing",
            );
        }
    }

    fn read(&mut self, path: &Path, place: &IncludeEntry<'_>) {
        if !self.seen.insert(identity(path)) {
            return;
        }
        match read(path) {
            Ok(text) => self.sources.push(SourceFile { name: path.display().to_string().into(), text }),
            Err(fault) => self.problem(place, fault.message, fault.hint),
        }
    }

    fn problem(&mut self, place: &IncludeEntry<'_>, message: String, hint: &str) {
        self.problems.push(Problem {
            file: Arc::clone(place.file),
            line: place.line,
            path: "include".into(),
            message,
            hint: hint.into(),
        });
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

fn read(path: &Path) -> Result<String, ReadError> {
    let shown = path.display();
    let unreadable = |error: io::Error| {
        if error.kind() == io::ErrorKind::PermissionDenied
            && let Some(folder) = reachable::gave_up(path)
        {
            let message = format!("cannot be read ({}): `{shown}`", GivenUp::WHY);
            return ReadError { message, hint: folder.hint() };
        }
        if error.kind() == io::ErrorKind::NotFound {
            return ReadError {
                message: format!("no such file: `{shown}`"),
                hint: "name another file, or see whether the volume it is on was mounted",
            };
        }
        ReadError {
            message: format!("cannot be read ({error}): `{shown}`"),
            hint: "give the gateway's user the right to read it",
        }
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        // Reading a pipe or a device could block the start, or a reload, for ever.
        return Err(ReadError { message: format!("not a regular file: `{shown}`"), hint: "name a file" });
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(ReadError {
            message: format!("larger than 4 MiB: `{shown}`"),
            hint: "see whether it is a configuration at all, or divide it with `include`",
        });
    }
    let text = String::from_utf8(bytes).map_err(|error| ReadError {
        message: format!("not UTF-8 from byte {} on: `{shown}`", error.utf8_error().valid_up_to()),
        hint: "save it as UTF-8",
    })?;
    Ok(match text.strip_prefix('\u{FEFF}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn unreadable_main(name: &Arc<str>, fault: &ReadError) -> Problem {
    Problem {
        file: Arc::clone(name),
        line: 0,
        path: String::new(),
        message: fault.message.clone(),
        hint: fault.hint.into(),
    }
}

/// The real path of a file, by which two names of it are recognised as the same file.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The most bytes of one file.
const FILE_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests;
