//! The pure parts of the soak engine: reading pages of metrics, keeping evidence, and judging it.
//!
//! Nothing here does I/O, reads a clock, waits, or draws random numbers: the same evidence always gives the same verdict, in
//! the operator and on anyone's machine. Fetching pages and writing objects belong to the operator.

pub mod cadence;
pub mod check;
pub mod evidence;
pub mod page;
pub mod record;
pub mod recorder;
mod row;
pub mod scan;
pub mod segment;
mod series;
mod text;
mod times;
pub mod trend;
pub mod types;
pub mod unit;

pub use series::{SERIES_OF_METRIC, SERIES_ON_PAGE};
