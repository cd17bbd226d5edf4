//! What every store must do for followers, one named test per case.
//!
//! An author of a store that passes the [suite for event stores](mod@crate::testing::conformance) implements
//! [`Fixture`] for a store of its own and writes one line,
//! [`follower_conformance!`](macro@crate::follower_conformance); each case runs on a store of its own. [`cases`]
//! has the same cases as data, for a harness of another kind.
//!
//! The cases promise nothing about time but that what need not wait does not: they bring members with long
//! leases, and ask until a short one is over.

mod claims;
mod commands;
mod comparing;
mod declaring;
mod doing;
mod failures;
mod fixture;
mod making;
mod members;
mod parking;
mod queries;
mod rows;
mod steps;
mod swapping;
mod trial;
mod work;

pub use self::fixture::Fixture;
use self::trial::Trial;
use crate::testing::conformance::{Check, TIME_LIMIT, run_within};

/// One case of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Case<F: Fixture> {
    /// Its name, a sentence of what a store does.
    pub name: &'static str,
    /// Checks an empty store; panics with what is wrong.
    pub check: fn(F) -> Check,
}

/// Runs `case` on the store of the fixture that `fresh` makes, on a runtime of its own: what each test of
/// [`follower_conformance!`](macro@crate::follower_conformance) does. It may take as long as
/// [`TIME_LIMIT`].
///
/// # Panics
/// When the store does not do what the case says.
pub fn run<F: Fixture>(case: &Case<F>, fresh: impl Future<Output = F>) {
    run_within(TIME_LIMIT, case.name, fresh, case.check);
}

/// The list of cases, for whatever is made of each: `module::case` in the order of this page.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_follower_case {
    ($make:path, $argument:tt) => {
        $make! {
            $argument
            declaring::a_new_follower_is_on_the_books
            declaring::a_reactor_begins_where_it_is_declared
            declaring::a_declaration_again_leaves_builds_and_parts
            declaring::a_name_keeps_its_kind
            declaring::a_higher_version_gets_a_shadow
            declaring::a_version_above_the_shadow_takes_its_place
            declaring::a_lower_version_is_only_noted
            declaring::a_version_declared_anew_lets_its_stopped_parts_go_on
            declaring::of_many_who_declare_one_makes_the_build
            declaring::a_build_has_a_number_of_its_own
            members::a_beat_is_in_its_own_answer
            members::a_member_lives_as_long_as_its_lease
            members::a_member_that_leaves_is_forgotten
            members::the_books_are_in_order
            members::the_books_are_one_snapshot
            claims::a_claim_tells_part_and_position
            claims::a_part_of_another_who_lives_is_left_out
            claims::a_part_whose_owner_is_gone_can_be_claimed
            claims::a_member_that_never_beat_keeps_nobody_out
            claims::an_owner_that_claims_again_learns_the_truth
            claims::a_part_that_was_given_back_is_free
            claims::what_does_not_exist_is_not_claimed
            claims::of_many_who_claim_a_part_one_gets_it
            claims::a_number_is_never_given_twice
            claims::a_claim_does_not_wait_for_a_step
            making::a_first_build_serves_once_it_is_made
            making::what_is_made_is_left_as_it_is
            making::a_making_without_a_claim_makes_nothing
            making::a_making_that_fails_makes_nothing
            making::a_making_that_is_dropped_can_be_done_again
            making::the_tables_of_a_shadow_are_out_of_sight
            making::a_table_has_the_shape_of_its_build
            steps::a_step_moves_the_checkpoint_and_counts
            steps::a_step_may_stay_where_it_is
            steps::the_fence_is_checked_before_the_work
            steps::the_checkpoint_must_be_where_the_step_begins
            steps::a_fenced_step_leaves_nothing
            steps::a_step_that_fails_is_undone_whole
            steps::work_and_checkpoint_come_together
            steps::rows_and_checkpoint_come_together
            steps::a_claim_lost_in_the_middle_commits_nothing
            steps::a_step_dropped_within_its_work_leaves_nothing
            steps::a_dropped_step_happened_whole_or_not_at_all
            steps::of_two_steps_from_one_place_one_is_committed
            steps::a_step_does_not_wait_for_another_part
            steps::work_sees_the_tables_of_its_own_build
            rows::a_row_is_put_replaced_and_removed
            rows::a_state_comes_back_to_the_letter
            rows::keys_are_any_text_without_nul
            rows::keys_find_their_rows_and_no_others
            rows::values_come_back_equal
            rows::many_rows_change_in_one_step
            rows::a_claim_reads_the_rows_of_its_build
            rows::rows_of_an_unmade_build_are_not_those_that_serve
            queries::conditions_hold_for_every_type
            queries::nulls_come_last_and_ties_go_by_key
            queries::pages_give_every_row_once
            queries::a_page_goes_on_where_a_row_was
            queries::what_the_table_cannot_answer_is_an_error
            queries::a_query_is_of_the_table_that_was_made
            failures::failures_are_counted
            failures::every_kind_of_failure_is_kept
            failures::a_reason_may_hold_nul
            failures::failures_come_latest_first
            failures::a_note_needs_a_claim_that_holds
            failures::a_note_of_what_was_passed_moves_forwards_only
            failures::a_note_passes_over_nothing_that_was_lost
            failures::a_part_that_stops_cannot_be_claimed
            parking::parked_events_come_by_sequence_and_position
            parking::what_is_parked_already_stays_as_it_is
            parking::a_settled_event_is_done_with
            parking::what_failed_is_told_of_the_event_that_did
            parking::a_sequence_is_tried_again_on_command
            parking::what_is_parked_outlives_its_owner
            commands::a_follower_that_is_unknown_is_told_nothing
            commands::nobody_runs_what_is_paused
            commands::no_step_commits_after_a_pause
            commands::no_step_commits_after_a_rebuild_was_ended
            commands::no_step_commits_after_a_division
            commands::all_that_stopped_is_resumed
            commands::a_rebuild_begins_at_the_beginning
            commands::a_reactor_is_never_rebuilt
            commands::only_the_same_version_is_compared
            commands::a_rebuild_that_is_ended_leaves_nothing
            commands::a_shadow_may_be_told_to_swap
            commands::a_division_begins_where_the_last_part_was
            commands::a_division_waits_until_the_last_one_has_settled
            commands::what_is_rebuilt_or_stopped_is_not_divided
            swapping::a_shadow_takes_the_place_of_the_live_build
            swapping::what_work_wrote_serves_after_the_swap
            swapping::a_new_version_serves_with_its_own_columns
            swapping::a_shadow_that_is_behind_does_not_serve
            swapping::every_part_must_have_passed_the_live_build
            swapping::a_shadow_that_is_not_made_does_not_serve
            swapping::the_live_build_holds_still_for_the_shadow
            swapping::a_swap_that_gave_up_lets_the_live_build_go_on
            swapping::parked_events_keep_a_shadow_waiting
            swapping::what_is_no_shadow_does_not_serve
            swapping::a_shadow_that_was_compared_can_serve
            swapping::of_many_swaps_one_happens
            swapping::readers_see_one_build_in_full
            comparing::equal_builds_do_not_differ
            comparing::rows_that_differ_are_named
            comparing::the_first_hundred_differences_are_told
            comparing::tables_of_projections_are_compared
            comparing::builds_at_two_positions_are_not_compared
            comparing::a_comparison_waits_for_the_shadow
            comparing::what_is_no_shadow_is_not_compared
        }
    };
}

macro_rules! list {
    (() $($module:ident::$case:ident)*) => {
        /// Every case of the suite.
        #[must_use]
        pub fn cases<F: Fixture>() -> Vec<Case<F>> {
            vec![$(each::$case()),*]
        }

        /// Each case by its name.
        #[doc(hidden)]
        pub mod each {
            use super::{Case, Fixture, Trial};

            $(
                #[must_use]
                #[allow(missing_docs)]
                pub fn $case<F: Fixture>() -> Case<F> {
                    Case {
                        name: stringify!($case),
                        check: |fixture| Box::pin(super::$module::$case(Trial::new(fixture))),
                    }
                }
            )*
        }
    };
}
__for_each_follower_case!(list, ());

/// Writes one `#[test]` for each case of the conformance suite for what a store does for followers.
///
/// The argument is called for each case and gives a future of a
/// [`Fixture`](crate::testing::followers::conformance::Fixture) with a new, empty store. The tests are named after
/// their cases: to run the suite on two stores, put each line into a module of its own.
///
/// ```no_run
/// # use annals::{FollowerStore, HandlerError, MemoryStore, Tables, testing::followers::conformance::Fixture};
/// # struct InMemory(MemoryStore);
/// # #[async_trait::async_trait]
/// # impl Fixture for InMemory {
/// #     type Store = MemoryStore;
/// #     fn store(&self) -> MemoryStore { self.0.clone() }
/// #     async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> { Ok(()) }
/// #     async fn write(&self, _: &mut Tables, _: &str) -> Result<(), HandlerError> { Ok(()) }
/// #     async fn notes(&self, _: &mut Tables) -> Result<Vec<String>, HandlerError> { Ok(vec![]) }
/// #     async fn read(&self, _: &str) -> Result<Vec<String>, HandlerError> { Ok(vec![]) }
/// # }
/// async fn fresh() -> InMemory {
///     InMemory(MemoryStore::new())
/// }
///
/// annals::testing::follower_conformance!(fresh);
/// ```
#[macro_export]
macro_rules! follower_conformance {
    ($fresh:expr) => {
        $crate::__for_each_follower_case! { $crate::__follower_conformance_tests, ($fresh) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __follower_conformance_tests {
    (($fresh:expr) $($module:ident::$case:ident)*) => {
        $(
            #[test]
            fn $case() {
                use $crate::testing::followers::conformance::{each, run};
                run(&each::$case(), ($fresh)());
            }
        )*
    };
}
