use serde::{Deserialize, Serialize};
use utoipa::PartialSchema;

use crate::{
    id::AccountId,
    usage::{Direction, Label, Series, prometheus_text::Sample},
    violation::Violation,
};

/// A gateway with a known metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Kong up to version 2.
    Kong2,
    /// Kong from version 3 on.
    Kong3,
}

/// Names of the labels that identify a series.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Label of the direction, whose values are `egress` and `ingress`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, examples("direction"))]
    pub direction: Option<String>,
    /// Label of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, examples("service"))]
    pub service: Option<String>,
    /// Label of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, examples("route"))]
    pub route: Option<String>,
}

/// Fixed values of a series for properties without a label. Omitted ones are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// The direction.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = Direction::schema)]
    pub direction: Option<Direction>,
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128, pattern = "^[^\\x00-\\x1f\\x7f]*$")]
    pub service: Option<Label>,
    /// The route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 128, pattern = "^[^\\x00-\\x1f\\x7f]*$")]
    pub route: Option<Label>,
}

/// Selects samples of a page and maps them to series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub metric: String,
    labels: Labels,
    fixed: Fixed,
}

/// Why a sample maps to no series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnmappableSample {
    #[error("type is not egress or ingress")]
    Direction,
    #[error("its service or route must be at most 128 bytes or has control characters")]
    Label,
}

impl Labels {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.direction.is_none() && self.service.is_none() && self.route.is_none()
    }
}

impl Fixed {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.direction.is_none() && self.service.is_none() && self.route.is_none()
    }
}

impl Selection {
    /// The arguments must have no [`violations`].
    #[must_use]
    pub fn new(
        preset: Option<Preset>,
        metric: Option<&str>,
        labels: &Labels,
        fixed: &Fixed,
    ) -> Self {
        let kong = |metric: &str, direction: &str| Self {
            metric: metric.to_owned(),
            labels: Labels {
                direction: Some(direction.to_owned()),
                service: Some("service".to_owned()),
                route: Some("route".to_owned()),
            },
            fixed: Fixed::default(),
        };
        match preset {
            Some(Preset::Kong2) => kong("kong_bandwidth", "type"),
            Some(Preset::Kong3) => kong("kong_bandwidth_bytes", "direction"),
            None => Self {
                metric: metric.unwrap_or_default().to_owned(),
                labels: labels.clone(),
                fixed: fixed.clone(),
            },
        }
    }

    /// Maps a sample to a series. A missing label is empty, as in Prometheus.
    ///
    /// # Errors
    /// If the direction or a label is invalid.
    pub fn series(
        &self,
        sample: &Sample,
        account: Option<AccountId>,
    ) -> Result<Series, UnmappableSample> {
        let value = |name: &Option<String>| {
            let name = name.as_ref()?;
            Some(
                sample
                    .labels
                    .iter()
                    .find(|(label, _)| label == name)
                    .map_or("", |(_, value)| value),
            )
        };
        let label = |name: &Option<String>, fixed: &Option<Label>| match value(name) {
            Some(text) => text.parse().map_err(|_| UnmappableSample::Label),
            None => Ok(fixed.clone().unwrap_or_default()),
        };
        let direction: Option<Direction> = match value(&self.labels.direction) {
            Some(text) => text.parse().ok(),
            None => self.fixed.direction,
        };
        Ok(Series {
            account,
            direction: direction.ok_or(UnmappableSample::Direction)?,
            service: label(&self.labels.service, &self.fixed.service)?,
            route: label(&self.labels.route, &self.fixed.route)?,
        })
    }
}

/// Violations of the metric's selection that the JSON schema cannot express.
pub(super) fn violations(
    preset: Option<Preset>,
    metric: Option<&str>,
    labels: &Labels,
    fixed: &Fixed,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wrong = |at: &str, why: &str| found.push(Violation::new(at, why));
    match (preset, metric) {
        (None, None) => wrong("/preset", "is required unless metric is given"),
        (Some(_), Some(_)) => wrong("/metric", "not allowed with preset"),
        _ => {}
    }
    if preset.is_some() {
        if !labels.is_empty() {
            wrong("/labels", "not allowed with preset");
        }
        if !fixed.is_empty() {
            wrong("/as", "not allowed with preset");
        }
        return found;
    }
    if metric.is_some_and(|name| !is_name(name, true)) {
        wrong("/metric", "must be letters, digits, '_' and ':', not starting with a digit");
    }
    let each = [
        ("type", labels.direction.as_deref(), fixed.direction.is_some()),
        ("service", labels.service.as_deref(), fixed.service.is_some()),
        ("route", labels.route.as_deref(), fixed.route.is_some()),
    ];
    for (member, label, is_fixed) in each {
        if label.is_some_and(|name| !is_name(name, false)) {
            wrong(
                &format!("/labels/{member}"),
                "must be letters, digits and '_', not starting with a digit",
            );
        }
        if label.is_some() && is_fixed {
            wrong(&format!("/as/{member}"), "not allowed with a label for it");
        }
    }
    if metric.is_some() && labels.direction.is_none() && fixed.direction.is_none() {
        wrong("/labels/type", "is required unless as/type is given");
    }
    found
}

fn is_name(text: &str, colons: bool) -> bool {
    let first = |c: u8| c.is_ascii_alphabetic() || c == b'_' || colons && c == b':';
    text.bytes().next().is_some_and(first) && text.bytes().all(|c| first(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(labels: &[(&str, &str)]) -> Sample {
        let labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sample { labels, value: 1.0 }
    }

    fn shown(selection: &Selection, labels: &[(&str, &str)]) -> String {
        match selection.series(&sample(labels), None) {
            Ok(Series { direction, service, route, .. }) => {
                format!("{direction} {service:?} {route:?}")
            }
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn presets_map_kong_samples() {
        let none = (Labels::default(), Fixed::default());
        let kong2 = Selection::new(Some(Preset::Kong2), None, &none.0, &none.1);
        let kong3 = Selection::new(Some(Preset::Kong3), None, &none.0, &none.1);
        assert_eq!(
            shown(&kong2, &[("route", "r"), ("type", "egress"), ("service", "s")]),
            "egress Label(\"s\") Label(\"r\")"
        );
        assert_eq!(
            shown(&kong3, &[("service", "s"), ("direction", "ingress"), ("consumer", "c")]),
            "ingress Label(\"s\") Label(\"\")"
        );
        assert_eq!(shown(&kong3, &[("type", "egress")]), UnmappableSample::Direction.to_string());
        assert_eq!(
            shown(&kong2, &[("type", "egress"), ("service", &"s".repeat(129))]),
            UnmappableSample::Label.to_string()
        );
    }

    #[test]
    fn fixed_values_replace_missing_labels() {
        let labels = Labels { route: Some("device".into()), ..Labels::default() };
        let fixed = Fixed {
            direction: Some(Direction::Egress),
            service: Some("host-1".parse().unwrap()),
            route: None,
        };
        let node = Selection::new(None, Some("node_network_transmit_bytes_total"), &labels, &fixed);
        assert_eq!(shown(&node, &[("device", "eth0")]), "egress Label(\"host-1\") Label(\"eth0\")");
        assert_eq!(violations(None, Some(&node.metric), &labels, &fixed), []);
    }
}
