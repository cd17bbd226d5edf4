use futures_util::StreamExt;

use super::fixture::{
    Any, Store, append, collect, events, ids, read, read_all, recorded_ids, stream, to, versions,
};
use crate::{Position, ReadAll, ReadStream, Version};

pub(super) async fn a_stream_that_does_not_exist_is_empty(store: Store) {
    append(&store, to("test-a", Any, events(1))).await;
    assert_eq!(read(&store, "test-b").await, []);
    assert_eq!(collect(store.read_stream(ReadStream::backwards(stream("test-b")))).await, []);
}

pub(super) async fn a_stream_reads_forwards_from_a_version(store: Store) {
    append(&store, to("test-a", Any, events(3))).await;
    append(&store, to("test-b", Any, events(3))).await;
    append(&store, to("test-a", Any, events(2))).await;
    for (from, expected) in [
        (0, &[1, 2, 3, 4, 5][..]),
        (1, &[1, 2, 3, 4, 5]),
        (4, &[4, 5]),
        (5, &[5]),
        (6, &[]),
        (u64::MAX, &[]),
    ] {
        let read = ReadStream::forwards(stream("test-a")).starting_at(Version::new(from));
        let came = collect(store.read_stream(read)).await;
        assert_eq!(versions(&came), expected, "from {from}");
        assert!(came.iter().all(|event| event.stream == stream("test-a")));
    }
}

pub(super) async fn a_stream_reads_backwards_from_a_version(store: Store) {
    append(&store, to("test-a", Any, events(3))).await;
    append(&store, to("test-b", Any, events(3))).await;
    append(&store, to("test-a", Any, events(2))).await;
    let backwards = || ReadStream::backwards(stream("test-a"));
    assert_eq!(versions(&collect(store.read_stream(backwards())).await), [5, 4, 3, 2, 1]);
    for (from, expected) in [
        (0, &[][..]),
        (1, &[1]),
        (4, &[4, 3, 2, 1]),
        (5, &[5, 4, 3, 2, 1]),
        (u64::MAX, &[5, 4, 3, 2, 1]),
    ] {
        let came = collect(store.read_stream(backwards().starting_at(Version::new(from)))).await;
        assert_eq!(versions(&came), expected, "from {from}");
    }
}

pub(super) async fn a_limit_ends_a_read(store: Store) {
    append(&store, to("test-a", Any, events(5))).await;
    for limit in [0, 1, 4, 5, 6, u64::MAX] {
        let expected = limit.min(5) as usize;
        let reads = [
            store.read_stream(ReadStream::forwards(stream("test-a")).with_limit(limit)),
            store.read_stream(ReadStream::backwards(stream("test-a")).with_limit(limit)),
            store.read_all(ReadAll::after(Position::START).with_limit(limit)),
        ];
        for read in reads {
            assert_eq!(collect(read).await.len(), expected, "limit {limit}");
        }
    }
    let middle = ReadStream::forwards(stream("test-a")).starting_at(Version::new(2)).with_limit(3);
    assert_eq!(versions(&collect(store.read_stream(middle)).await), [2, 3, 4]);
    let middle = ReadStream::backwards(stream("test-a")).starting_at(Version::new(4)).with_limit(2);
    assert_eq!(versions(&collect(store.read_stream(middle)).await), [4, 3]);
}

pub(super) async fn a_long_stream_reads_whole_in_both_directions(store: Store) {
    let mut wanted = Vec::new();
    for _ in 0..8 {
        let page = events(350);
        wanted.extend(ids(&page));
        append(&store, to("test-long", Any, page)).await;
        append(&store, to("test-other", Any, events(50))).await;
    }
    assert_eq!(recorded_ids(&read(&store, "test-long").await), wanted);
    wanted.reverse();
    let backwards = collect(store.read_stream(ReadStream::backwards(stream("test-long")))).await;
    assert_eq!(recorded_ids(&backwards), wanted);
    assert_eq!(read_all(&store).await.len(), 8 * 400);
    let limited =
        ReadStream::forwards(stream("test-long")).starting_at(Version::new(701)).with_limit(1500);
    let limited = collect(store.read_stream(limited)).await;
    assert_eq!(versions(&limited), (701..=2200).collect::<Vec<_>>());
}

pub(super) async fn streams_with_similar_names_do_not_mix(store: Store) {
    let names = [
        "test-1",
        "test-10",
        "test-1-0",
        "tes-t1",
        "test-A",
        "test-a",
        "test-%",
        "test-_",
        "test-é",
        "test-e\u{301}",
        "test-1 ",
    ];
    for name in names {
        let event = events(1);
        let id = ids(&event);
        assert_eq!(append(&store, to(name, Any, event)).await.version, Version::new(1), "{name}");
        assert_eq!(recorded_ids(&read(&store, name).await), id, "{name}");
    }
    let all: Vec<_> =
        read_all(&store).await.into_iter().map(|event| event.stream.to_string()).collect();
    assert_eq!(all, names);
}

pub(super) async fn the_global_stream_reads_on_after_a_position(store: Store) {
    for round in 0..6 {
        append(&store, to(&format!("test-{}", round % 2), Any, events(2))).await;
    }
    let all = read_all(&store).await;
    for (index, event) in all.iter().enumerate() {
        let rest = collect(store.read_all(ReadAll::after(event.position))).await;
        assert_eq!(Some(&rest[..]), all.get(index + 1..));
        let next = collect(store.read_all(ReadAll::after(event.position).with_limit(2))).await;
        assert_eq!(next, all.iter().skip(index + 1).take(2).cloned().collect::<Vec<_>>());
    }
    assert_eq!(collect(store.read_all(ReadAll::after(Position::new(u64::MAX)))).await, []);
}

pub(super) async fn the_global_stream_reads_up_to_a_position(store: Store) {
    for round in 0..6 {
        append(&store, to(&format!("test-{}", round % 2), Any, events(2))).await;
    }
    let all = read_all(&store).await;
    let up_to = async |after: Position, end: u64| {
        collect(store.read_all(ReadAll::after(after).up_to(Position::new(end)))).await
    };
    for (index, event) in all.iter().enumerate() {
        let (position, end) = (event.position, event.position.get());
        let first = up_to(Position::START, end).await;
        assert_eq!(Some(&first[..]), all.get(..=index), "{position} is part of what ends at it");
        assert_eq!(Some(&up_to(Position::START, end - 1).await[..]), all.get(..index));
        let beyond = up_to(position, u64::MAX).await;
        assert_eq!(Some(&beyond[..]), all.get(index + 1..), "beyond the head it ends at the head");
        for nothing in [end, end - 1, 0] {
            let came = up_to(position, nothing).await;
            assert_eq!(came, [], "nothing is after {position} and up to {nothing}");
        }
    }
    // Over many pages, with later events behind the end.
    append(&store, to("test-a", Any, events(3_000))).await;
    let whole = read_all(&store).await;
    let [.., last] = &whole[..] else { panic!("events were stored") };
    append(&store, to("test-a", Any, events(100))).await;
    assert!(up_to(Position::START, last.position.get()).await == whole, "not up to the end");
}

pub(super) async fn what_is_recorded_stays_as_it_is(store: Store) {
    append(&store, to("test-a", Any, events(2))).await;
    let before = read_all(&store).await;
    append(&store, to("test-a", Any, events(2))).await;
    append(&store, to("test-b", Any, events(1))).await;
    let after = read_all(&store).await;
    assert_eq!(after.get(..2), Some(&before[..]), "time, ids and positions of the first two");
    let by_stream: Vec<_> = [read(&store, "test-a").await, read(&store, "test-b").await].concat();
    assert_eq!(by_stream, after, "both ways of reading give the same records");
}

pub(super) async fn events_are_recorded_to_the_microsecond(store: Store) {
    for _ in 0..20 {
        append(&store, to("test-a", Any, events(1))).await;
    }
    for event in read_all(&store).await {
        let beyond = event.recorded_at.timestamp_subsec_nanos() % 1_000;
        assert_eq!(beyond, 0, "{} tells more than another store could keep", event.recorded_at);
    }
}

pub(super) async fn a_read_is_not_disturbed_by_appends_meanwhile(store: Store) {
    append(&store, to("test-a", Any, events(600))).await;
    let mut forwards = store.read_stream(ReadStream::forwards(stream("test-a")));
    let mut backwards = store.read_stream(ReadStream::backwards(stream("test-a")));
    let mut all = store.read_all(ReadAll::after(Position::START));
    let mut came = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..4 {
        for (read, came) in [&mut forwards, &mut backwards, &mut all].into_iter().zip(&mut came) {
            came.extend(collect(read.take(150)).await);
        }
        append(&store, to("test-a", Any, events(70))).await;
    }
    let [forwards, backwards, all] = came;
    assert_eq!(versions(&forwards), (1..=600).collect::<Vec<_>>());
    assert_eq!(versions(&backwards), (1..=600).rev().collect::<Vec<_>>());
    assert_eq!(all, forwards);
}
