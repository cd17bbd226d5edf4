use futures_util::{FutureExt, future::poll_immediate};
use tokio::time::{Instant, timeout};

use super::fixture::{
    Any, NoStream, SOON, Store, append, at_once, collect, conflict, events, head, to, wait_for_head,
};
use crate::{Position, ReadAll};

async fn soon(store: &Store, position: Position) -> Position {
    timeout(SOON, wait_for_head(store, position))
        .await
        .unwrap_or_else(|_| panic!("wait_for_head({position}) did not answer within {SOON:?}"))
}

pub(super) async fn a_head_that_is_past_answers_at_once(store: Store) {
    append(&store, to("test-a", Any, events(1))).await;
    let answer = append(&store, to("test-a", Any, events(2))).await;
    assert_eq!(soon(&store, Position::START).await, answer.position);
    assert_eq!(soon(&store, Position::new(answer.position.get() - 1)).await, answer.position);
}

pub(super) async fn an_append_wakes_everyone_who_waits(store: Store) {
    let before = append(&store, to("test-a", Any, events(1))).await.position;
    let heads = at_once(17, |task| {
        let store = store.clone();
        async move {
            if task == 0 {
                append(&store, to("test-b", NoStream, events(1))).await.position
            } else {
                soon(&store, before).await
            }
        }
    })
    .await;
    let appended = heads.first().copied();
    assert!(heads.iter().all(|head| Some(*head) == appended), "{heads:?}");
}

pub(super) async fn a_head_not_yet_past_keeps_waiting(store: Store) {
    let position = append(&store, to("test-a", Any, events(1))).await.position;
    let mut waiting = store.wait_for_head(position).boxed();
    for _ in 0..10 {
        assert!(
            poll_immediate(&mut waiting).await.is_none(),
            "the head is at {position} and not past it"
        );
        conflict(&store, vec![to("test-a", NoStream, events(1))]).await;
        append(&store, to("test-a", Any, vec![])).await;
    }
    assert_eq!(head(&store).await, position);
    let next = append(&store, to("test-a", Any, events(1))).await.position;
    let woken =
        timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("not woken within {SOON:?}"));
    assert_eq!(woken.ok(), Some(next));
}

pub(super) async fn no_wake_up_is_missed(store: Store) {
    const ROUNDS: usize = 200;
    let (to_writer, mut turns) = tokio::sync::mpsc::channel::<()>(1);
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            while turns.recv().await.is_some() {
                append(&store, to("test-a", Any, events(1))).await;
            }
        }
    });
    // The reader asks for one event and waits for it, so that append and wait meet anew in each round.
    // A store that polls is right, too: it is asked as often as there is time for.
    let (mut checkpoint, end) = (Position::START, Instant::now() + SOON);
    for round in (1..=ROUNDS).take_while(|_| Instant::now() < end) {
        to_writer.send(()).await.unwrap_or_else(|_| panic!("the writer ended in round {round}"));
        soon(&store, checkpoint).await;
        let came = collect(store.read_all(ReadAll::after(checkpoint))).await;
        assert_eq!(came.len(), 1, "round {round}");
        checkpoint = came.last().map_or(checkpoint, |event| event.position);
    }
    drop(to_writer);
    writer.await.unwrap_or_else(|error| panic!("the writer failed: {error}"));
}
