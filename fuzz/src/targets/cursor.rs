//! A place in a list, which comes back from a browser.

use annals::Cursor;

use super::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    is_read_as_written(text);
    // Most texts are no hexadecimal digits, so that what is inside would hardly ever be reached.
    is_read_as_written(&text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
}

fn is_read_as_written(text: &str) {
    if let Ok(cursor) = text.parse::<Cursor>() {
        let again = cursor.to_string().parse::<Cursor>().expect("what was written");
        assert_eq!((again.key(), again.to_string()), (cursor.key(), cursor.to_string()));
    }
}
