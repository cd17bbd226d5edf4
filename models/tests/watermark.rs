//! Readers miss nothing, whoever writes; and what each step, and the place where it stands, is good for.

use annals_models::{
    falls, holds,
    watermark::{
        Append, CAREFUL, CONFLICTS_ARE_FREE, IS_CAUSAL, IS_DENSE, LONE, MARKED, MISSES_NOTHING,
        QUICK,
        Read::{self, HandOut, ReadLast, ReadLocks, Snapshot},
        TAILER, Watermark,
        Write::{
            self, CheckUnlessUnchanged, CheckVersion, Commit, Declare, Learn, LearnMore, Lock,
            Release, TakePositions,
        },
    },
};

fn append(stream: u8, expected: Option<u8>, events: usize, steps: &'static [Write]) -> Append {
    Append { stream, expected, events, steps }
}

/// Two sessions that append to one stream, of which one wants to be the first, and one that appends to another stream.
fn crowd(steps: &'static [Write], reading: &'static [Read]) -> Watermark {
    let sessions = vec![
        vec![append(0, Some(0), 1, steps)],
        vec![append(0, None, 2, steps)],
        vec![append(1, None, 1, steps)],
    ];
    Watermark { sessions, reading, cache: 1 }
}

/// Enough for what is wrong: two sessions that append to one stream, of which one wants to be the first.
fn pair(steps: &'static [Write], reading: &'static [Read]) -> Watermark {
    let sessions = vec![vec![append(0, Some(0), 1, steps)], vec![append(0, None, 1, steps)]];
    Watermark { sessions, reading, cache: 1 }
}

#[test]
fn the_careful_append_under_the_mark() {
    holds(crowd(CAREFUL, MARKED));
}

#[test]
fn the_quick_append_under_the_mark() {
    holds(crowd(QUICK, MARKED));
}

/// A process that appends to one stream twice, with another task that appends to another stream; and a second process that
/// appends to the same one.
fn remembering(steps: &'static [Write]) -> Watermark {
    let sessions = vec![
        vec![append(0, None, 1, steps), append(0, Some(1), 1, steps)],
        vec![append(1, None, 1, steps)],
        vec![append(0, None, 1, QUICK)],
    ];
    Watermark { sessions, reading: MARKED, cache: 1 }
}

#[test]
fn the_lone_append_under_the_mark() {
    holds(crowd(LONE, MARKED));
}

#[test]
fn the_lone_append_takes_the_version_from_memory() {
    holds(remembering(LONE));
}

#[test]
fn memory_is_not_asked_before_the_stream_is_locked() {
    let early = &[
        Write::ReadLast,
        CheckUnlessUnchanged,
        Lock,
        Declare,
        TakePositions,
        Commit,
        Release,
        Learn,
    ];
    falls(remembering(early), &[IS_DENSE]);
}

#[test]
fn memory_does_not_outlive_a_position_of_somebody_else() {
    let more = &[
        Lock,
        Write::ReadLast,
        CheckUnlessUnchanged,
        Declare,
        TakePositions,
        Commit,
        Release,
        LearnMore,
    ];
    falls(remembering(more), &[IS_DENSE]);
}

#[test]
fn the_tailer_goes_without_the_mark_where_no_position_is_missing() {
    holds(crowd(QUICK, TAILER));
}

#[test]
fn sessions_that_go_on_appending() {
    let sessions = vec![
        vec![append(0, Some(0), 1, QUICK), append(0, Some(1), 1, CAREFUL)],
        vec![append(0, None, 2, QUICK), append(1, None, 1, QUICK)],
    ];
    holds(Watermark { sessions, reading: TAILER, cache: 1 });
}

#[test]
fn a_reader_without_a_mark_misses_events() {
    falls(crowd(CAREFUL, &[Snapshot, HandOut]), &[MISSES_NOTHING]);
}

#[test]
fn the_last_position_alone_is_no_mark() {
    falls(pair(CAREFUL, &[ReadLast, Snapshot, HandOut]), &[MISSES_NOTHING]);
}

#[test]
fn the_mark_is_not_computed_in_the_statement_that_reads() {
    falls(pair(CAREFUL, &[Snapshot, ReadLast, ReadLocks, HandOut]), &[MISSES_NOTHING]);
}

#[test]
fn the_locks_are_not_read_before_the_last_position() {
    falls(pair(CAREFUL, &[ReadLocks, ReadLast, Snapshot, HandOut]), &[MISSES_NOTHING]);
}

#[test]
fn a_position_is_not_taken_before_it_is_declared() {
    let late = &[Lock, CheckVersion, Write::ReadLast, TakePositions, Declare, Commit, Release];
    falls(pair(late, MARKED), &[MISSES_NOTHING]);
}

#[test]
fn locks_are_not_released_before_the_commit_is_visible() {
    let early = &[Lock, CheckVersion, Write::ReadLast, Declare, TakePositions, Release, Commit];
    falls(pair(early, MARKED), &[MISSES_NOTHING, IS_DENSE]);
}

#[test]
fn the_version_is_not_checked_after_a_position_is_taken() {
    let late = &[Lock, Write::ReadLast, Declare, TakePositions, CheckVersion, Commit, Release];
    falls(pair(late, MARKED), &[CONFLICTS_ARE_FREE]);
}

/// The snapshot of a transaction that is not READ COMMITTED is as old. The unique index of versions would stop this one, with
/// an error instead of a conflict.
#[test]
fn the_version_is_not_checked_before_the_stream_is_locked() {
    let early = &[CheckVersion, Lock, Write::ReadLast, Declare, TakePositions, Commit, Release];
    falls(pair(early, MARKED), &[IS_DENSE]);
}

#[test]
fn a_session_takes_no_positions_ahead() {
    let sessions = vec![
        vec![append(0, None, 1, CAREFUL), append(0, None, 1, CAREFUL)],
        vec![append(1, None, 1, CAREFUL)],
    ];
    falls(Watermark { sessions, reading: MARKED, cache: 2 }, &[MISSES_NOTHING, IS_CAUSAL]);
}
