//! Proof that the conformance suite for followers bites: a store with one deliberate defect fails it at the case
//! that is there to find it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![cfg(feature = "memory")]

mod commanding;
mod running;
mod serving;
mod wrong;

use std::panic::{AssertUnwindSafe, catch_unwind};

use annals::testing::followers::conformance::{Case, cases, each, run};

use crate::wrong::{Defect, Wrong};

/// Writes a test for each defect.
macro_rules! suspects {
    ($($module:ident::$defect:ident fails $($case:ident),+;)*) => {
        $(#[test]
        #[allow(non_snake_case)]
        fn $defect() {
            $(assert!(
                !passes(&each::$case(), Wrong::new($module::$defect)),
                "{} does not find it",
                stringify!($case)
            );)+
        })*
    };
}

suspects! {
    running::RepeatsNumbers fails a_number_is_never_given_twice;
    running::NumbersEachFollower fails a_build_has_a_number_of_its_own;
    commanding::NeverEndsRebuilds fails no_step_commits_after_a_rebuild_was_ended;
    running::ForgetsOwners fails a_member_lives_as_long_as_its_lease;
    running::ReadsTheBooksTwice fails the_books_are_one_snapshot;
    running::IgnoresFences fails no_step_commits_after_a_division, a_part_whose_owner_is_gone_can_be_claimed, a_member_that_never_beat_keeps_nobody_out, an_owner_that_claims_again_learns_the_truth, the_fence_is_checked_before_the_work, a_fenced_step_leaves_nothing;
    running::IgnoresTheBeginning fails the_checkpoint_must_be_where_the_step_begins, of_two_steps_from_one_place_one_is_committed;
    running::ChecksTheFenceLast fails work_sees_the_tables_of_its_own_build, a_first_build_serves_once_it_is_made, the_tables_of_a_shadow_are_out_of_sight, the_checkpoint_must_be_where_the_step_begins;
    running::CommitsTheCheckpointFirst fails a_step_dropped_within_its_work_leaves_nothing, a_claim_lost_in_the_middle_commits_nothing, a_claim_does_not_wait_for_a_step, work_and_checkpoint_come_together, a_step_that_fails_is_undone_whole, rows_and_checkpoint_come_together;
    running::CommitsTheWorkFirst fails a_dropped_step_happened_whole_or_not_at_all, rows_and_checkpoint_come_together, of_two_steps_from_one_place_one_is_committed;
    running::CommitsRowByRow fails rows_and_checkpoint_come_together;
    running::ParksApart fails a_step_that_fails_is_undone_whole;
    running::WorksTwice fails work_sees_the_tables_of_its_own_build;
    running::TellsOneKindOfFailure fails a_step_that_fails_is_undone_whole;
    running::CountsNoEvents fails a_step_moves_the_checkpoint_and_counts, a_step_may_stay_where_it_is, of_two_steps_from_one_place_one_is_committed, a_division_begins_where_the_last_part_was;
    running::KeepsDeletedRows fails a_row_is_put_replaced_and_removed, keys_are_any_text_without_nul, many_rows_change_in_one_step;
    running::SkipsStepsThatStay fails a_step_may_stay_where_it_is, a_settled_event_is_done_with, what_is_parked_outlives_its_owner, what_work_wrote_serves_after_the_swap;
    running::ParksAnew fails what_is_parked_already_stays_as_it_is;
    running::KeepsSettledEvents fails a_settled_event_is_done_with, what_is_parked_outlives_its_owner, parked_events_keep_a_shadow_waiting;
    running::ClaimsWhatIsAnothers fails of_many_who_claim_a_part_one_gets_it, a_part_of_another_who_lives_is_left_out;
    running::LooksThenClaims fails of_many_who_claim_a_part_one_gets_it;
    running::LeavesOutTheOwner fails a_note_needs_a_claim_that_holds, an_owner_that_claims_again_learns_the_truth, the_fence_is_checked_before_the_work, a_claim_reads_the_rows_of_its_build;
    running::ClaimsOne fails what_does_not_exist_is_not_claimed, a_higher_version_gets_a_shadow, a_claim_tells_part_and_position, a_part_of_another_who_lives_is_left_out;
    running::ClaimsFromTheBeginning fails an_owner_that_claims_again_learns_the_truth, a_rebuild_begins_at_the_beginning, a_division_begins_where_the_last_part_was;
    running::ClaimsAsLive fails a_claim_reads_the_rows_of_its_build, a_claim_tells_part_and_position;
    running::KeepsWhatIsReleased fails of_many_who_claim_a_part_one_gets_it, a_fenced_step_leaves_nothing, a_part_of_another_who_lives_is_left_out, a_part_that_was_given_back_is_free;
    running::ReleasesForAnybody fails a_part_that_was_given_back_is_free;
    running::LeasesNeverEnd fails a_beat_is_in_its_own_answer, a_member_that_leaves_is_forgotten, what_is_parked_outlives_its_owner;
    running::NobodyLeaves fails a_member_that_leaves_is_forgotten, what_is_parked_outlives_its_owner;
    running::AnswersBeforeTheBeat fails a_beat_is_in_its_own_answer, a_member_that_leaves_is_forgotten;
    running::ForgetsReports fails a_beat_is_in_its_own_answer;
    running::ListsBackwards fails a_new_follower_is_on_the_books, the_books_are_in_order, every_part_must_have_passed_the_live_build, a_division_begins_where_the_last_part_was;
    running::CountsNothingParked fails parked_events_come_by_sequence_and_position, a_sequence_is_tried_again_on_command, a_settled_event_is_done_with, parked_events_keep_a_shadow_waiting;
    running::ForgetsWhenItMoved fails a_step_moves_the_checkpoint_and_counts, a_note_of_what_was_passed_moves_forwards_only;
    running::NotesWithoutAClaim fails a_note_needs_a_claim_that_holds, a_part_that_was_given_back_is_free, a_part_that_stops_cannot_be_claimed, nobody_runs_what_is_paused;
    running::PassesFromAnywhere fails a_note_passes_over_nothing_that_was_lost;
    running::PassesOnce fails a_note_of_what_was_passed_moves_forwards_only;
    running::PassesBackwards fails a_note_of_what_was_passed_moves_forwards_only;
    running::NeverStops fails a_reason_may_hold_nul, all_that_stopped_is_resumed, what_is_no_shadow_does_not_serve, a_version_declared_anew_lets_its_stopped_parts_go_on;
    running::CutsReasons fails a_reason_may_hold_nul;
    running::NotesOneKind fails failures_are_counted, every_kind_of_failure_is_kept, what_failed_is_told_of_the_event_that_did;
    running::MakesWithoutAClaim fails a_making_without_a_claim_makes_nothing;
    running::MakesBeforeItLooks fails what_is_made_is_left_as_it_is, a_making_without_a_claim_makes_nothing;
    running::MakesInSpiteOfErrors fails a_making_that_fails_makes_nothing;
    running::NeverMakes fails a_making_that_is_dropped_can_be_done_again, a_table_has_the_shape_of_its_build, a_state_comes_back_to_the_letter, keys_find_their_rows_and_no_others, values_come_back_equal;
    commanding::TakesEveryKind fails a_name_keeps_its_kind;
    commanding::StartsAtTheBeginning fails a_reactor_begins_where_it_is_declared;
    commanding::MakesOnePart fails the_books_are_one_snapshot, a_new_follower_is_on_the_books, a_reactor_begins_where_it_is_declared, the_books_are_in_order;
    commanding::KeepsTheVersion fails of_many_who_declare_one_makes_the_build, a_new_version_serves_with_its_own_columns, a_version_above_the_shadow_takes_its_place, a_lower_version_is_only_noted;
    commanding::RebuildsForAnyVersion fails a_lower_version_is_only_noted, only_the_same_version_is_compared;
    commanding::KeepsTheFirstShadow fails a_version_above_the_shadow_takes_its_place;
    commanding::DividesWhenDeclared fails a_declaration_again_leaves_builds_and_parts;
    commanding::ResumesWhenDeclared fails a_version_declared_anew_lets_its_stopped_parts_go_on, nobody_runs_what_is_paused;
    commanding::StaysStopped fails a_version_declared_anew_lets_its_stopped_parts_go_on;
    commanding::DeclaresForEachProcess fails of_many_who_declare_one_makes_the_build, a_version_above_the_shadow_takes_its_place, a_lower_version_is_only_noted, a_higher_version_gets_a_shadow;
    commanding::CommandsAnybody fails a_follower_that_is_unknown_is_told_nothing;
    commanding::NeverPauses fails no_step_commits_after_a_pause, a_follower_that_is_unknown_is_told_nothing, nobody_runs_what_is_paused;
    commanding::ForgetsToResume fails a_follower_that_is_unknown_is_told_nothing, all_that_stopped_is_resumed, a_part_that_stops_cannot_be_claimed, what_is_rebuilt_or_stopped_is_not_divided;
    commanding::RebuildsAgain fails a_rebuild_begins_at_the_beginning;
    commanding::ForgetsToVerify fails only_the_same_version_is_compared, what_is_no_shadow_does_not_serve, a_rebuild_begins_at_the_beginning;
    commanding::RefusesWithoutReason fails a_reactor_is_never_rebuilt, a_shadow_may_be_told_to_swap, only_the_same_version_is_compared, a_rebuild_that_is_ended_leaves_nothing;
    commanding::EndsAnyRebuild fails a_rebuild_that_is_ended_leaves_nothing;
    commanding::TellsOneOutcome fails a_rebuild_that_is_ended_leaves_nothing;
    commanding::DividesWhatIsRebuilt fails what_is_rebuilt_or_stopped_is_not_divided;
    commanding::DividesWhatHasStopped fails what_is_rebuilt_or_stopped_is_not_divided;
    commanding::NeverSettles fails a_division_waits_until_the_last_one_has_settled;
    commanding::RetriesEverything fails a_sequence_is_tried_again_on_command;
    commanding::ForgetsToSwap fails a_shadow_may_be_told_to_swap, a_follower_that_is_unknown_is_told_nothing, parked_events_keep_a_shadow_waiting;
    serving::SwapsTooEarly fails a_shadow_that_is_behind_does_not_serve, every_part_must_have_passed_the_live_build;
    serving::SwapsWhatIsParked fails parked_events_keep_a_shadow_waiting;
    serving::SwapsClaims fails a_shadow_takes_the_place_of_the_live_build;
    serving::SwapsWhatIsLive fails what_is_no_shadow_does_not_serve, of_many_swaps_one_happens;
    serving::SwapsAtOnce fails the_live_build_holds_still_for_the_shadow;
    serving::NeverSwaps fails a_shadow_takes_the_place_of_the_live_build, what_work_wrote_serves_after_the_swap, a_new_version_serves_with_its_own_columns;
    serving::AlwaysBehind fails a_shadow_takes_the_place_of_the_live_build, a_shadow_that_was_compared_can_serve, a_shadow_that_is_not_made_does_not_serve, a_swap_that_gave_up_lets_the_live_build_go_on;
    serving::ComparesNothing fails rows_that_differ_are_named, the_first_hundred_differences_are_told, tables_of_projections_are_compared;
    serving::ComparesAnywhere fails builds_at_two_positions_are_not_compared;
    serving::ComparesAtOnce fails a_comparison_waits_for_the_shadow;
    serving::TellsTenDifferences fails the_first_hundred_differences_are_told;
    serving::ComparesToTheLetter fails equal_builds_do_not_differ, tables_of_projections_are_compared;
    serving::EndsWhatWasCompared fails equal_builds_do_not_differ;
    serving::NeverGone fails what_is_no_shadow_is_not_compared;
    serving::ReadsTheShadow fails readers_see_one_build_in_full, the_tables_of_a_shadow_are_out_of_sight, a_claim_reads_the_rows_of_its_build;
    serving::ReadsWhatServes fails the_tables_of_a_shadow_are_out_of_sight, a_claim_reads_the_rows_of_its_build, rows_of_an_unmade_build_are_not_those_that_serve;
    serving::ReadsNothing fails a_first_build_serves_once_it_is_made, rows_of_an_unmade_build_are_not_those_that_serve;
    serving::KeepsNumbersAsFloats fails a_state_comes_back_to_the_letter;
    serving::FoldsKeys fails keys_are_any_text_without_nul;
    serving::FindsAllKeys fails keys_find_their_rows_and_no_others;
    serving::FindsAThousandKeys fails many_rows_change_in_one_step;
    serving::IgnoresConditions fails conditions_hold_for_every_type, what_the_table_cannot_answer_is_an_error;
    serving::IgnoresCursors fails pages_give_every_row_once, a_page_goes_on_where_a_row_was;
    serving::PutsNullsFirst fails nulls_come_last_and_ties_go_by_key;
    serving::AsksTheCallersTable fails a_query_is_of_the_table_that_was_made;
    serving::AnswersEveryQuery fails what_the_table_cannot_answer_is_an_error, a_table_has_the_shape_of_its_build;
    serving::KeepsShortFloats fails values_come_back_equal;
    serving::CountsOneFailure fails failures_are_counted;
    serving::TellsOldFailuresFirst fails failures_come_latest_first;
    serving::TellsAllFailures fails failures_come_latest_first;
    serving::ParksByPosition fails parked_events_come_by_sequence_and_position;
    serving::ForgetsWhyItParked fails what_failed_is_told_of_the_event_that_did;
    serving::NeverRetries fails a_sequence_is_tried_again_on_command;
}

#[test]
fn a_store_without_a_defect_passes() {
    struct NoDefect;
    impl Defect for NoDefect {}
    for case in cases() {
        assert!(passes(&case, Wrong::new(NoDefect)), "{}", case.name);
    }
}

fn passes(case: &Case<Wrong>, store: Wrong) -> bool {
    catch_unwind(AssertUnwindSafe(|| run(case, async { store }))).is_ok()
}
