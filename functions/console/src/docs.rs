//! `GET /docs`, and what belongs to it below `/docs/`.

use std::convert::Infallible;

use axum::{Router, extract::Request, response::Response, routing::MethodRouter};
use static_serve::{embed_asset, embed_assets};
use tower::ServiceExt;

embed_assets!(
    "functions/console/assets/docs",
    compress = true,
    // Its links lead to `docs/…`, from one level above.
    ignore_paths = ["index.html"],
    // Its version is in its name.
    cache_busted_paths = ["swagger-ui-5.35.0"],
    // Licences have none.
    allow_unknown_extensions = true
);

/// The reference of the API, as a page on which each operation can be tried. Needs no key itself.
#[utoipa::path(
    get, path = "/docs", tag = "service", operation_id = "docs",
    security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub async fn get(request: Request) -> Result<Response, Infallible> {
    let page: MethodRouter =
        embed_asset!("functions/console/assets/docs/index.html", compress = true);
    page.oneshot(request).await
}

/// What the page loads.
pub fn files() -> Router {
    static_router()
}
