//! Proof that the conformance suite for snapshots bites: a store with one deliberate defect fails it at the case that is there
//! to find it, and each case finds at least one such store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![cfg(feature = "memory")]

mod defects;
mod wrong;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use annals::{
    SnapshotStore,
    testing::snapshots::{CASES, Case, run},
};

use crate::wrong::{Defect, Wrong};

/// A store with a defect, and the cases that it must fail.
struct Suspect {
    defect: &'static str,
    fresh_store: fn() -> Arc<dyn SnapshotStore>,
    must_fail: &'static [&'static str],
}

macro_rules! suspects {
    ($($defect:ident fails $($case:ident),+;)*) => {
        const SUSPECTS: &[Suspect] = &[$(Suspect {
            defect: stringify!($defect),
            fresh_store: || Arc::new(Wrong::new(defects::$defect::default())),
            must_fail: &[$(stringify!($case)),+],
        }),*];

        $(#[test]
        #[allow(non_snake_case)]
        fn $defect() {
            let suspect = SUSPECTS.iter().find(|suspect| suspect.defect == stringify!($defect)).unwrap();
            for name in suspect.must_fail {
                let case = CASES.iter().find(|case| case.name == *name).expect(name);
                assert!(!passes(*case, (suspect.fresh_store)()), "{name} does not find {}", suspect.defect);
            }
        })*
    };
}

suspects! {
    FailsWithoutSnapshot fails a_stream_without_a_snapshot_reads_from_its_first_event;
    GivesOnlyWhatIsNewer fails
        a_snapshot_comes_with_the_events_from_its_own_on, a_newer_snapshot_takes_the_place_of_an_older_one;
    GivesAllEvents fails a_snapshot_comes_with_the_events_from_its_own_on;
    EndsAfterOnePage fails a_long_stream_reads_whole_after_its_snapshot;
    KeepsTheFirst fails
        a_newer_snapshot_takes_the_place_of_an_older_one, a_snapshot_of_the_same_version_is_replaced;
    KeepsTheLast fails
        an_older_snapshot_does_not_replace_a_newer_one, of_many_snapshots_at_once_the_newest_stays;
    GivesEveryFold fails a_snapshot_of_another_fold_is_not_given;
    KeepsTheNewestOfAllFolds fails a_snapshot_of_another_fold_is_replaced;
    KeepsAVersionAhead fails a_snapshot_of_what_is_not_there_is_not_kept;
    FoldsCase fails snapshots_of_streams_with_similar_names_do_not_mix;
    StripsNul fails every_state_comes_back_equal;
    KeepsNumbersAsFloats fails every_state_comes_back_equal;
    AppendsAnEvent fails a_snapshot_is_no_event;
    FindsEventsAnywhere fails an_event_is_found_in_its_stream_and_in_no_other;
    TellsThePosition fails an_event_is_found_in_its_stream_and_in_no_other;
}

#[test]
fn a_store_without_a_defect_passes() {
    struct NoDefect;
    impl Defect for NoDefect {}
    for case in CASES {
        assert!(passes(*case, Arc::new(Wrong::new(NoDefect))), "{}", case.name);
    }
}

#[test]
fn each_case_finds_a_defect() {
    let all: BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
    let biting: BTreeSet<_> =
        SUSPECTS.iter().flat_map(|suspect| suspect.must_fail).copied().collect();
    assert_eq!(all, biting);
}

fn passes(case: Case, store: Arc<dyn SnapshotStore>) -> bool {
    catch_unwind(AssertUnwindSafe(|| run(case, async { store }))).is_ok()
}
