use serde_json::{Value, json};

use super::fixture::{Any, Store, append, events, payload, read, stream, to};
use crate::{
    CausationId, CorrelationId, EventData, EventId, EventType, Metadata, NewEvent, Payload,
    StreamId,
};

async fn come_back_equal(store: &Store, values: Vec<Value>) {
    let new = |value: &Value| {
        NewEvent::new(EventData::new(EventType::from_static("test.said"), payload(value)))
    };
    append(store, to("test-a", Any, values.iter().map(new).collect())).await;
    let stored = read(store, "test-a").await;
    assert_eq!(stored.len(), values.len());
    for (event, value) in stored.iter().zip(values) {
        let back =
            event.event.payload.to_value().unwrap_or_else(|error| panic!("{error}: {event:?}"));
        assert_eq!(back, value);
    }
}

pub(super) async fn every_json_value_comes_back_equal(store: Store) {
    let values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!((1_u64 << 53) + 1),
        json!(0.1),
        json!(-0.0),
        json!(1.0),
        json!(1e-7),
        json!(1e17),
        json!(f64::MAX),
        json!(f64::MIN_POSITIVE),
        json!(f64::EPSILON),
        json!(5e-324),
        json!(123_456_789.123_456_79),
        json!(""),
        json!("\u{0}"),
        json!("a\u{0}b\u{1}\u{1f}\u{7f}\u{80}"),
        json!("quote \" backslash \\ slash / tab \t line \n return \r"),
        json!("\\u0000 is not \u{0}"),
        json!("é \u{301} ß 漢字 \u{1F980} \u{FFFF} \u{10FFFF} \u{202E} \u{FEFF} \u{2028}"),
        json!("'; DROP TABLE events; --"),
        json!([]),
        json!({}),
        json!([[], {}, [[]], [{}], {"a": []}]),
        json!({"": {"": {"": null}}}),
        json!({"schlüssel": 1, "鍵": 2, "\u{0}": 3, " ": 4, "a\"b": 5, "__proto__": 6, "$type": 7}),
        json!({"b": 1, "a": 2, "B": 3}),
        json!([1, 1.0, "1", true, null, [1], {"1": 1}]),
    ];
    come_back_equal(&store, values).await;
}

pub(super) async fn the_deepest_nesting_comes_back_equal(store: Store) {
    let nest = |wrap: fn(Value) -> Value| {
        (0..Payload::MAX_DEPTH - 1).fold(json!([]), |inner, _| wrap(inner))
    };
    come_back_equal(
        &store,
        vec![nest(|inner| json!([inner])), nest(|inner| json!({ "in": inner }))],
    )
    .await;
}

pub(super) async fn large_payloads_and_appends_come_back_equal(store: Store) {
    let text = "event sourcing \u{1F980} ".repeat(50_000);
    let numbers: Vec<_> = (0..100_000).collect();
    come_back_equal(&store, vec![json!(text), json!({ "numbers": numbers })]).await;
    let many = events(1_000);
    append(&store, to("test-many", Any, many.clone())).await;
    let said = |id: EventId, event: &EventData| (id, event.payload.to_value().ok());
    let back: Vec<_> =
        read(&store, "test-many").await.iter().map(|e| said(e.id, &e.event)).collect();
    assert_eq!(back, many.iter().map(|e| said(e.id, &e.event)).collect::<Vec<_>>());
}

pub(super) async fn names_and_metadata_come_back_equal(store: Store) {
    let full = Metadata::by("anna \u{0} \"b\" é \u{1F980}")
        .with_correlation_id(CorrelationId::from(EventId::new()))
        .with_causation_id(CausationId::from(EventId::new()))
        .with_extra("ip", "203.0.113.7")
        .with_extra("\u{0}", json!({"nested": [u64::MAX, 0.1, null, "\u{0}"]}));
    let longest =
        StreamId::new(&"c".repeat(64), "\u{e9}x".repeat(149)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(longest.as_str().len(), StreamId::MAX_BYTES);
    for stream in [longest, stream("a.b_C9-' \" % \\ / ? # é \u{1F980} --")] {
        let event_type = EventType::new("é".repeat(127)).unwrap_or_else(|e| panic!("{e}"));
        let event = |metadata: Metadata, schema_version| NewEvent {
            id: EventId::new(),
            event: EventData {
                event_type: event_type.clone(),
                schema_version,
                payload: payload(&json!({})),
            },
            metadata,
        };
        let new = vec![
            event(full.clone(), 1),
            event(Metadata::default(), 2),
            event(Metadata::by(""), 1_000_000),
        ];
        append(&store, crate::StreamAppend::new(stream.clone(), Any, new.clone())).await;
        let stored =
            super::fixture::collect(store.read_stream(crate::ReadStream::forwards(stream.clone())))
                .await;
        assert_eq!(stored.len(), new.len());
        for (mut stored, new) in stored.into_iter().zip(new) {
            assert_eq!(stored.stream, stream);
            stored.event.payload = payload(&stored.event.payload.to_value().unwrap_or_default());
            assert_eq!(
                NewEvent { id: stored.id, event: stored.event, metadata: stored.metadata },
                new
            );
        }
    }
}
