//! The engine of followers, on a store: each case runs on every store of the list at the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![cfg(all(feature = "macros", feature = "memory"))]

mod catching_up;
mod failing;
mod ledger;
mod members;
mod parked;
mod partitions;
mod reacting;
mod rebuilding;
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
    }
}
