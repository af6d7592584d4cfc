use super::{ConfigError, Vars, required};

/// The WebSocket API that holds the connections over which events are pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAddress {
    /// URL to which subscribers connect, `wss://…`.
    pub url: String,
    /// Base URL of the `@connections` API, `https://…`.
    pub connections: String,
}

impl PushAddress {
    /// Reads `PUSH_ADDRESS`, `<api>.execute-api.…/<stage>`, and `AWS_ENDPOINT_URL`, because an
    /// emulator serves its APIs at URLs of its own.
    pub(super) fn read(vars: Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "PUSH_ADDRESS";
        let address = required(vars, NAME)?;
        let parts = address
            .split_once('/')
            .and_then(|(host, stage)| Some((host.split_once('.')?.0, stage)));
        let (api, stage) =
            parts.ok_or(ConfigError::Invalid(NAME, "must be a host name and a stage"))?;
        let Some(emulator) = vars("AWS_ENDPOINT_URL") else {
            let (url, connections) = (format!("wss://{address}"), format!("https://{address}"));
            return Ok(Self { url, connections });
        };
        let connections =
            format!("{}/_aws/execute-api/{api}/{stage}", emulator.trim_end_matches('/'));
        Ok(Self { url: connections.replacen("http", "ws", 1), connections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_address_on_aws_and_on_an_emulator() {
        let read = |set: &[(&str, &str)]| {
            let vars = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            PushAddress::read(&vars).map_err(|error| error.to_string())
        };
        let set = ("PUSH_ADDRESS", "abc.execute-api.eu-central-1.amazonaws.com/live");
        let address = |url: &str, connections: &str| {
            Ok(PushAddress { url: url.to_owned(), connections: connections.to_owned() })
        };
        assert_eq!(
            read(&[set]),
            address(
                "wss://abc.execute-api.eu-central-1.amazonaws.com/live",
                "https://abc.execute-api.eu-central-1.amazonaws.com/live"
            )
        );
        assert_eq!(
            read(&[set, ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]),
            address(
                "ws://127.0.0.1:4566/_aws/execute-api/abc/live",
                "http://127.0.0.1:4566/_aws/execute-api/abc/live"
            )
        );
        insta::assert_snapshot!(
            read(&[("PUSH_ADDRESS", "abc")]).unwrap_err(),
            @"the environment variable PUSH_ADDRESS must be a host name and a stage"
        );
    }
}
