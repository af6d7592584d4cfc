use tracing_subscriber::{EnvFilter, fmt};

/// Sends logs to standard output, one JSON object a line. `LOG_LEVEL` is a level or a filter such as `info,queue_worker=debug`.
pub fn init() {
    let filter = crate::config::environment("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
    fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(EnvFilter::new(filter))
        .with_current_span(false)
        .with_span_list(false)
        .with_ansi(false)
        .init();
}
