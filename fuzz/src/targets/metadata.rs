//! What is known about an event, as JSON.

use annals::Metadata;

use super::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(metadata) = serde_json::from_str::<Metadata>(text) else { return };
    let json = serde_json::to_string(&metadata).expect("JSON");
    assert_eq!(serde_json::from_str::<Metadata>(&json).expect("what was written"), metadata);
}
