//! Which part of a divided follower an event falls to.

use std::num::NonZeroU16;

use super::{Build, PartId};
use crate::Position;

/// The part, counted from 0, that `sequence` falls to when there are `parts` of them. It is what checkpoints
/// of divided followers mean, so it never changes.
pub(super) fn part_of(sequence: &str, parts: NonZeroU16) -> u16 {
    let hash = sequence.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u16::try_from(hash % u64::from(parts.get())).unwrap_or_default()
}

/// One part of a build, and what the division before has done already.
#[derive(Debug, Clone)]
pub(super) struct Division {
    part: u16,
    parts: NonZeroU16,
    /// Where each part of the former division was: [`Build::floors`].
    floors: Vec<Position>,
    former: Option<NonZeroU16>,
}

impl Division {
    pub(super) fn new(part: PartId, parts: NonZeroU16, build: &Build) -> Self {
        let floors = build.floors.clone();
        let former = u16::try_from(floors.len()).ok().and_then(NonZeroU16::new);
        Self { part: part.part, parts, floors, former }
    }

    /// Whether the build was never divided anew.
    pub(super) fn is_first(&self) -> bool {
        self.former.is_none()
    }

    /// Whether there are other parts.
    pub(super) fn is_divided(&self) -> bool {
        self.parts.get() > 1
    }

    /// Whether `sequence` falls to this part.
    pub(super) fn owns(&self, sequence: &str) -> bool {
        !self.is_divided() || part_of(sequence, self.parts) == self.part
    }

    /// Whether an event of `sequence` at `position` is for this part to handle.
    pub(super) fn concerns(&self, sequence: &str, position: Position) -> bool {
        self.owns(sequence) && !self.is_past(sequence, position)
    }

    /// Whether the former division has handled it.
    fn is_past(&self, sequence: &str, position: Position) -> bool {
        let floor =
            self.former.and_then(|former| self.floors.get(usize::from(part_of(sequence, former))));
        floor.is_some_and(|floor| position <= *floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).unwrap()
    }

    /// The hash is FNV-1a of 64 bits, whose test vectors are published with it.
    #[test]
    fn a_sequence_falls_to_the_same_part_for_good() {
        let all = |n| ["", "a", "foobar", "account-anna"].map(|text| part_of(text, parts(n)));
        assert_eq!(all(1), [0, 0, 0, 0]);
        assert_eq!(all(4), [1, 0, 0, 1]);
        assert_eq!(all(10), [7, 6, 8, 3]);
        assert_eq!(all(1024), [805, 140, 1000, 313]);
    }

    #[test]
    fn after_a_new_division_an_event_is_passed_over_where_its_former_part_had_been() {
        let division = Division {
            part: part_of("a", parts(4)),
            parts: parts(4),
            floors: [10, 20].map(Position::new).into(),
            former: Some(parts(2)),
        };
        let floor = [10, 20][usize::from(part_of("a", parts(2)))];
        assert!(!division.concerns("a", Position::new(floor)));
        assert!(division.concerns("a", Position::new(floor + 1)));
        assert!(!division.concerns("", Position::new(100)), "another part's");
    }
}
