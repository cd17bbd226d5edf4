use std::fmt::Debug;

use similar::{ChangeTag, TextDiff};

/// Two values line by line: `-` was expected and is missing, `+` came and was not expected.
pub(super) fn diff<T: Debug + ?Sized>(expected: &T, came: &T) -> String {
    let (expected, came) = (format!("{expected:#?}\n"), format!("{came:#?}\n"));
    let lines = TextDiff::from_lines(&expected, &came);
    let line = |change: similar::Change<&str>| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("  {sign} {change}")
    };
    lines.iter_all_changes().map(line).collect::<String>() + "  (- expected, + came)"
}
