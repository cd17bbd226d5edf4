use super::fixture::{
    Any, NoStream, Store, append, append_all, at_once, conflict, events, exact, head, read,
    read_all, to, versions,
};
use crate::Position;

pub(super) async fn versions_are_dense(store: Store) {
    append(&store, to("test-a", NoStream, events(3))).await;
    conflict(&store, vec![to("test-a", NoStream, events(2))]).await;
    append(&store, to("test-b", NoStream, events(1))).await;
    append(&store, to("test-a", exact(3), events(2))).await;
    append(&store, to("test-a", Any, vec![])).await;
    append(&store, to("test-a", Any, events(1))).await;
    assert_eq!(versions(&read(&store, "test-a").await), [1, 2, 3, 4, 5, 6]);
    assert_eq!(versions(&read(&store, "test-b").await), [1]);
}

pub(super) async fn positions_rise_and_answers_tell_them(store: Store) {
    let mut answered = Vec::new();
    for round in 0..10 {
        let appends = vec![to("test-a", Any, events(1 + round % 3)), to("test-b", Any, events(1))];
        answered.extend(append_all(&store, appends).await);
        conflict(&store, vec![to("test-a", NoStream, events(1))]).await;
    }
    let all = read_all(&store).await;
    assert!(all.iter().all(|event| event.position > Position::START));
    assert!(all.is_sorted_by(|a, b| a.position < b.position), "positions do not rise strictly");
    for (part, answer) in answered.iter().enumerate() {
        let name = if part % 2 == 0 { "test-a" } else { "test-b" };
        let last = all.iter().find(|e| e.stream.as_str() == name && e.version == answer.version);
        assert_eq!(last.map(|event| event.position), Some(answer.position));
    }
}

pub(super) async fn what_begins_after_an_answer_comes_after_it(store: Store) {
    let chains = at_once(8, |task| {
        let store = store.clone();
        async move {
            let mut positions = Vec::new();
            for round in 0..20 {
                // Each link of the chain is an append of its own, on another stream than the one before.
                let name = format!("test-{task}-{}", round % 3);
                positions
                    .push(append(&store, to(&name, Any, events(1 + round % 2))).await.position);
            }
            positions
        }
    })
    .await;
    for chain in chains {
        assert!(chain.is_sorted_by(|a, b| a < b), "a later append got a lower position: {chain:?}");
    }
}

pub(super) async fn the_head_follows_the_appends(store: Store) {
    assert_eq!(head(&store).await, Position::START);
    for round in 0..5 {
        let answer = append(&store, to("test-a", Any, events(1 + round))).await;
        assert_eq!(head(&store).await, answer.position);
        conflict(&store, vec![to("test-a", NoStream, events(1))]).await;
        append(&store, to("test-a", Any, vec![])).await;
        assert!(head(&store).await >= answer.position);
        assert_eq!(
            read_all(&store).await.last().map(|event| event.position),
            Some(answer.position)
        );
    }
}
