//! The program `pgbouncer`, and how it is found: one that knows prepared statements in transaction mode.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Error,
    account::Account,
    download,
    install::{self, Package},
};

/// The program: the first place to look.
const VARIABLE: &str = "ANNALS_TEST_PGBOUNCER";
/// The first version that keeps prepared statements for its clients.
const EARLIEST: (u32, u32) = (1, 21);
/// Where systems keep it when that is not on the path of every user.
const USUAL: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
/// Unpacks a newer one where `apt-get` has an older one.
const UNPACK: &str = include_str!("unpack-pgbouncer.sh");

/// The one that is named, or else one of this machine, or else a new one: unpacked into cargo's target folder where there is
/// `apt-get`, else from the system's package manager.
pub(crate) fn find() -> Result<PathBuf, Error> {
    let no_pooler = |attempts| Error::NoPooler { attempts };
    if let Some(program) = env::var_os(VARIABLE) {
        let program = PathBuf::from(program);
        return fit(&program).map(|()| program).map_err(|reason| no_pooler(vec![reason]));
    }
    let mut attempts = Vec::new();
    let here = |attempts: &mut Vec<String>| {
        let mut fits = |program: &PathBuf| fit(program).map_err(|reason| attempts.push(reason));
        on_this_machine().into_iter().find(|program| fits(program).is_ok())
    };
    if let Some(program) = here(&mut attempts) {
        return Ok(program);
    }
    match unpacked().map_err(|error| error.report()) {
        Ok(program) => match fit(&program) {
            Ok(()) => return Ok(program),
            Err(reason) => attempts.push(reason),
        },
        Err(reason) => attempts.push(reason),
    }
    match install::with_package_manager(Package::PgBouncer) {
        Ok(()) => here(&mut attempts).ok_or(()).map_err(|()| no_pooler(attempts)),
        Err(reason) => {
            attempts.push(reason);
            Err(no_pooler(attempts))
        }
    }
}

fn on_this_machine() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(USUAL.map(PathBuf::from));
    let programs = folders.chain(place()).map(|folder| folder.join("pgbouncer"));
    let mut programs: Vec<_> = programs.filter(|program| program.is_file()).collect();
    programs.dedup();
    programs
}

/// Whether the program is late enough, and can be run by the user that servers run as.
fn fit(program: &Path) -> Result<(), String> {
    let shown = program.display();
    let account = Account::for_servers().map_err(|error| error.to_string())?;
    let answer = account.command(program).arg("--version").stderr(Stdio::null()).output();
    let answer = answer.map_err(|error| format!("{shown} cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&answer.stdout);
    match version(&said) {
        Some(version) if version >= EARLIEST => Ok(()),
        Some((major, minor)) => Err(format!("{shown} is of version {major}.{minor}")),
        None => Err(format!("`{shown} --version` said `{}`", said.trim())),
    }
}

/// The version in `PgBouncer 1.24.1`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.lines().next()?.strip_prefix("PgBouncer ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Where it is unpacked.
fn place() -> Option<PathBuf> {
    Some(download::store().ok()?.join("pgbouncer"))
}

fn unpacked() -> Result<PathBuf, Error> {
    let store = download::store()?;
    eprintln!("unpacking PgBouncer with apt-get");
    // Beside its place, and moved there when it is whole: two processes may do the same.
    let beside = tempfile::Builder::new().prefix("unpacking-").tempdir_in(&store);
    let beside = beside.map_err(Error::io(format!("create a folder in {}", store.display())))?;
    let folder = beside.path().join("pgbouncer");
    fs::create_dir(&folder)
        .map_err(Error::io(format!("create the folder {}", folder.display())))?;
    download::run(Command::new("sh").args(["-c", UNPACK]).current_dir(&folder))?;
    download::open_to_all(&folder)?;
    let place = store.join("pgbouncer");
    if let Err(source) = fs::rename(&folder, &place)
        && !place.is_dir()
    {
        return Err(Error::io(format!("move PgBouncer to {}", place.display()))(source));
    }
    Ok(place.join("pgbouncer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(version("PgBouncer 1.24.1\nlibevent 2.1.12-stable\n"), Some((1, 24)));
        assert_eq!(version("pgbouncer: not found"), None);
        assert!(version("PgBouncer 1.9.0") < Some(EARLIEST));
        assert!(version("PgBouncer 1.21.0") >= Some(EARLIEST));
    }

    #[test]
    fn what_is_no_pooler_is_refused_by_name() {
        let refusal = fit(Path::new("/bin/sh")).unwrap_err();
        assert!(refusal.contains("/bin/sh --version"), "{refusal}");
        let refusal = fit(Path::new("/no/such/program")).unwrap_err();
        assert!(refusal.contains("/no/such/program cannot be run"), "{refusal}");
    }

    #[test]
    fn what_is_found_is_found_again() {
        let found = find().unwrap();
        assert_eq!(find().unwrap(), found);
        assert_eq!(fit(&found), Ok(()));
    }
}
