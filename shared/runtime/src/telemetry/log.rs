use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Crates whose log level is `LOG_LEVEL`. Libraries log warnings only, because some log complete
/// requests at lower levels, with payloads and keys.
pub const OWN_CRATES: [&str; 14] = [
    "model",
    "schema",
    "runtime",
    "store",
    "outbound",
    "api",
    "tollgate_http",
    "submit",
    "poll",
    "manage",
    "queue_worker",
    "quota_check",
    "push",
    "console",
];

/// Writes logs to standard output, one JSON object per line. `LOG_LEVEL` is `error`, `warn`, `info`
/// (default), `debug` or `trace`.
pub fn init() {
    let level = crate::config::environment("LOG_LEVEL").and_then(|level| level.parse().ok());
    Registry::default()
        .with(json_layer(level.unwrap_or(LevelFilter::INFO), std::io::stdout))
        .init();
}

/// A layer that writes JSON lines to `writer`: those of Tollgate's crates from `level` on, and
/// warnings of libraries.
pub fn json_layer<S, W>(level: LevelFilter, writer: W) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + 'static,
{
    let json = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer);
    let ours = OWN_CRATES.iter().map(|name| (*name, level));
    json.with_filter(Targets::new().with_default(LevelFilter::WARN).with_targets(ours))
}
