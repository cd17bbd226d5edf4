//! What an event says, as JSON text.

use annals::Payload;
use serde_json::Value;

use super::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let value = serde_json::from_str::<Value>(text);
    match Payload::parse(text) {
        Ok(payload) => {
            let value = value.expect("what serde_json cannot read is refused");
            assert_eq!(payload.as_str(), text, "to the letter");
            assert_eq!(payload.to_value().expect("JSON"), value);
            let encoded = Payload::encode(&value).expect("what was read can be written");
            assert_eq!(encoded.to_value().expect("JSON"), value);
        }
        Err(reason) => {
            assert!(!reason.to_string().is_empty());
            assert!(value.is_err() || depth(text) > Payload::MAX_DEPTH, "{reason}: {text:?}");
        }
    }
    // As from a store that holds what it should not.
    let _ = Payload::from_stored(text).to_value();
}

/// How deep the brackets of a JSON text nest.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut is_in_text, mut is_escaped) = (0_usize, 0, false, false);
    for character in json.chars() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_in_text = !is_in_text,
            '[' | '{' if !is_in_text => depth += 1,
            ']' | '}' if !is_in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
