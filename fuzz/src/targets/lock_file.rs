//! Shapes of events, from a file that people edit and merge.

use std::collections::BTreeMap;

use annals::Shape;

use super::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(shapes) = serde_json::from_str::<BTreeMap<String, Shape>>(text) else { return };
    for shape in shapes.values() {
        let json = serde_json::to_string(shape).expect("JSON");
        assert_eq!(&serde_json::from_str::<Shape>(&json).expect("what was written"), shape);
        assert_eq!(shape.breaking_changes(shape), [], "a shape reads what is stored in it");
        for other in shapes.values() {
            let changes = shape.breaking_changes(other);
            assert!(changes.iter().all(|change| !change.to_string().is_empty()));
        }
    }
}
