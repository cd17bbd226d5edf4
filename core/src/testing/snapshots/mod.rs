//! What every store that keeps snapshots must do, one named test per case.
//!
//! An author of a store writes one line, [`snapshot_conformance!`](macro@crate::snapshot_conformance), beside the one for
//! [`conformance!`](macro@crate::conformance); each case runs on a store of its own. [`CASES`] has the same cases as data.

mod cases;

use std::sync::Arc;

use super::conformance::{Check, TIME_LIMIT, run_within};
use crate::SnapshotStore;

/// One case of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, a sentence of what a store does.
    pub name: &'static str,
    /// Checks an empty store; panics with what is wrong.
    pub check: fn(Arc<dyn SnapshotStore>) -> Check,
}

/// Runs `case` on the store that `fresh_store` makes, on a runtime of its own: what each test of
/// [`snapshot_conformance!`](macro@crate::snapshot_conformance) does.
///
/// # Panics
/// When the store does not do what the case says.
pub fn run<S: SnapshotStore + 'static>(case: Case, fresh_store: impl Future<Output = S>) {
    run_within(TIME_LIMIT, case.name, fresh_store, |store| (case.check)(Arc::new(store)));
}

/// The list of cases, for whatever is made of each.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_snapshot_case {
    ($make:path, $argument:tt) => {
        $make! {
            $argument
            a_stream_without_a_snapshot_reads_from_its_first_event
            a_snapshot_comes_with_the_events_from_its_own_on
            a_long_stream_reads_whole_after_its_snapshot
            a_newer_snapshot_takes_the_place_of_an_older_one
            an_older_snapshot_does_not_replace_a_newer_one
            a_snapshot_of_the_same_version_is_replaced
            a_snapshot_of_another_fold_is_not_given
            a_snapshot_of_another_fold_is_replaced
            a_snapshot_of_what_is_not_there_is_not_kept
            snapshots_of_streams_with_similar_names_do_not_mix
            every_state_comes_back_equal
            of_many_snapshots_at_once_the_newest_stays
            a_snapshot_is_no_event
            an_event_is_found_in_its_stream_and_in_no_other
        }
    };
}

macro_rules! list {
    (() $($case:ident)*) => {
        /// Every case of the suite.
        pub const CASES: &[Case] = &[$(each::$case),*];

        /// Each case by its name.
        #[doc(hidden)]
        pub mod each {
            $(
                #[allow(non_upper_case_globals, missing_docs)]
                pub const $case: super::Case = super::Case {
                    name: stringify!($case),
                    check: |store| Box::pin(super::cases::$case(store)),
                };
            )*
        }
    };
}
__for_each_snapshot_case!(list, ());

/// Writes one `#[test]` for each case of the conformance suite for stores that keep snapshots.
///
/// The argument is called for each case and gives a future of a new, empty store. The tests are named after
/// their cases: to run the suite on two stores, put each line into a module of its own.
///
/// ```no_run
/// use annals::MemoryStore;
///
/// async fn fresh_store() -> MemoryStore {
///     MemoryStore::new()
/// }
///
/// annals::testing::snapshot_conformance!(fresh_store);
/// ```
#[macro_export]
macro_rules! snapshot_conformance {
    ($fresh_store:expr) => {
        $crate::__for_each_snapshot_case! { $crate::__snapshot_conformance_tests, ($fresh_store) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __snapshot_conformance_tests {
    (($fresh_store:expr) $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::testing::snapshots::run($crate::testing::snapshots::each::$case, ($fresh_store)());
            }
        )*
    };
}
