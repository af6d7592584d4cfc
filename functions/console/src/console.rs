//! `GET /`, and what belongs to it below `/console/`. Files are named from the workspace, where cargo has the compiler run.

use std::convert::Infallible;

use axum::{Router, extract::Request, response::Response, routing::MethodRouter};
use static_serve::{embed_asset, embed_assets};
use tower::ServiceExt;

embed_assets!(
    "functions/console/assets/console",
    compress = true,
    // Its links lead to `console/…`, from one level above.
    ignore_paths = ["index.html"],
    // Licences have none.
    allow_unknown_extensions = true
);

/// The console: jobs, events, usage, quotas and whatever else the key of its reader opens, as a page. Needs no key itself.
#[utoipa::path(
    get, path = "/", tag = "service", operation_id = "console",
    security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub async fn get(request: Request) -> Result<Response, Infallible> {
    let page: MethodRouter =
        embed_asset!("functions/console/assets/console/index.html", compress = true);
    page.oneshot(request).await
}

/// What the page loads.
pub fn files() -> Router {
    static_router()
}
