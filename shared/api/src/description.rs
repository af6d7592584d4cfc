use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// OpenAPI document without operations; the functions' routers add theirs.
#[must_use]
pub fn openapi() -> OpenApi {
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("tg_…")
        .description(Some("API key, or JWT of the stack's issuer. `admin` includes all scopes."))
        .build();
    let about = "Asynchronous job gateway: submit a request, get a token, poll for the result. \
                 Errors are `application/problem+json` (RFC 9457), or text on some compat routes.";
    // Relative to the URL of this document
    // (<https://spec.openapis.org/oas/v3.1.0#relative-references-in-urls>), because an emulator
    // serves the API below a path and AWS at the root.
    let here =
        ServerBuilder::new().url(".").description(Some("The server of this document")).build();
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let components = ComponentsBuilder::new()
        .security_scheme("key", SecurityScheme::Http(key))
        .schemas_from_iter(super::parameter::shared_schemas())
        .build();
    OpenApiBuilder::new()
        .servers(Some([here]))
        .info(
            InfoBuilder::new()
                .title("Tollgate")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(about))
                .license(Some(license)),
        )
        .components(Some(components))
        .build()
}
