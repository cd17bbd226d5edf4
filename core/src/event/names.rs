//! Lists of event types, at compile time: what a union reads is all that its members read.

/// How many names the lists hold together, for [`join`].
#[must_use]
pub const fn count(mut lists: &[&[&str]]) -> usize {
    let mut count = 0;
    while let [list, tail @ ..] = lists {
        count += list.len();
        lists = tail;
    }
    count
}

/// The names of all lists in one, at compile time; `N` is their [`count`].
#[must_use]
#[expect(clippy::indexing_slicing, reason = "out of bounds in a constant fails the build")]
pub const fn join<const N: usize>(mut lists: &[&[&'static str]]) -> [&'static str; N] {
    let mut joined = [""; N];
    let mut filled = 0;
    while let [list, tail @ ..] = lists {
        let mut rest = *list;
        while let [name, tail @ ..] = rest {
            joined[filled] = name;
            filled += 1;
            rest = tail;
        }
        lists = tail;
    }
    joined
}

/// Whether no name is in both lists, for a check at compile time.
#[must_use]
pub const fn are_disjoint(mut left: &[&str], right: &[&str]) -> bool {
    while let [name, tail @ ..] = left {
        let mut rest = right;
        while let [other, tail @ ..] = rest {
            if same_bytes(name.as_bytes(), other.as_bytes()) {
                return false;
            }
            rest = tail;
        }
        left = tail;
    }
    true
}

const fn same_bytes(mut left: &[u8], mut right: &[u8]) -> bool {
    while let ([a, left_tail @ ..], [b, right_tail @ ..]) = (left, right) {
        if *a != *b {
            return false;
        }
        (left, right) = (left_tail, right_tail);
    }
    left.is_empty() && right.is_empty()
}
