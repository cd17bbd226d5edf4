//! What every event store must do, one named test per case.
//!
//! An author of a store writes one line, [`conformance!`](macro@crate::conformance); each case runs on a store
//! of its own. [`CASES`] has the same cases as data, for a harness of another kind.

mod atomicity;
mod concurrency;
mod expected_version;
mod filters;
pub(in crate::testing) mod fixture;
mod idempotence;
mod order;
mod payloads;
mod reading;
mod refusals;
mod wake_up;

pub(in crate::testing) use self::fixture::at_once;
use std::{pin::Pin, sync::Arc, time::Duration};

use crate::EventStore;

/// A case's check, running.
pub type Check = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One case of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, a sentence of what a store does.
    pub name: &'static str,
    /// Checks an empty store; panics with what is wrong.
    pub check: fn(Arc<dyn EventStore>) -> Check,
}

/// How long a case may take before it counts as hanging.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Runs `case` on the store that `fresh_store` makes, on a runtime of its own: what each test of
/// [`conformance!`](macro@crate::conformance) does.
///
/// # Panics
/// When the store does not do what the case says.
pub fn run<S: EventStore + 'static>(case: Case, fresh_store: impl Future<Output = S>) {
    run_within(TIME_LIMIT, case.name, fresh_store, |store| (case.check)(Arc::new(store)));
}

/// The check is a task of its own, so that the limit holds even if the store is busy and never waits.
pub(in crate::testing) fn run_within<S>(
    limit: Duration,
    name: &str,
    fresh_store: impl Future<Output = S>,
    check: impl FnOnce(S) -> Check,
) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime to test on: {error}"));
    let checked = runtime.block_on(async {
        tokio::time::timeout(limit, async { tokio::spawn(check(fresh_store.await)).await }).await
    });
    match checked {
        Ok(Ok(())) => {}
        Ok(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => {
            runtime.shutdown_background();
            panic!("{name}: not finished after {limit:?}");
        }
    }
}

/// The list of cases, for whatever is made of each: `module::case` in the order of this page.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_conformance_case {
    ($make:path, $argument:tt) => {
        $make! {
            $argument
            expected_version::any_version_takes_a_new_stream_and_an_existing_one
            expected_version::no_stream_takes_a_new_stream_only
            expected_version::exists_takes_an_existing_stream_only
            expected_version::exact_takes_that_version_only
            expected_version::exact_zero_asks_for_no_stream
            expected_version::a_conflict_names_the_stream_and_both_versions
            atomicity::a_conflict_appends_nothing
            atomicity::several_streams_are_appended_together
            atomicity::a_conflict_in_one_stream_appends_to_none
            atomicity::an_append_without_events_stores_nothing
            atomicity::an_append_without_events_guards_the_others
            atomicity::a_dropped_append_happened_whole_or_not_at_all
            order::versions_are_dense
            order::positions_rise_and_answers_tell_them
            order::what_begins_after_an_answer_comes_after_it
            order::the_head_follows_the_appends
            idempotence::the_same_append_again_stores_nothing_and_answers_the_same
            idempotence::the_same_append_again_needs_no_version_to_match
            idempotence::the_same_append_of_several_streams_again_answers_the_same
            idempotence::an_id_stored_elsewhere_is_refused
            idempotence::the_same_append_from_many_tasks_is_stored_once
            reading::a_stream_that_does_not_exist_is_empty
            reading::a_stream_reads_forwards_from_a_version
            reading::a_stream_reads_backwards_from_a_version
            reading::a_limit_ends_a_read
            reading::a_long_stream_reads_whole_in_both_directions
            reading::a_read_is_not_disturbed_by_appends_meanwhile
            reading::streams_with_similar_names_do_not_mix
            reading::the_global_stream_reads_on_after_a_position
            reading::the_global_stream_reads_up_to_a_position
            reading::what_is_recorded_stays_as_it_is
            reading::events_are_recorded_to_the_microsecond
            filters::a_filter_by_category_takes_no_other
            filters::a_filter_by_event_type_takes_no_other
            filters::category_and_event_type_must_both_match
            filters::a_limit_counts_what_matches
            filters::a_filter_a_limit_and_an_end_hold_together
            filters::a_rare_match_is_found_in_a_long_log
            wake_up::a_head_that_is_past_answers_at_once
            wake_up::an_append_wakes_everyone_who_waits
            wake_up::a_head_not_yet_past_keeps_waiting
            wake_up::no_wake_up_is_missed
            concurrency::of_many_who_expect_one_version_one_wins
            concurrency::many_appenders_share_one_stream
            concurrency::many_appenders_write_streams_of_their_own
            concurrency::appends_to_the_same_streams_in_opposite_orders_all_succeed
            concurrency::a_reader_follows_writers_without_a_gap_or_a_double
            payloads::every_json_value_comes_back_equal
            payloads::the_deepest_nesting_comes_back_equal
            payloads::large_payloads_and_appends_come_back_equal
            payloads::names_and_metadata_come_back_equal
            refusals::a_stream_twice_in_one_append_is_refused
            refusals::an_id_twice_in_one_append_is_refused
            refusals::metadata_that_cannot_be_read_again_is_refused
            refusals::schema_version_zero_is_refused
        }
    };
}

macro_rules! list {
    (() $($module:ident::$case:ident)*) => {
        /// Every case of the suite.
        pub const CASES: &[Case] = &[$(cases::$case),*];

        /// Each case by its name.
        #[doc(hidden)]
        pub mod cases {
            $(
                #[allow(non_upper_case_globals, missing_docs)]
                pub const $case: super::Case = super::Case {
                    name: stringify!($case),
                    check: |store| Box::pin(super::$module::$case(store)),
                };
            )*
        }
    };
}
__for_each_conformance_case!(list, ());

/// Writes one `#[test]` for each case of the conformance suite.
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
/// annals::testing::conformance!(fresh_store);
/// ```
#[macro_export]
macro_rules! conformance {
    ($fresh_store:expr) => {
        $crate::__for_each_conformance_case! { $crate::__conformance_tests, ($fresh_store) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    (($fresh_store:expr) $($module:ident::$case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::testing::conformance::run($crate::testing::conformance::cases::$case, ($fresh_store)());
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    static DONE: AtomicBool = AtomicBool::new(false);

    async fn busy() {
        while !DONE.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_store_that_is_busy_without_end_fails_its_case() {
        let limit = Duration::from_millis(10);
        let ran =
            std::panic::catch_unwind(|| run_within(limit, "busy", async {}, |()| Box::pin(busy())));
        DONE.store(true, Ordering::Relaxed);
        assert_eq!(
            *ran.unwrap_err().downcast::<String>().unwrap(),
            "busy: not finished after 10ms"
        );
    }
}
