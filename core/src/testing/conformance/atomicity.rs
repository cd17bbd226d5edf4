use futures_util::{FutureExt, future::poll_immediate};
use tokio::task::yield_now;

use super::fixture::{
    Any, Exists, NoStream, Store, append, append_all, collect, conflict, events, exact, ids, read,
    read_all, recorded_ids, stream, to, versions,
};
use crate::{Position, ReadStream, Version};

pub(super) async fn a_conflict_appends_nothing(store: Store) {
    append(&store, to("test-a", Any, events(1))).await;
    let before = read_all(&store).await;
    let five = events(5);
    conflict(&store, vec![to("test-a", NoStream, five.clone())]).await;
    assert_eq!(read_all(&store).await, before);
    // Nor are the ids of its events taken.
    assert_eq!(append(&store, to("test-a", exact(1), five.clone())).await.version, Version::new(6));
    assert_eq!(recorded_ids(&read_all(&store).await.split_off(1)), ids(&five));
}

pub(super) async fn several_streams_are_appended_together(store: Store) {
    append(&store, to("test-b", Any, events(1))).await;
    let (a, b, c) = (events(2), events(1), events(3));
    let wanted = ids(a.iter().chain(&b).chain(&c));
    let answers = append_all(
        &store,
        vec![to("test-a", NoStream, a), to("test-b", exact(1), b), to("other-a", Any, c)],
    )
    .await;
    assert_eq!(answers.iter().map(|a| a.version.get()).collect::<Vec<_>>(), [2, 2, 3]);

    let all = read_all(&store).await.split_off(1);
    assert_eq!(
        recorded_ids(&all),
        wanted,
        "positions follow the order in which the streams were given"
    );
    let last_positions: Vec<_> =
        [1, 2, 5].iter().filter_map(|i| all.get(*i)).map(|e| e.position).collect();
    assert_eq!(answers.iter().map(|a| a.position).collect::<Vec<_>>(), last_positions);
    for (name, length) in [("test-a", 2), ("test-b", 2), ("other-a", 3)] {
        assert_eq!(read(&store, name).await.len(), length, "{name}");
    }
}

pub(super) async fn a_conflict_in_one_stream_appends_to_none(store: Store) {
    append(&store, to("test-c", Any, events(2))).await;
    let before = read_all(&store).await;
    for wrong_one in 0..3 {
        let expected = |part| if part == wrong_one { exact(7) } else { Any };
        let parts = ["test-a", "test-b", "test-c"];
        let appends =
            parts.iter().enumerate().map(|(part, name)| to(name, expected(part), events(1)));
        let told = conflict(&store, appends.collect()).await;
        assert_eq!(Some(told.stream), parts.get(wrong_one).map(|name| stream(name)));
        assert_eq!(read_all(&store).await, before);
    }
}

pub(super) async fn an_append_without_events_stores_nothing(store: Store) {
    assert_eq!(append_all(&store, vec![]).await, []);
    let nothing = append(&store, to("test-a", Any, vec![])).await;
    assert_eq!((nothing.version, nothing.position), (Version::NONE, Position::START));
    append(&store, to("test-a", NoStream, events(2))).await;
    let nothing = append(&store, to("test-a", exact(2), vec![])).await;
    assert_eq!((nothing.version, nothing.position), (Version::new(2), Position::START));
    assert_eq!(read_all(&store).await.len(), 2);
}

pub(super) async fn an_append_without_events_guards_the_others(store: Store) {
    append(&store, to("test-guard", Any, events(1))).await;
    for wrong in [NoStream, exact(2)] {
        let told =
            conflict(&store, vec![to("test-guard", wrong, vec![]), to("test-a", Any, events(1))])
                .await;
        assert_eq!((told.stream, told.actual), (stream("test-guard"), Version::new(1)));
    }
    conflict(&store, vec![to("test-a", Any, events(1)), to("test-none", Exists, vec![])]).await;
    assert_eq!(read_all(&store).await.len(), 1);
    let guarded = vec![
        to("test-guard", exact(1), vec![]),
        to("test-none", NoStream, vec![]),
        to("test-a", NoStream, events(1)),
    ];
    let answered: Vec<_> =
        append_all(&store, guarded).await.iter().map(|a| a.version.get()).collect();
    assert_eq!(answered, [1, 0, 1]);
}

pub(super) async fn a_dropped_append_happened_whole_or_not_at_all(store: Store) {
    for round in 0..20 {
        let three = to("test-a", Any, events(3));
        let wanted = ids(&three.events);
        let mut dropped = store.append(vec![three.clone()]).boxed();
        for _ in 0..round {
            if poll_immediate(&mut dropped).await.is_some() {
                break;
            }
            yield_now().await;
        }
        drop(dropped);
        let came = recorded_ids(&read(&store, "test-a").await);
        let came: Vec<_> = came.into_iter().filter(|id| wanted.contains(id)).collect();
        assert!(came.is_empty() || came == wanted, "of 3 events {} can be read", came.len());

        // It may still be on its way. Whatever becomes of it, another append does not come between its
        // events, and the same append again settles it.
        append(&store, to("test-a", Any, events(1))).await;
        let version = append(&store, three).await.version;
        let after = read(&store, "test-a").await;
        assert_eq!(versions(&after), (1..=4 * (round + 1)).collect::<Vec<_>>());
        let last = ReadStream::backwards(stream("test-a")).starting_at(version).with_limit(3);
        let mut together = recorded_ids(&collect(store.read_stream(last)).await);
        together.reverse();
        assert_eq!(together, wanted, "the events of one append stand together");
    }
}
