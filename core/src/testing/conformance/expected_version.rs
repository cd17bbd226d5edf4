use super::fixture::{
    Any, Exists, NoStream, Store, append, conflict, events, exact, read, stream, to,
};
use crate::{Conflict, Version};

pub(super) async fn any_version_takes_a_new_stream_and_an_existing_one(store: Store) {
    assert_eq!(append(&store, to("test-a", Any, events(2))).await.version, Version::new(2));
    assert_eq!(append(&store, to("test-a", Any, events(1))).await.version, Version::new(3));
}

pub(super) async fn no_stream_takes_a_new_stream_only(store: Store) {
    assert_eq!(append(&store, to("test-a", NoStream, events(1))).await.version, Version::new(1));
    conflict(&store, vec![to("test-a", NoStream, events(1))]).await;
    assert_eq!(read(&store, "test-a").await.len(), 1);
}

pub(super) async fn exists_takes_an_existing_stream_only(store: Store) {
    conflict(&store, vec![to("test-a", Exists, events(1))]).await;
    assert!(read(&store, "test-a").await.is_empty());
    append(&store, to("test-a", Any, events(1))).await;
    assert_eq!(append(&store, to("test-a", Exists, events(1))).await.version, Version::new(2));
}

pub(super) async fn exact_takes_that_version_only(store: Store) {
    append(&store, to("test-a", Any, events(2))).await;
    for wrong in [1, 3, u64::MAX] {
        conflict(&store, vec![to("test-a", exact(wrong), events(1))]).await;
    }
    assert_eq!(append(&store, to("test-a", exact(2), events(1))).await.version, Version::new(3));
    conflict(&store, vec![to("test-a", exact(2), events(1))]).await;
}

pub(super) async fn exact_zero_asks_for_no_stream(store: Store) {
    assert_eq!(append(&store, to("test-a", exact(0), events(1))).await.version, Version::new(1));
    conflict(&store, vec![to("test-a", exact(0), events(1))]).await;
}

pub(super) async fn a_conflict_names_the_stream_and_both_versions(store: Store) {
    append(&store, to("test-a", Any, events(3))).await;
    for (name, expected, actual) in [
        ("test-a", NoStream, 3),
        ("test-a", exact(1), 3),
        ("test-a", exact(9), 3),
        ("test-b", Exists, 0),
        ("test-b", exact(1), 0),
    ] {
        let told = conflict(&store, vec![to(name, expected, events(1))]).await;
        assert_eq!(told, Conflict { stream: stream(name), expected, actual: Version::new(actual) });
    }
}
