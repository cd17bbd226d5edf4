//! Proof that the conformance suite bites: a store with one deliberate defect fails it at the case that
//! is there to find it, and each case finds at least one such store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![cfg(feature = "memory")]

mod appending;
mod racing;
mod reading;
mod wrong;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use annals::{
    EventStore,
    testing::conformance::{CASES, Case, run},
};

use crate::wrong::{Defect, Wrong};

/// A store with a defect, and the cases that it must fail.
struct Suspect {
    defect: &'static str,
    fresh_store: fn() -> Arc<dyn EventStore>,
    must_fail: &'static [&'static str],
}

macro_rules! suspects {
    ($($module:ident::$defect:ident fails $($case:ident),+;)*) => {
        const SUSPECTS: &[Suspect] = &[$(Suspect {
            defect: stringify!($defect),
            fresh_store: || Arc::new(Wrong::new($module::$defect::default())),
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
    appending::TakesEveryVersion fails
        no_stream_takes_a_new_stream_only, exists_takes_an_existing_stream_only, exact_takes_that_version_only,
        exact_zero_asks_for_no_stream, of_many_who_expect_one_version_one_wins;
    appending::TakesAnyForNew fails any_version_takes_a_new_stream_and_an_existing_one;
    appending::TellsAnotherVersion fails a_conflict_names_the_stream_and_both_versions;
    appending::WritesOnConflict fails a_conflict_appends_nothing;
    appending::ReversesParts fails several_streams_are_appended_together;
    appending::AppendsPartByPart fails a_conflict_in_one_stream_appends_to_none;
    racing::AppendsEventByEvent fails
        a_dropped_append_happened_whole_or_not_at_all, many_appenders_share_one_stream;
    appending::MarksEmptyAppends fails an_append_without_events_stores_nothing;
    appending::SkipsEmptyParts fails an_append_without_events_guards_the_others;
    racing::ChecksThenActs fails of_many_who_expect_one_version_one_wins;
    appending::GivesNewIds fails the_same_append_again_stores_nothing_and_answers_the_same;
    appending::ChecksVersionsBeforeIds fails
        the_same_append_again_needs_no_version_to_match, an_id_stored_elsewhere_is_refused;
    appending::BurnsIdsOfConflicts fails a_conflict_appends_nothing;
    racing::LocksInTheOrderGiven fails
        appends_to_the_same_streams_in_opposite_orders_all_succeed;
    appending::KnowsIdsOfOneStreamOnly fails the_same_append_of_several_streams_again_answers_the_same;
    appending::TrustsTheFirstId fails an_id_stored_elsewhere_is_refused;
    racing::ChecksIdsThenActs fails the_same_append_from_many_tasks_is_stored_once;
    racing::FailsWhenBusy fails many_appenders_write_streams_of_their_own;
    appending::MergesParts fails a_stream_twice_in_one_append_is_refused;
    appending::DropsRepeatedIds fails an_id_twice_in_one_append_is_refused;
    appending::CutsDeepMetadata fails metadata_that_cannot_be_read_again_is_refused;
    appending::RaisesSchemaVersionZero fails schema_version_zero_is_refused;
    appending::StripsNul fails every_json_value_comes_back_equal;
    appending::KeepsNumbersAsFloats fails every_json_value_comes_back_equal;
    appending::KeepsNumbersWithoutExponents fails every_json_value_comes_back_equal;
    appending::RefusesNesting fails the_deepest_nesting_comes_back_equal;
    appending::RefusesLargePayloads fails large_payloads_and_appends_come_back_equal;
    appending::ForgetsMetadata fails names_and_metadata_come_back_equal;
    appending::FoldsCase fails streams_with_similar_names_do_not_mix;
    reading::SkipsVersions fails versions_are_dense;
    reading::GivesStreamsBlocksOfPositions fails
        positions_rise_and_answers_tell_them, what_begins_after_an_answer_comes_after_it;
    reading::ShowsEventsLate fails a_reader_follows_writers_without_a_gap_or_a_double;
    reading::HeadLags fails the_head_follows_the_appends;
    reading::FailsOnMissingStreams fails a_stream_that_does_not_exist_is_empty;
    reading::ReadsFromExclusively fails
        a_stream_reads_forwards_from_a_version, a_stream_reads_backwards_from_a_version;
    reading::IgnoresLimits fails a_limit_ends_a_read;
    reading::EndsAfterOnePage fails a_long_stream_reads_whole_in_both_directions;
    reading::PagesByOffset fails a_read_is_not_disturbed_by_appends_meanwhile;
    reading::ReadsAfterInclusively fails the_global_stream_reads_on_after_a_position;
    reading::StampsOnReading fails what_is_recorded_stays_as_it_is;
    reading::TellsNanoseconds fails events_are_recorded_to_the_microsecond;
    reading::IgnoresFilters fails a_filter_by_category_takes_no_other, a_filter_by_event_type_takes_no_other;
    reading::FiltersByPrefix fails a_filter_by_category_takes_no_other, a_filter_by_event_type_takes_no_other;
    reading::TakesEitherMatch fails category_and_event_type_must_both_match;
    reading::LimitsBeforeFiltering fails a_limit_counts_what_matches;
    reading::IgnoresTheEnd fails
        the_global_stream_reads_up_to_a_position, a_filter_a_limit_and_an_end_hold_together;
    reading::EndsExclusively fails the_global_stream_reads_up_to_a_position;
    reading::GivesNothingUpToTheFuture fails the_global_stream_reads_up_to_a_position;
    reading::TakesTheEndForTheBeginning fails the_global_stream_reads_up_to_a_position;
    reading::FiltersToTheHead fails a_filter_a_limit_and_an_end_hold_together;
    reading::GivesUpWithoutAMatch fails a_rare_match_is_found_in_a_long_log;
    reading::WaitsForTheNextAppend fails a_head_that_is_past_answers_at_once;
    reading::NeverWakes fails an_append_wakes_everyone_who_waits, no_wake_up_is_missed;
    reading::WakesAtOnce fails a_head_not_yet_past_keeps_waiting;
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

fn passes(case: Case, store: Arc<dyn EventStore>) -> bool {
    catch_unwind(AssertUnwindSafe(|| run(case, async { store }))).is_ok()
}
