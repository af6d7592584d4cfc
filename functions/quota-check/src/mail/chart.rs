use jiff::Zoned;
use model::{
    quota::{Period, PeriodLength, PeriodUsage, Quota},
    time::Time,
    zone::Zone,
};

use super::bytes;

/// Height of the highest bar, in pixels.
const HEIGHT: u64 = 90;

/// Usage by day of a month, hour of a day or five minutes of an hour, up to now.
pub struct Chart {
    /// Title with the amount of the highest bar.
    pub title: String,
    /// One bar for each interval that has begun.
    pub bars: Vec<Bar>,
    /// Number of intervals in the whole period.
    pub slots: usize,
    /// Labels below the bars, each with the number of bars it spans.
    pub labels: Vec<(usize, String)>,
}

pub struct Bar {
    pub label: String,
    pub amount: String,
    /// In pixels, 90 at most.
    pub height: usize,
    pub color: &'static str,
}

impl Chart {
    /// The chart of a period at `now`. It has no bars if no usage was recorded.
    pub fn of(quota: &Quota, usage: &PeriodUsage, zone: &Zone, now: Time) -> Self {
        let (length, period) = (quota.spec.period, usage.period);
        let last = Time::from_millis(period.end.millis() - 1);
        let slots = length.chart_intervals(zone, period, last);
        let started = length.chart_intervals(zone, period, now.min(last)).len();
        let max = usage.bars.iter().copied().max().unwrap_or(0);
        let amount = |n: usize| usage.bars.get(n).copied().unwrap_or(0);
        let bars = slots.iter().take(started).enumerate().filter(|_| max > 0);
        Self {
            title: match length {
                PeriodLength::Month => format!("Used by day, at most {}", bytes(max)),
                PeriodLength::Day => format!("Used by hour, at most {}", bytes(max)),
                PeriodLength::Hour => format!("Used by five minutes, at most {}", bytes(max)),
            },
            bars: bars
                .map(|(n, slot)| Bar::of(label(length, slot, zone), amount(n), max))
                .collect(),
            labels: labels(length, &slots, zone),
            slots: slots.len(),
        }
    }
}

impl Bar {
    fn of(label: String, amount: u64, max: u64) -> Self {
        let height = u128::from(amount) * u128::from(HEIGHT) / u128::from(max.max(1));
        // A thin line marks an interval without usage.
        let (height, color) = if amount == 0 { (1, "#ced4da") } else { (height.max(2), "#4c6ef5") };
        Self { label, amount: bytes(amount), height: usize::try_from(height).unwrap_or(1), color }
    }

    /// The bar as text, 30 characters at most.
    pub fn line(&self) -> String {
        format!("{:<6} {:<30} {}", self.label, "#".repeat(self.height / 3), self.amount)
    }
}

/// Labels every third to seventh bar, so that the text fits.
fn labels(length: PeriodLength, slots: &[Period], zone: &Zone) -> Vec<(usize, String)> {
    let step = match length {
        PeriodLength::Month => 7,
        PeriodLength::Day => 6,
        PeriodLength::Hour => 3,
    };
    slots.chunks(step).map(|chunk| (chunk.len(), label(length, &chunk[0], zone))).collect()
}

fn label(length: PeriodLength, slot: &Period, zone: &Zone) -> String {
    let format = match length {
        PeriodLength::Month => "%b %-d",
        PeriodLength::Day | PeriodLength::Hour => "%H:%M",
    };
    zone.local(slot.start)
        .map(|local: Zoned| local.strftime(format).to_string())
        .unwrap_or_default()
}
