//! `GET /` and its files in `/console/`. Paths of assets are relative to the workspace, where cargo
//! runs the compiler.

use std::convert::Infallible;

use axum::{Router, extract::Request, response::Response, routing::MethodRouter};
use static_serve::{embed_asset, embed_assets};
use tower::ServiceExt;

embed_assets!(
    "functions/console/assets/console",
    compress = true,
    // Served at `/`, one level above: its links start with `console/`.
    ignore_paths = ["index.html"],
    // License files have no extension.
    allow_unknown_extensions = true
);

/// The console, a web page for jobs, events, usage, quotas and definitions. Loads without a key.
/// The key entered there determines what it shows.
#[utoipa::path(
    get, path = "/", tag = "service", operation_id = "console",
    responses((status = 200, description = "HTML page", body = String, content_type = "text/html")),
)]
pub async fn get(request: Request) -> Result<Response, Infallible> {
    let page: MethodRouter =
        embed_asset!("functions/console/assets/console/index.html", compress = true);
    page.oneshot(request).await
}

pub fn files() -> Router {
    static_router()
}
