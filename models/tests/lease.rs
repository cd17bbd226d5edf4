//! Each event takes effect once, whoever freezes and whatever gets lost; and what each check is good for.

use annals_models::{
    falls, holds,
    lease::{CHECKPOINT, Do, FENCED, GOES_ON, KEPT, LEASE, Lease, ONCE, STEP},
};

fn lease() -> Lease {
    Lease {
        step: STEP,
        events: 2,
        claims: 4,
        checks_fence: true,
        checks_position: true,
        claims_again: true,
        ends_idle: true,
        takes_over: true,
        behind: vec![0, 0],
    }
}

#[test]
fn two_members_and_two_events() {
    holds(lease());
}

#[test]
fn a_checkpoint_written_afterwards_repeats_events() {
    let step = &[Do::Work, Do::Commit, Do::Advance, Do::Commit];
    falls(Lease { step, ..lease() }, &[ONCE, CHECKPOINT, FENCED]);
}

#[test]
fn a_checkpoint_written_beforehand_loses_events() {
    let step = &[Do::Advance, Do::Commit, Do::Work, Do::Commit];
    falls(Lease { step, ..lease() }, &[ONCE, CHECKPOINT, FENCED]);
}

/// The place of the checkpoint still tells that another member has gone on.
#[test]
fn without_the_fence_a_lost_claim_commits() {
    falls(Lease { checks_fence: false, ..lease() }, &[FENCED]);
}

#[test]
fn without_fence_and_place_events_are_repeated() {
    let unchecked = Lease { checks_fence: false, checks_position: false, ..lease() };
    falls(unchecked, &[ONCE, CHECKPOINT, FENCED, GOES_ON]);
}

/// The process may freeze between looking at its clock and committing.
#[test]
fn a_members_own_clock_is_no_fence() {
    let step = &[Do::CheckClock, Do::Advance, Do::Work, Do::Commit];
    let own = Lease { step, checks_fence: false, checks_position: false, ..lease() };
    falls(own, &[ONCE, CHECKPOINT, FENCED, GOES_ON]);
}

#[test]
fn a_lease_by_a_members_own_clock_is_taken_too_early() {
    falls(Lease { behind: vec![LEASE, 0], ..lease() }, &[KEPT]);
}

/// The place of the checkpoint stands behind this: without claiming again, it tells that the step has happened.
#[test]
fn a_step_is_not_done_again_under_the_claim_whose_commit_was_lost() {
    falls(Lease { claims_again: false, checks_position: false, ..lease() }, &[ONCE, CHECKPOINT]);
}

#[test]
fn a_fence_without_the_place_is_enough_if_the_part_is_claimed_again() {
    holds(Lease { checks_position: false, ..lease() });
}

#[test]
fn a_part_of_a_dead_member_must_be_taken_over() {
    falls(Lease { takes_over: false, ..lease() }, &[GOES_ON]);
}

#[test]
fn a_frozen_member_must_not_hold_its_part_by_an_open_transaction() {
    falls(Lease { ends_idle: false, ..lease() }, &[GOES_ON]);
}
