//! The folders where systems keep Postgres.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A parent, what the names of the folders in it begin with, and where the programs are below them.
const USUAL: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),      // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),               // the project's RPMs
    ("/usr/libexec", "postgresql", ""),      // Alpine
    ("/usr/local", "pgsql", "bin"),          // built from source
    ("/usr/local/lib", "postgresql", "bin"), // SUSE and others
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"), // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Those of the usual folders that exist, in no order.
pub(crate) fn usual() -> Vec<PathBuf> {
    USUAL
        .iter()
        .flat_map(|(parent, prefix, below)| in_parent(Path::new(parent), prefix, below))
        .collect()
}

fn in_parent(parent: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    named.map(|entry| entry.path().join(below)).filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_by_the_beginning_of_their_name() {
        let parent = tempfile::tempdir().unwrap();
        for folder in ["pgsql-15/bin", "pgsql-16", "other/bin"] {
            fs::create_dir_all(parent.path().join(folder)).unwrap();
        }
        assert_eq!(in_parent(parent.path(), "pgsql-", "bin"), [parent.path().join("pgsql-15/bin")]);
        assert!(in_parent(&parent.path().join("missing"), "", "bin").is_empty());
    }
}
