//! Ids, types and numbers that come as text: from a URL, a message, another service.

use std::{fmt::Display, str::FromStr};

use annals::{CorrelationId, EventId, EventType, Position, StreamId, Version};

use super::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    stream_id(text);
    event_type(text);
    comes_back::<Version>(text);
    comes_back::<Position>(text);
    comes_back::<EventId>(text);
    comes_back::<CorrelationId>(text);
}

fn stream_id(text: &str) {
    let taken = comes_back::<StreamId>(text);
    let may_be_taken = text.split_once('-').is_some_and(|(category, entity)| {
        (1..=64).contains(&category.len())
            && category.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
            && !entity.is_empty()
            && !entity.chars().any(char::is_control)
            && text.len() <= 512
    });
    assert_eq!(taken.is_some(), may_be_taken, "{text:?}");
    if let Some(stream) = taken {
        assert_eq!(stream.as_str(), text);
        let parts = StreamId::new(stream.category(), stream.entity_id());
        assert_eq!(parts.as_ref(), Ok(&stream));
        let json = serde_json::to_string(&stream).expect("a text");
        assert_eq!(serde_json::from_str::<StreamId>(&json).expect("what was written"), stream);
    }
}

fn event_type(text: &str) {
    if let Some(event_type) = comes_back::<EventType>(text) {
        assert_eq!(event_type.as_str(), text);
        let json = serde_json::to_string(&event_type).expect("a text");
        assert_eq!(serde_json::from_str::<EventType>(&json).expect("what was written"), event_type);
    }
}

/// What is taken is written in a way that is taken for the same; what is not says why.
fn comes_back<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: Display> + Display + PartialEq + std::fmt::Debug,
{
    match text.parse::<T>() {
        Ok(taken) => {
            let again = taken.to_string().parse::<T>();
            assert_eq!(again.ok().as_ref(), Some(&taken), "{text:?}");
            Some(taken)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}
