use super::{ConfigError, Vars, flag, required};

/// The issuer whose tokens are accepted in addition to API keys.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// `JWT_ISSUER`: the issuer, equal to the `iss` claim. If unset, no tokens are accepted.
    pub issuer: String,
    /// `JWT_AUDIENCE`: the value that `aud` must contain.
    pub audience: String,
    /// `JWT_ADMIN`: whether a token may have the scope `admin`. Defaults to `false`.
    pub admin: bool,
}

impl TokenConfig {
    pub(super) fn read(vars: Vars) -> Result<Option<Self>, ConfigError> {
        let Some(issuer) = vars("JWT_ISSUER") else { return Ok(None) };
        // Without TLS, an attacker on the network could impersonate the issuer. An emulator has
        // nothing to protect.
        let is_local = issuer.starts_with("http://") && vars("AWS_ENDPOINT_URL").is_some();
        if !issuer.starts_with("https://") && !is_local {
            return Err(ConfigError::Invalid("JWT_ISSUER", "must be an https:// URL"));
        }
        let audience = required(vars, "JWT_AUDIENCE")?;
        Ok(Some(Self { issuer, audience, admin: flag(vars, "JWT_ADMIN")? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_need_an_https_issuer_and_an_audience() {
        let read = |set: &[(&str, &str)]| {
            let vars = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            TokenConfig::read(&vars).map_err(|error| error.to_string())
        };
        assert!(read(&[]).unwrap().is_none());
        let good = [("JWT_ISSUER", "https://id.example"), ("JWT_AUDIENCE", "tollgate")];
        assert!(!read(&good).unwrap().unwrap().admin);
        insta::assert_snapshot!(
            read(&good[..1]).unwrap_err(),
            @"the environment variable JWT_AUDIENCE is not set"
        );
        let plain = [
            ("JWT_ISSUER", "http://id.example"),
            good[1],
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ];
        insta::assert_snapshot!(
            read(&plain[..2]).unwrap_err(),
            @"the environment variable JWT_ISSUER must be an https:// URL"
        );
        assert!(read(&plain).is_ok());
    }
}
