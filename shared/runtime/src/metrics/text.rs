//! Writes a page as text. The two formats differ only in the names of counters and info metrics, in
//! `UNIT` and in `EOF`.

use std::fmt::Write as _;

use super::{Family, Format, Histogram, Page, Shape, Value};

pub(super) fn write(page: &Page, format: Format) -> String {
    let mut text = String::new();
    for (family, series) in page.families() {
        write_header(&mut text, family, format);
        for (labels, value) in series {
            write_sample(&mut text, family, labels, value);
        }
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn write_header(text: &mut String, family: &Family, format: Format) {
    let name = match format {
        Format::Prometheus => sample_name(family),
        Format::OpenMetrics => family.name.to_owned(),
    };
    let shape = match (family.shape, format) {
        (Shape::Counter, _) => "counter",
        (Shape::Histogram(_), _) => "histogram",
        (Shape::Info, Format::OpenMetrics) => "info",
        (Shape::Gauge | Shape::Info, _) => "gauge",
    };
    // The order of these lines only matters within a family.
    let _ = writeln!(text, "# HELP {name} {}", escaped(family.help, format == Format::OpenMetrics));
    let _ = writeln!(text, "# TYPE {name} {shape}");
    if let Some(unit) = family.unit.filter(|_| format == Format::OpenMetrics) {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
}

/// Name of a family's samples.
fn sample_name(family: &Family) -> String {
    match family.shape {
        Shape::Counter => format!("{}_total", family.name),
        Shape::Info => format!("{}_info", family.name),
        Shape::Gauge | Shape::Histogram(_) => family.name.to_owned(),
    }
}

fn write_sample(text: &mut String, family: &Family, labels: &[String], value: &Value) {
    let name = sample_name(family);
    match (value, family.shape) {
        (Value::Histogram(histogram), Shape::Histogram(bounds)) => {
            write_histogram(text, family, labels, histogram, bounds);
        }
        (Value::Count(count), _) => {
            write_line(text, &name, family, labels, None, &count.to_string())
        }
        (Value::Level(level), _) => {
            write_line(text, &name, family, labels, None, &format_float(*level))
        }
        (Value::Histogram(_), _) => {}
    }
}

fn write_histogram(
    text: &mut String,
    family: &Family,
    labels: &[String],
    histogram: &Histogram,
    bounds: &[u64],
) {
    let (bucket, count) = (format!("{}_bucket", family.name), histogram.count().to_string());
    for (bound, within) in histogram.cumulative(bounds) {
        #[expect(clippy::cast_precision_loss, reason = "bounds of an hour at most")]
        let bound = format_float(bound as f64 / 1000.0);
        write_line(text, &bucket, family, labels, Some(&bound), &within.to_string());
    }
    write_line(text, &bucket, family, labels, Some("+Inf"), &count);
    write_line(
        text,
        &format!("{}_sum", family.name),
        family,
        labels,
        None,
        &format_float(histogram.sum_seconds()),
    );
    write_line(text, &format!("{}_count", family.name), family, labels, None, &count);
}

fn write_line(
    text: &mut String,
    name: &str,
    family: &Family,
    values: &[String],
    bound: Option<&str>,
    value: &str,
) {
    text.push_str(name);
    let labels = family.labels.iter().copied().zip(values.iter().map(String::as_str));
    let labels = labels.chain(bound.map(|bound| ("le", bound)));
    let labels: Vec<_> =
        labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value, true))).collect();
    if !labels.is_empty() {
        let _ = write!(text, "{{{}}}", labels.join(","));
    }
    let _ = writeln!(text, " {value}");
}

/// Floats as `OpenMetrics` writes them, so that both formats give the same series: `1.0`, `0.005`.
fn format_float(value: f64) -> String {
    format!("{value:?}")
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{Delta, Totals, registry};
    use model::usage::prometheus_text;
    use proptest::prelude::*;

    fn page() -> Page {
        let (mut delta, mut totals) = (Delta::default(), Totals::default());
        delta.count(&registry::JOBS_ENDED, &["echo", "completed"], 7);
        delta.observe(&registry::JOB_RUN, &["echo"], Duration::from_millis(7));
        delta.observe(&registry::JOB_RUN, &["echo"], Duration::from_secs(4000));
        delta.count(&registry::HTTP_REQUESTS, &["GET", "/v1/jobs/{id}", "200"], 3);
        delta.count(&registry::USAGE, &["a \"b\"\\c", "egress"], 1 << 60);
        delta.count(&registry::HTTP_REJECTED, &["not-found"], 1);
        for (item, fields) in delta.drain(|_| true) {
            totals.add(
                item.prefix,
                &item.name,
                fields.iter().map(|(field, number)| (field.as_str(), *number)),
            );
        }
        let mut page = totals.into_page();
        page.set_gauge(&registry::QUOTA_UTILIZATION, &["month"], 0.7999);
        page.set_gauge(&registry::SOURCE_UP, &["kong"], 1.0);
        page.set_gauge(&registry::SOURCE_SUCCESS, &["kong"], 1_795_000_000.0);
        page.set_gauge(&registry::BUILD, &["0.1.0"], 1.0);
        page
    }

    #[test]
    fn page_in_prometheus_format() {
        insta::assert_snapshot!(Format::Prometheus.write(&page()));
    }

    #[test]
    fn page_in_openmetrics_format() {
        insta::assert_snapshot!(Format::OpenMetrics.write(&page()));
    }

    proptest! {
        /// Label values survive any characters in the name of a service.
        #[test]
        fn labels_are_read_as_they_were_written(
            services in prop::collection::btree_map("\\PC{0,20}|[\"\\\\\n{}, #]{0,8}", 1u32.., 1..6)
        ) {
            let mut totals = Totals::default();
            for (service, bytes) in &services {
                totals.add("SERVICE", service, [("u#egress", u64::from(*bytes))]);
            }
            let page = totals.into_page();
            for format in [Format::Prometheus, Format::OpenMetrics] {
                let (mut read, mut reader) =
                    (Vec::new(), prometheus_text::PageParser::new("tollgate_usage_bytes_total"));
                reader
                    .read(format.write(&page).as_bytes(), &mut |sample| read.push(sample.unwrap()));
                prop_assert!(reader.end(&mut |_| ()).unwrap());
                read.retain(
                    |sample| sample.labels.contains(&("type".to_owned(), "egress".to_owned()))
                );
                let read: std::collections::BTreeMap<_, _> = read
                    .into_iter()
                    .map(|sample| (sample.labels[0].1.clone(), sample.value))
                    .collect();
                let wanted = services
                    .iter()
                    .map(|(service, bytes)| (service.clone(), f64::from(*bytes)))
                    .collect();
                prop_assert_eq!(read, wanted);
            }
        }
    }
}
