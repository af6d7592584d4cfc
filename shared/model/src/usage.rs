//! Usage metering: bytes per series and minute.
//!
//! A [`Series`] is counted separately at each of its [`Origin`]s. Its [`OpenHour`] there holds
//! the minutes of the open hour and the total. Closed hours are stored separately.

mod counter;
mod hour;
mod label;
mod open_hour;
pub mod prometheus_text;
mod report;
mod series;
mod source;
mod window;

pub use counter::{CONTINUITY_WINDOW, Counter};
pub use hour::{Day, Hour, MINUTE, minute_of};
pub use label::{InvalidLabel, Label};
pub use open_hour::{ClosedHour, HourUpdate, Minutes, OpenHour, Origin};
pub use report::{Report, ReportId, ReportTimeError};
pub use series::{Direction, Filter, InvalidDirection, MAX_SERIES, Series};
pub use source::{
    Fixed, Labels, Preset, Selection, Source, SourceSpec, SourceState, UnmappableSample, Upstream,
};
pub use window::{
    InvalidLookback, InvalidRange, InvalidStep, Lookback, MAX_POINTS, Points, Step, Windows,
};
