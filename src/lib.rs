//! annals

#[doc(hidden)]
pub use annals_core::__private;
pub use annals_core::*;
#[cfg(feature = "memory")]
pub use annals_memory_store::MemoryStore;
