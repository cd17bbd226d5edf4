//! annals

#[doc(hidden)]
pub use annals_core::__private;
pub use annals_core::*;
#[cfg(feature = "macros")]
pub use annals_macros::Event;
#[cfg(feature = "memory")]
pub use annals_memory_store::MemoryStore;
