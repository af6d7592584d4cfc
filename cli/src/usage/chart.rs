//! Terminal chart of usage: one row of blocks per series.

use std::collections::BTreeMap;

use api::UsagePoint;

use crate::output::escape_controls;

/// Maximum width in columns.
const MAX_WIDTH: usize = 60;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Marks points without reports, as opposed to zero usage.
const UNKNOWN: char = '·';

/// Draws each series: name, blocks and total. Each series has its own scale.
pub fn draw(points: &[UsagePoint]) -> String {
    let mut series: BTreeMap<_, Vec<&UsagePoint>> = BTreeMap::new();
    for point in points {
        let UsagePoint { service, route, direction, account, .. } = point;
        series.entry((service, route, direction, account)).or_default().push(point);
    }
    if series.is_empty() {
        return "No usage was reported.".into();
    }
    let drawn = series.into_iter().map(|((service, route, direction, account), points)| {
        let account = account.map(|account| format!(" of {account}")).unwrap_or_default();
        draw_series(&format!("{service} {route} {direction}{account}"), &points)
    });
    let drawn: Vec<_> = drawn.collect();
    drawn.join("\n\n")
}

fn draw_series(name: &str, points: &[&UsagePoint]) -> String {
    let each = points.len().div_ceil(MAX_WIDTH);
    let columns: Vec<Option<f64>> = points.chunks(each).map(sum).collect();
    let most = columns.iter().flatten().copied().fold(0.0, f64::max);
    let blocks: String = columns.iter().map(|bytes| block(*bytes, most)).collect();
    let total = sum(points).map_or_else(|| "unknown".to_owned(), format_bytes);
    let time =
        |point: Option<&&UsagePoint>| point.map(|point| point.time.to_string()).unwrap_or_default();
    let (first, last) = (time(points.first()), time(points.last()));
    format!(
        "{}\n  {blocks}\n  {} … {}; {total} in all, {} in the highest column",
        escape_controls(name),
        first,
        last,
        format_bytes(most)
    )
}

/// Sum of the known values; `None` if no value is known.
fn sum(points: &[&UsagePoint]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a chart is not that precise")]
    points
        .iter()
        .filter_map(|point| point.bandwidth_used)
        .map(|bytes| bytes as f64)
        .reduce(|a, b| a + b)
}

fn block(bytes: Option<f64>, most: f64) -> char {
    let Some(bytes) = bytes else { return UNKNOWN };
    if bytes <= 0.0 || most <= 0.0 {
        return '_';
    }
    // The smallest positive value gets the first block, the largest the last.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 8")]
    let height = (bytes / most * 8.0).ceil() as usize;
    BLOCKS[height.clamp(1, 8) - 1]
}

/// Formats a number of bytes in the largest decimal unit of which there is at least one.
fn format_bytes(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{value} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use model::usage::Direction;

    use super::*;

    fn point(minute: usize, route: &str, bytes: Option<u64>) -> UsagePoint {
        UsagePoint {
            time: format!("2026-11-20T16:{minute:02}:00.000Z").parse().unwrap(),
            direction: Direction::Egress,
            service: "shop".parse().unwrap(),
            route: route.parse().unwrap(),
            account: None,
            bandwidth_used: bytes,
        }
    }

    #[test]
    fn unknown_zero_and_positive_usage_look_different() {
        let bytes = [None, Some(0), Some(1), Some(500), Some(1000)];
        let mut points: Vec<_> =
            bytes.iter().enumerate().map(|(n, bytes)| point(n, "/cart", *bytes)).collect();
        points.push(point(0, "/away", None));
        insta::assert_snapshot!(draw(&points), @"
        shop /away egress
          ·
          2026-11-20T16:00:00.000Z … 2026-11-20T16:00:00.000Z; unknown in all, 0 B in the highest column

        shop /cart egress
          ·_▁▄█
          2026-11-20T16:00:00.000Z … 2026-11-20T16:04:00.000Z; 1.5 kB in all, 1.0 kB in the highest column
        ");
    }

    #[test]
    fn many_points_share_columns() {
        let points: Vec<_> = (0..1500).map(|n| point(n % 60, "/", Some(2))).collect();
        let drawn = draw(&points);
        let blocks = drawn.lines().nth(1).unwrap().trim();
        assert_eq!(blocks.chars().count(), MAX_WIDTH);
        assert!(blocks.chars().all(|block| block == '█'));
        assert!(drawn.contains("3.0 kB in all"), "{drawn}");
    }
}
