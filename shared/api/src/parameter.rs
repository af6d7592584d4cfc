//! `OpenAPI` descriptions of request parameters. `Query` and `PathParam` of `tollgate-http` parse
//! them.

use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        RefOr, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Schema, Type},
    },
};

/// Account id.
#[derive(Debug, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$",
    examples("acc_01kagzwy00e40r2081040g2081")
)]
pub struct AccountId(());

/// Job id, returned as token on submission.
#[derive(Debug, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^job_[0-7][0-9a-hjkmnp-tv-z]{25}$",
    examples("job_01kagzwy00e81840g2081040g2")
)]
pub struct JobId(());

/// Key id.
#[derive(Debug, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^key_[0-7][0-9a-hjkmnp-tv-z]{25}$",
    examples("key_01kagzwy00ec1r60r30c1g60r3")
)]
pub struct KeyId(());

/// The `next_cursor` of the previous page, unchanged; any other text is rejected.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{11,1600}$")]
pub struct Cursor(());

/// Where to continue reading events: the `next_cursor` of the previous page, unchanged, or `now`.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^(now|[A-Za-z0-9_-]{11,7400})$", examples("now"))]
pub struct After(());

/// Length of the lookback window: a whole number of seconds, minutes, hours or days, from `1m` to
/// `31d`.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9]{1,7}[smhd]$", examples("5m"))]
pub struct Lookback(());

/// Shared schemas of parameters, by name.
pub(super) fn shared_schemas() -> Vec<(String, RefOr<Schema>)> {
    fn part<T: ToSchema>() -> (String, RefOr<Schema>) {
        (T::name().into_owned(), T::schema())
    }
    vec![
        part::<AccountId>(),
        part::<JobId>(),
        part::<KeyId>(),
        part::<Cursor>(),
        part::<After>(),
        part::<Lookback>(),
    ]
}

/// `limit` and `cursor` of lists.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Maximum number of items; defaults to 20
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u8>,
    /// The `next_cursor` of the previous page
    #[param(value_type = Option<Cursor>)]
    pub cursor: Option<String>,
}

/// `account` of operations on a job.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobAccount {
    /// The job's account; defaults to the key's account. Others require `admin`.
    #[param(value_type = Option<AccountId>)]
    pub account: Option<String>,
}

/// `account` of lists of all accounts.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfAccount {
    /// Only this account's; requires `admin`.
    #[param(value_type = Option<AccountId>)]
    pub account: Option<String>,
}

/// The `Idempotency-Key` header.
#[derive(Debug)]
pub struct IdempotencyKey;

/// `traceparent` (<https://www.w3.org/TR/trace-context/>).
#[derive(Debug)]
pub struct Traceparent;

/// `Prefer: wait=N` (RFC 7240, section 4.3).
#[derive(Debug)]
pub struct PreferWait;

/// `If-None-Match` (RFC 9110, section 13.1.2).
#[derive(Debug)]
pub struct IfNoneMatch;

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "1 to 255 visible ASCII characters, bare or quoted, kept for 24 hours. \
                     A repeated request gets the first response; a different one is rejected.";
        header("Idempotency-Key", about, Some(r#"^([!-~]{1,255}|"[!-~]{1,255}")$"#))
    }
}

impl IntoParams for Traceparent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "W3C Trace Context for targets and callbacks. Defaults to the X-Ray trace.";
        header("traceparent", about, None)
    }
}

impl IntoParams for PreferWait {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        header("Prefer", "`wait=N`, at most 20 seconds; other preferences are ignored.", None)
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        header("If-None-Match", "`ETag` of a cached response", None)
    }
}

fn header(name: &str, about: &str, pattern: Option<&str>) -> Vec<Parameter> {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(pattern);
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema));
    vec![parameter.build()]
}
