use std::time::Duration;

use http::HeaderMap;

/// Longest wait. API Gateway's HTTP APIs time out after thirty seconds.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// The `wait` preference (RFC 7240, section 4.3), capped at [`MAX_WAIT`]. Invalid values are
/// ignored, as the RFC allows.
pub fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = values.flat_map(|value| value.split(',')).find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("wait")
            .then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    })?;
    Some(Duration::from_secs(wait).min(MAX_WAIT)).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(preferences: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for preference in preferences {
            headers.append("prefer", preference.parse().unwrap());
        }
        preferred_wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn parses_and_caps_wait() {
        assert_eq!(wait(&["wait=5"]), Some(5));
        assert_eq!(wait(&["return=minimal, WAIT = \"7\"; x=1"]), Some(7));
        assert_eq!(wait(&["respond-async", "wait=100"]), Some(20));
        for none in ["wait", "wait=", "wait=x", "wait=-1", "wait=0", "waiting=3"] {
            assert_eq!(wait(&[none]), None, "{none}");
        }
    }
}
