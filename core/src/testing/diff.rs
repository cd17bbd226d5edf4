use std::fmt::Debug;

use similar::{ChangeTag, TextDiff};

/// Two values line by line: `-` was expected and is missing, `+` is there and was not expected.
pub(super) fn diff<T: Debug + ?Sized>(expected: &T, actual: &T) -> String {
    let (expected, actual) = (format!("{expected:#?}\n"), format!("{actual:#?}\n"));
    let lines = TextDiff::from_lines(&expected, &actual);
    let line = |change: similar::Change<&str>| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("  {sign} {change}")
    };
    lines.iter_all_changes().map(line).collect::<String>() + "  (- expected, + actual)"
}
