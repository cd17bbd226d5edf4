//! What a benchmark measured, in one form for all of its parts: printed as tables, and kept as JSON, from which the charts
//! and the tables of the docs are made.
//!
//! ```
//! use annals_figures::{Figure, Part, Unit};
//!
//! let opened = Figure::new("opened", Unit::PerSecond)
//!     .at_tasks(8)
//!     .by("by hand", vec![900.0, 1_000.0, 1_100.0])
//!     .by("annals", vec![1_900.0, 2_000.0, 2_300.0])
//!     .ratio("annals", "by hand")
//!     .at_least(1.5);
//! let append = Part::new("append", "accounts opened").with(opened);
//! let [table] = &*append.tables() else { unreachable!() };
//! assert_eq!(
//!     table.to_string(),
//!     "           tasks   by hand    annals   ratio        goal   spread\n  \
//!        opened       8   1,000/s   2,000/s    2.00   ≥ 1.5 met     20 %\n",
//! );
//! ```

mod figure;
mod goal;
mod measured;
mod report;
mod table;
mod unit;

pub use figure::{Figure, Ratio};
pub use goal::{Bound, Goal};
pub use measured::Measured;
pub use report::{Machine, Part, Report, Run};
pub use table::Table;
pub use unit::{Unit, with_commas};
