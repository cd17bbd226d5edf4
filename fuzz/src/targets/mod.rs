mod cursor;
mod lock_file;
mod metadata;
mod names;
mod payload;
mod stored_event;

use crate::Target;

/// Everything that parses what others have written.
pub const TARGETS: &[Target] = &[
    Target { name: "cursor", run: cursor::run },
    Target { name: "lock_file", run: lock_file::run },
    Target { name: "metadata", run: metadata::run },
    Target { name: "names", run: names::run },
    Target { name: "payload", run: payload::run },
    Target { name: "stored_event", run: stored_event::run },
];

/// The input as text, as everything that is stored or typed is; none if it is none.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
