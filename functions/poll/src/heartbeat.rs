//! `GET /heartbeat`.

use axum::Json;
use serde::Serialize;

/// Service status.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Heartbeat {
    /// Always `ok`.
    #[schema(examples("ok"))]
    status: &'static str,
    /// The version of the service.
    #[schema(examples("0.1.0"))]
    version: &'static str,
}

/// Check that the service is up. Needs no key.
#[utoipa::path(
    get, path = "/heartbeat", tag = "service", operation_id = "heartbeat",
    responses((status = 200, description = "The service is up", body = Heartbeat)),
)]
pub async fn heartbeat() -> Json<Heartbeat> {
    Json(Heartbeat { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
