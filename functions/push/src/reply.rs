use serde::Serialize;

/// The response to API Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// HTTP status; API Gateway opens a connection only on 200.
    pub status_code: u16,
}

impl Reply {
    pub(crate) const OK: Self = Self { status_code: 200 };
    pub(crate) const UNAUTHORIZED: Self = Self { status_code: 401 };
}
