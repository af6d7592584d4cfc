use jiff::Zoned;
use shared::{
    quota::{Period, PeriodLength, Quota, Tally},
    time::Time,
    zone::Zone,
};

use super::bytes;

/// How high the highest bar is, in pixels.
const HEIGHT: u64 = 90;

/// The days of a month, the hours of a day or the five minutes of an hour so far, each with what was used in it.
pub struct Chart {
    /// What it shows, and how much the highest bar is.
    pub title: String,
    /// One for each that began.
    pub bars: Vec<Bar>,
    /// How many the whole period has.
    pub slots: usize,
    /// What stands below the bars, each below so many of them.
    pub labels: Vec<(usize, String)>,
}

/// One of them.
pub struct Bar {
    pub label: String,
    pub amount: String,
    /// In pixels, of at most 90.
    pub height: usize,
    pub color: &'static str,
}

impl Chart {
    /// Of a period at `now`; without bars if nothing was used while somebody looked.
    pub fn of(quota: &Quota, tally: &Tally, zone: &Zone, now: Time) -> Self {
        let (length, period) = (quota.spec.period, tally.period);
        let last = Time::from_millis(period.end.millis() - 1);
        let slots = length.bars(zone, period, last);
        let begun = length.bars(zone, period, now.min(last)).len();
        let most = tally.bars.iter().copied().max().unwrap_or(0);
        let amount = |n: usize| tally.bars.get(n).copied().unwrap_or(0);
        let bars = slots.iter().take(begun).enumerate().filter(|_| most > 0);
        Self {
            title: match length {
                PeriodLength::Month => format!("Used by day, at most {}", bytes(most)),
                PeriodLength::Day => format!("Used by hour, at most {}", bytes(most)),
                PeriodLength::Hour => format!("Used by five minutes, at most {}", bytes(most)),
            },
            bars: bars
                .map(|(n, slot)| Bar::of(label(length, slot, zone), amount(n), most))
                .collect(),
            labels: labels(length, &slots, zone),
            slots: slots.len(),
        }
    }
}

impl Bar {
    fn of(label: String, amount: u64, most: u64) -> Self {
        let height = u128::from(amount) * u128::from(HEIGHT) / u128::from(most.max(1));
        // A line shows that there is a bar, and where it is empty.
        let (height, color) = if amount == 0 { (1, "#ced4da") } else { (height.max(2), "#4c6ef5") };
        Self { label, amount: bytes(amount), height: usize::try_from(height).unwrap_or(1), color }
    }

    /// The same in text, of at most 30 signs.
    pub fn line(&self) -> String {
        format!("{:<6} {:<30} {}", self.label, "#".repeat(self.height / 3), self.amount)
    }
}

/// A label below every fifth bar or so, so that there is room for it.
fn labels(length: PeriodLength, slots: &[Period], zone: &Zone) -> Vec<(usize, String)> {
    let step = match length {
        PeriodLength::Month => 7,
        PeriodLength::Day => 6,
        PeriodLength::Hour => 3,
    };
    slots.chunks(step).map(|some| (some.len(), label(length, &some[0], zone))).collect()
}

fn label(length: PeriodLength, slot: &Period, zone: &Zone) -> String {
    let format = match length {
        PeriodLength::Month => "%b %-d",
        PeriodLength::Day | PeriodLength::Hour => "%H:%M",
    };
    zone.at(slot.start).map(|local: Zoned| local.strftime(format).to_string()).unwrap_or_default()
}
