//! `GET /docs` and its files in `/docs/`.

use std::convert::Infallible;

use axum::{Router, extract::Request, response::Response, routing::MethodRouter};
use static_serve::{embed_asset, embed_assets};
use tower::ServiceExt;

embed_assets!(
    "functions/console/assets/docs",
    compress = true,
    // Served at `/docs`, one level above: its links start with `docs/`.
    ignore_paths = ["index.html"],
    // The folder's name has the version, so its files can be cached forever.
    cache_busted_paths = ["swagger-ui-5.35.0"],
    // License files have no extension.
    allow_unknown_extensions = true
);

/// The API reference, a web page that can call each operation. Loads without a key.
#[utoipa::path(
    get, path = "/docs", tag = "service", operation_id = "docs",
    responses((status = 200, description = "HTML page", body = String, content_type = "text/html")),
)]
pub async fn get(request: Request) -> Result<Response, Infallible> {
    let page: MethodRouter =
        embed_asset!("functions/console/assets/docs/index.html", compress = true);
    page.oneshot(request).await
}

pub fn files() -> Router {
    static_router()
}
