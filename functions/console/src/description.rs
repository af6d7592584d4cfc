//! `GET /openapi.json`.

use std::convert::Infallible;

use axum::{extract::Request, response::Response, routing::MethodRouter};
use static_serve::embed_asset;
use tower::ServiceExt;

/// This OpenAPI 3.1 description of the API. Needs no key.
#[utoipa::path(
    get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "The description", body = serde_json::Value)),
)]
pub async fn get(request: Request) -> Result<Response, Infallible> {
    let document: MethodRouter = embed_asset!("infra/openapi.json", compress = true);
    document.oneshot(request).await
}
