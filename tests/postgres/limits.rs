//! What is too much, and the most that is not.

use std::iter;

use annals::{
    AppendError, EventStore, EventType,
    ExpectedVersion::{Any, NoStream},
    Metadata, NewEvent, Payload, Position, ReadAll, Refusal, StoreError, StreamAppend, StreamId,
};

use crate::{
    asking::{all, append, event, events, read, report, to},
    fresh::{builder, fresh_store, url},
};

const EVENT_BYTES: usize = 64 << 20;

/// An event whose payload takes so many bytes.
fn sized(bytes: usize) -> NewEvent {
    let mut sized = event("test.large");
    // Unchecked, since that is quicker: it is a text between quotes.
    sized.event.payload = Payload::from_stored(format!("\"{}\"", "x".repeat(bytes - 2)));
    sized
}

/// What a store says that could store nothing: there is no schema.
async fn refusal(events: Vec<NewEvent>) -> String {
    let store = builder().connect(&url()).await.unwrap();
    let error = store.append(vec![to("test-a", Any, events)]).await.unwrap_err();
    assert!(
        matches!(&error, AppendError::Store(StoreError::Refused(Refusal::Limit(_)))),
        "it was sent: {error:?}"
    );
    report(&error)
}

#[tokio::test]
async fn an_event_of_64_mib_is_stored_and_a_larger_one_refused_before_it_is_sent() {
    let store = fresh_store().await;
    let largest = sized(EVENT_BYTES);
    append(&store, to("test-a", NoStream, vec![largest.clone()])).await;
    let stored = read(&store, "test-a").await;
    assert!(stored.len() == 1 && stored[0].event == largest.event, "it came back otherwise");
    let whole = all(store.read_all(ReadAll::after(Position::START))).await;
    assert!(whole.len() == 1 && whole[0].event == largest.event, "it came back otherwise");

    let too_large = sized(EVENT_BYTES + 1);
    assert_eq!(
        refusal(vec![too_large.clone()]).await,
        format!(
            "the append exceeds a limit of this store: event {} takes 67108865 bytes with its metadata; store up to \
             67108864 in an event, and keep larger content elsewhere",
            too_large.id
        )
    );
    let mut with_metadata = largest.clone();
    with_metadata.metadata = Metadata::by("anna");
    assert!(refusal(vec![with_metadata]).await.contains("takes 67108868 bytes"));
    let too_many = iter::repeat_with(|| NewEvent { id: event("x").id, ..largest.clone() });
    assert_eq!(
        refusal(too_many.take(4).chain(events(1)).collect()).await,
        "the append exceeds a limit of this store: the append takes 268435472 bytes; one append takes up to 268435456, \
         so split it"
    );
}

#[tokio::test]
async fn a_schema_version_that_no_column_holds_is_refused() {
    let store = fresh_store().await;
    let versioned = |version: u32| {
        let mut versioned = event("test.happened");
        versioned.event.schema_version = version;
        versioned
    };
    let largest = versioned(i32::MAX as u32);
    append(&store, to("test-a", NoStream, vec![largest.clone()])).await;
    assert_eq!(read(&store, "test-a").await[0].event, largest.event);
    for version in [i32::MAX as u32 + 1, u32::MAX] {
        let too_large = versioned(version);
        assert_eq!(
            refusal(vec![too_large.clone()]).await,
            format!(
                "the append exceeds a limit of this store: event {} has schema version {version}; the largest is 2147483647",
                too_large.id
            )
        );
    }
}

#[tokio::test]
async fn nul_is_part_of_a_text_and_of_no_name() {
    let store = fresh_store().await;
    let mut with_nul = event("test.happened");
    with_nul.event.payload =
        Payload::parse(r#"{"\u0000":"\u0000","a\u0000b":["\u0000"]}"#).unwrap();
    with_nul.metadata = Metadata::by("a\0b").with_extra("\0", "\0");
    append(&store, to("test-a", NoStream, vec![with_nul.clone()])).await;
    let stored = &read(&store, "test-a").await[0];
    assert_eq!((&stored.event, &stored.metadata), (&with_nul.event, &with_nul.metadata));
    assert!(StreamId::new("test", "a\0b").is_err() && StreamId::new("te\0st", "a").is_err());
    assert!(EventType::new("test.\0").is_err());
}

/// Names are the largest entries of an index, and cannot always be compressed.
#[tokio::test]
async fn the_longest_names_fit_their_indexes() {
    let store = fresh_store().await;
    let mut seed = 7_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_u32(0x1F300 + (seed >> 16) % 0x300).unwrap()
    };
    let category: String = "c".repeat(StreamId::MAX_CATEGORY_BYTES);
    let mut longest = || {
        let entity: String = iter::repeat_with(&mut next).take(111).collect();
        let name = StreamId::new(&category, format!("{entity}xxx")).unwrap();
        assert_eq!(name.as_str().len(), StreamId::MAX_BYTES);
        name
    };
    let names: Vec<_> = iter::repeat_with(&mut longest).take(50).collect();
    let event_type: String = iter::repeat_with(&mut next).take(63).collect();
    for name in &names {
        let request = StreamAppend::new(name.clone(), NoStream, vec![event(&event_type)]);
        append(&store, request).await;
    }
    for name in &names {
        assert_eq!(read(&store, name.as_str()).await[0].stream, *name);
    }
}
