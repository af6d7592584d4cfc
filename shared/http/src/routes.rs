//! Declares the routes of a function.

use axum::routing::MethodFilter;
use utoipa::openapi::path::HttpMethod;

/// Defines `routes()`, the router of all handlers, and `Description`, their OpenAPI operations.
///
/// Handlers are given as `module::function`, after the type of the state. Method and path are those
/// of the handler's `#[utoipa::path]`. A function only builds its router; the description is for
/// `infra/openapi.json`.
#[macro_export]
macro_rules! routes {
    ($state:ty: $($module:ident::$handler:ident),+ $(,)?) => {
        /// OpenAPI operations of the routes.
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($module::$handler),+))]
        pub struct Description;

        fn routes() -> axum::Router<$state> {
            $crate::__private::paste! {
                axum::Router::new()$(.route(
                    &<$module::[<__path_ $handler>] as utoipa::Path>::path(),
                    axum::routing::on(
                        $crate::__private::method_filter(
                            &<$module::[<__path_ $handler>] as utoipa::Path>::methods(),
                        ),
                        $module::$handler,
                    ),
                ))+
            }
        }
    };
}

/// Used by [`routes!`].
#[doc(hidden)]
pub mod __private {
    pub use pastey::paste;

    pub use super::method_filter;
}

/// The filter for the methods of a route.
#[must_use]
pub fn method_filter(methods: &[HttpMethod]) -> MethodFilter {
    let filters = methods.iter().map(|method| match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    });
    filters.reduce(MethodFilter::or).unwrap_or(MethodFilter::GET)
}
