//! The engine of followers, on a store: each case runs on every store of the list at the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![cfg(all(feature = "macros", feature = "memory"))]

mod batches;
mod catching_up;
mod early;
mod failing;
mod held;
mod late;
mod late_beats;
mod ledger;
mod members;
mod overtaken;
mod parked;
mod partitions;
#[cfg(feature = "postgres")]
mod postgres;
mod quiet;
mod reacting;
mod rebuilding;
mod seam;
#[cfg(feature = "postgres")]
mod set_back;
mod shaky;
mod stores;

/// Runs each case on each store, as a test of its own.
macro_rules! on_each_store {
    ($($file:ident { $($case:ident),+ $(,)? })+) => {
        mod memory {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$file::$case(annals::MemoryStore::new()).await;
                })+
            })+
        }

        #[cfg(feature = "postgres")]
        mod on_postgres {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let store = crate::postgres::fresh_store().await;
                    crate::$file::$case(store.clone()).await;
                    store.shutdown().await;
                })+
            })+
        }
    };
}

on_each_store! {
    catching_up {
        a_read_model_catches_up_and_goes_on,
        every_event_is_handled_once_while_writers_go_on,
        steps_that_fail_and_answers_that_are_lost_change_nothing,
        a_command_can_be_waited_for,
        waiting_for_what_does_not_come_is_an_error,
        lists_go_on_page_by_page,
        deleted_rows_begin_anew,
        what_nobody_runs_has_no_pace,
    }
    failing {
        a_handler_that_fails_stops_and_loses_nothing,
        a_handler_that_panics_stops_and_loses_nothing,
        a_handler_that_hangs_stops_and_loses_nothing,
        a_paused_follower_commits_nothing_until_it_is_resumed,
    }
    late {
        a_handler_that_returns_after_its_lease_is_gone_commits_nothing,
    }
    parked {
        what_fails_is_parked_with_its_stream_and_the_rest_goes_on,
        a_row_is_parked_by_its_key_and_other_rows_of_the_event_are_not,
        an_event_whose_rows_are_unknown_stops_although_others_would_be_parked,
    }
    members {
        two_members_share_the_parts_and_take_over_from_each_other,
        the_parts_of_a_member_that_dies_are_taken_over,
        members_that_are_dropped_end_by_themselves,
    }
    partitions {
        a_read_model_is_divided_anew_while_events_come,
        a_projection_is_divided_by_stream,
    }
    reacting {
        what_a_reactor_does_twice_is_told_by_the_id_and_commands_run_once,
        a_reactor_begins_where_it_was_told_to,
        a_reactor_that_fails_is_tried_as_often_as_its_policy_says,
    }
    rebuilding {
        readers_never_see_a_mix_while_it_is_rebuilt,
        a_raised_version_rebuilds_by_itself_and_supersedes,
        waiting_for_a_version_tells_what_stands_in_its_way,
        a_cancelled_rebuild_leaves_what_serves,
        verifying_tells_which_rows_differ_and_changes_nothing,
        a_divided_read_model_is_verified_and_swapped,
        a_rebuild_is_verified_by_the_process_that_comes_after,
    }
    seam {
        catching_up_turns_live_without_a_gap_or_a_double,
    }
}
