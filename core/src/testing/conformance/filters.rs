use super::fixture::{Any, Store, append, collect, event, events, ids, recorded_ids, to, versions};
use crate::{EventId, EventType, Filter, Position, ReadAll};

async fn matching(store: &Store, filter: Filter) -> Vec<EventId> {
    recorded_ids(
        &collect(store.read_all(ReadAll::after(Position::START).with_filter(filter))).await,
    )
}

pub(super) async fn a_filter_by_category_takes_no_other(store: Store) {
    let mut stored = Vec::new();
    for category in ["account", "accounts", "a_count", "abcount", "Account", "account.eu"] {
        let event = events(1);
        stored.extend(ids(&event));
        append(&store, to(&format!("{category}-1"), Any, event)).await;
    }
    let [account, accounts, with_underscore, ..] = stored[..] else {
        panic!("six events were stored")
    };
    assert_eq!(matching(&store, Filter::any()).await, stored);
    assert_eq!(matching(&store, Filter::any().with_category("account")).await, [account]);
    assert_eq!(matching(&store, Filter::any().with_category("a_count")).await, [with_underscore]);
    let two = Filter::any().with_category("accounts").with_category("account");
    assert_eq!(matching(&store, two).await, [account, accounts]);
    assert_eq!(matching(&store, Filter::any().with_category("nobody")).await, []);
}

pub(super) async fn a_filter_by_event_type_takes_no_other(store: Store) {
    let mixed: Vec<_> = ["test.opened", "test.closed", "test.opened_late", "test%", "TEST.OPENED"]
        .map(|name| event(name, 0))
        .into();
    let stored = ids(&mixed);
    append(&store, to("test-a", Any, mixed)).await;
    let [opened, closed, ..] = stored[..] else { panic!("five events were stored") };
    assert_eq!(
        matching(&store, Filter::any().with_event_type(EventType::from_static("test.opened")))
            .await,
        [opened]
    );
    let two = Filter::any()
        .with_event_type(EventType::from_static("test.closed"))
        .with_event_type(EventType::from_static("test.opened"));
    assert_eq!(matching(&store, two).await, [opened, closed]);
    assert_eq!(
        matching(&store, Filter::any().with_event_type(EventType::from_static("test."))).await,
        []
    );
}

pub(super) async fn category_and_event_type_must_both_match(store: Store) {
    let mut wanted = Vec::new();
    for (name, kind) in
        [("one-1", "x.a"), ("one-1", "x.b"), ("two-1", "x.a"), ("two-1", "x.b"), ("one-2", "x.a")]
    {
        let event = vec![event(kind, 0)];
        if name.starts_with("one") && kind == "x.a" {
            wanted.extend(ids(&event));
        }
        append(&store, to(name, Any, event)).await;
    }
    let both = Filter::any().with_category("one").with_event_type(EventType::from_static("x.a"));
    assert_eq!(matching(&store, both).await, wanted);
}

pub(super) async fn a_limit_counts_what_matches(store: Store) {
    for round in 0..10 {
        let kind = if round % 2 == 0 { "test.even" } else { "test.odd" };
        append(&store, to("test-a", Any, vec![event(kind, round)])).await;
    }
    let odd = Filter::any().with_event_type(EventType::from_static("test.odd"));
    let read = ReadAll::after(Position::START).with_filter(odd).with_limit(3);
    assert_eq!(versions(&collect(store.read_all(read)).await), [2, 4, 6]);
}

pub(super) async fn a_filter_a_limit_and_an_end_hold_together(store: Store) {
    let mut stored = Vec::new();
    for round in 0..12 {
        let kind = if round % 3 == 0 { "test.third" } else { "test.other" };
        stored.push(append(&store, to("test-a", Any, vec![event(kind, round)])).await.position);
    }
    let third = || Filter::any().with_event_type(EventType::from_static("test.third"));
    // Versions 1, 4, 7 and 10 match.
    for (after, up_to, limit, expected) in [
        (0, 10, 9, &[1, 4, 7, 10][..]),
        (0, 10, 3, &[1, 4, 7]),
        (0, 9, 3, &[1, 4, 7]),
        (0, 7, 3, &[1, 4, 7]),
        (0, 6, 3, &[1, 4]),
        (1, 10, 2, &[4, 7]),
        (1, 4, 2, &[4]),
        (4, 6, 2, &[]),
        (4, 12, 0, &[]),
        (7, 4, 2, &[]),
        (10, 12, 1, &[]),
    ] {
        let position = |version: usize| match version {
            0 => Position::START,
            version => stored.get(version - 1).copied().unwrap_or_default(),
        };
        let read = ReadAll::after(position(after)).up_to(position(up_to));
        let read = read.with_filter(third()).with_limit(limit);
        let came = versions(&collect(store.read_all(read)).await);
        assert_eq!(came, expected, "after {after}, up to {up_to}, at most {limit}");
    }
}

pub(super) async fn a_rare_match_is_found_in_a_long_log(store: Store) {
    let mut rare = Vec::new();
    for _ in 0..3 {
        for _ in 0..5 {
            append(&store, to("test-a", Any, events(1000))).await;
        }
        let event = vec![event("test.rare", 0)];
        rare.extend(ids(&event));
        append(&store, to("test-a", Any, event)).await;
    }
    assert_eq!(
        matching(&store, Filter::any().with_event_type(EventType::from_static("test.rare"))).await,
        rare
    );
}
