//! `cargo xtask test`: everything that has to pass on a machine with nothing but a Rust toolchain.

use std::{fs, io, path::Path};

use crate::{ROOT, command::CommandLine, failure::Failure, step::command_step};

pub(crate) fn run() -> Result<(), Failure> {
    let examples = examples_in(&Path::new(ROOT).join("examples"))?;
    command_step("tests", &CommandLine::cargo("test --workspace --all-features --locked"))?;
    if !examples.is_empty() {
        // `cargo test` compiles the tests inside examples, and runs them only when asked to.
        let command = CommandLine::cargo("test --workspace --all-features --locked --examples");
        command_step("tests in examples", &command)?;
    }
    for name in &examples {
        let command = CommandLine::cargo(&format!(
            "run --quiet --package annals --all-features --locked --example {name}"
        ));
        command_step(&format!("example {name}"), &command)?;
    }
    Ok(())
}

/// The examples cargo finds in `folder`, sorted: `name.rs`, or `name/main.rs`. No folder, no examples.
fn examples_in(folder: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |source| Failure::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(example(&entry.map_err(unreadable)?.path()));
    }
    names.sort();
    Ok(names)
}

fn example(path: &Path) -> Option<String> {
    let is_example = path.extension().is_some_and(|extension| extension == "rs") && path.is_file()
        || path.join("main.rs").is_file();
    let name = path.file_stem()?.to_str()?;
    (is_example && !name.starts_with('.')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, process};

    #[test]
    fn finds_files_and_folders_and_nothing_else() {
        let folder = env::temp_dir().join(format!("annals-xtask-examples-{}", process::id()));
        for inner in ["bank", "data"] {
            fs::create_dir_all(folder.join(inner)).unwrap();
        }
        for file in ["quickstart.rs", "audit.rs", "notes.md", ".hidden.rs", "bank/main.rs", "data/one.rs"] {
            fs::write(folder.join(file), "").unwrap();
        }
        let found = examples_in(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.unwrap(), ["audit", "bank", "quickstart"]);
    }

    #[test]
    fn a_missing_folder_holds_no_examples() {
        let found = examples_in(&env::temp_dir().join("annals-xtask-no-such-folder")).unwrap();
        assert!(found.is_empty(), "{found:?}");
    }
}
