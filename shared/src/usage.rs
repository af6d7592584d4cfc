//! Usage metering: bytes per series and minute.
//!
//! A [`Series`] is counted separately at each of its [`Origin`]s. Its [`Head`] there holds the
//! minutes of the open hour and the total. Closed hours are stored separately.

mod counter;
pub mod exposition;
mod head;
mod hour;
mod label;
mod report;
mod series;
mod source;
mod window;

pub use counter::{Counter, WATCHED};
pub use head::{Advance, ClosedHour, Head, Minutes, Origin};
pub use hour::{Day, Hour, MINUTE, minute_of};
pub use label::{Label, NotALabel};
pub use report::{OutOfTime, Report, ReportId};
pub use series::{Direction, Filter, MAX_SERIES, NotADirection, Series};
pub use source::{
    Fixed, Labels, Preset, Selection, Source, SourceSpec, SourceState, Upstream, WhyNot,
};
pub use window::{BadRange, Lookback, MAX_POINTS, NotALookback, NotAStep, Points, Step, Windows};
