use serde_json::{Value, json};

use super::fixture::{Any, Store, append, event, events, read_all, refusal, stream, to};
use crate::{Metadata, Payload, Refusal};

pub(super) async fn a_stream_twice_in_one_append_is_refused(store: Store) {
    let twice = vec![
        to("test-a", Any, events(1)),
        to("test-b", Any, events(1)),
        to("test-a", Any, events(1)),
    ];
    match refusal(&store, twice).await {
        Refusal::StreamTwice(told) => assert_eq!(told, stream("test-a")),
        other => panic!("refused for another reason: {other:?}"),
    }
    assert_eq!(read_all(&store).await, []);
}

pub(super) async fn an_id_twice_in_one_append_is_refused(store: Store) {
    let same = event("test.happened", 1);
    let in_one_stream =
        vec![to("test-a", Any, vec![same.clone(), event("test.happened", 2), same.clone()])];
    let in_two_streams =
        vec![to("test-a", Any, vec![same.clone()]), to("test-b", Any, vec![same.clone()])];
    for twice in [in_one_stream, in_two_streams] {
        match refusal(&store, twice).await {
            Refusal::EventIdTwice(told) => assert_eq!(told, same.id),
            other => panic!("refused for another reason: {other:?}"),
        }
        assert_eq!(read_all(&store).await, []);
    }
    append(&store, to("test-a", Any, vec![same])).await;
}

pub(super) async fn metadata_that_cannot_be_read_again_is_refused(store: Store) {
    let too_deep = (0..Payload::MAX_DEPTH).fold(Value::Null, |inner, _| json!([inner]));
    let bad =
        event("test.happened", 1).with_metadata(Metadata::default().with_extra("deep", too_deep));
    for with_bad in [vec![bad.clone()], vec![event("test.happened", 0), bad.clone()]] {
        match refusal(&store, vec![to("test-a", Any, with_bad)]).await {
            Refusal::Metadata { id, .. } => assert_eq!(id, bad.id),
            other => panic!("refused for another reason: {other:?}"),
        }
        assert_eq!(read_all(&store).await, []);
    }
}

pub(super) async fn schema_version_zero_is_refused(store: Store) {
    let mut bad = event("test.happened", 1);
    bad.event.schema_version = 0;
    for with_bad in [vec![bad.clone()], vec![event("test.happened", 0), bad.clone()]] {
        match refusal(&store, vec![to("test-a", Any, with_bad)]).await {
            Refusal::SchemaVersionZero(id) => assert_eq!(id, bad.id),
            other => panic!("refused for another reason: {other:?}"),
        }
        assert_eq!(read_all(&store).await, []);
    }
}
