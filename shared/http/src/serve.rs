use std::fmt::Write as _;

use axum::Router;
use http::header;
use lambda_http::{
    Adapter, Error, LambdaEvent,
    lambda_runtime::{self, LambdaInvocation, Runtime, layers::TracingLayer},
    request::LambdaRequest,
};
use tower::{Service, ServiceExt, layer::layer_fn};

use super::flush::{FlushMode, Flusher};
use store::Tallies;

/// Serves HTTP API events with a router until Lambda shuts the function down.
///
/// # Errors
/// When the Lambda runtime API can't be reached.
pub async fn serve(router: Router) -> Result<(), Error> {
    lambda_runtime::run(Adapter::from(router).map_request(escape_uri)).await
}

/// Like [`serve`], but flushes buffered counts before Lambda freezes the function.
///
/// # Errors
/// When the Lambda runtime API can't be reached.
pub async fn serve_with_flush(
    router: Router,
    tallies: Tallies,
    flush: FlushMode,
) -> Result<(), Error> {
    let flusher = Flusher::start(tallies, flush).await;
    let before = flusher.clone();
    let handler = Adapter::from(router).map_request(escape_uri);
    let handler =
        ServiceExt::<LambdaEvent<LambdaRequest>>::then(handler, move |response| async move {
            before.before_response().await;
            response
        });
    let after = layer_fn(move |inner| after_response(inner, flusher.clone()));
    Runtime::new(handler).layer(TracingLayer::new()).layer(after).run().await
}

/// Outermost layer, because an event that can't be parsed never reaches the handler but is
/// responded to as well.
fn after_response<S>(
    inner: S,
    flusher: Flusher,
) -> impl Service<LambdaInvocation, Response = (), Error = Error>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
{
    inner.then(move |outcome: Result<(), Error>| async move {
        flusher.response_sent();
        outcome
    })
}

/// Escapes path and query so that the adapter can build a URI from them.
///
/// API Gateway passes header fields and query as the client sent them, and the path with all but
/// `%25` decoded. The adapter panics on characters that a URI may not contain, and reads a
/// backslash as a slash. With escaping, the client gets a 404 or a parameter error instead. Host
/// and domain name are dropped: no handler reads them, and an invalid one breaks the URI as well.
fn escape_uri(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        request.raw_path = request.raw_path.as_deref().map(|path| percent_encode(path, b"/:@"));
        request.raw_query_string =
            request.raw_query_string.as_deref().map(|query| percent_encode(query, b"/:@?"));
        request.headers.remove(header::HOST);
        request.request_context.domain_name = None;
    }
    event
}

/// Percent-encodes every byte that may not occur in a path or query (RFC 3986, sections 3.3 and
/// 3.4). Existing escapes stay. The second parameter lists further bytes to keep.
fn percent_encode(part: &str, also_allowed: &[u8]) -> String {
    part.bytes().fold(String::with_capacity(part.len()), |mut sound, byte| {
        if byte.is_ascii_alphanumeric()
            || b"-._~!$&'()*+,;=%".contains(&byte)
            || also_allowed.contains(&byte)
        {
            sound.push(char::from(byte));
        } else {
            let _ = write!(sound, "%{byte:02X}");
        }
        sound
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use lambda_http::{Body, Context, aws_lambda_events::apigw::ApiGatewayV2httpRequest};
    use proptest::prelude::*;

    const DOMAIN: &str = "a1b2c3.execute-api.eu-west-1.amazonaws.com";

    /// The request that the router receives for an API Gateway event.
    fn adapted(domain: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = ApiGatewayV2httpRequest::default();
        request.raw_path = Some(path.to_owned());
        request.raw_query_string = Some(query.to_owned());
        request.request_context.domain_name = Some(domain.to_owned());
        for (name, value) in headers {
            request
                .headers
                .append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(request), Context::default());
        escape_uri(event).payload.into()
    }

    #[test]
    fn escapes_backslash_and_question_mark_in_the_path() {
        let request = adapted(DOMAIN, "/api/poll/a\\b?c#d", "e=f", &[]);
        assert_eq!(
            (request.uri().path(), request.uri().query()),
            ("/api/poll/a%5Cb%3Fc%23d", Some("e=f"))
        );
        assert_eq!(adapted(DOMAIN, "/v1/jobs/a%25b", "", &[]).uri().path(), "/v1/jobs/a%25b");
    }

    #[test]
    fn ignores_invalid_host_and_scheme() {
        for told in ["a b", "mailto", "", "https", "1.execute-api.127.0.0.1"] {
            let headers = [("x-forwarded-proto", told), ("host", told)];
            let request = adapted(told, "/heartbeat", "", &headers);
            assert_eq!(request.uri().path(), "/heartbeat", "{told}");
        }
    }

    proptest! {
        #[test]
        fn any_path_and_query_become_an_address(
            path in "/\\PC{0,40}|/[/.\\\\%?#\u{0}-\u{20}]{0,12}",
            query: String
        ) {
            let request = adapted(DOMAIN, &path, &query, &[]);
            prop_assert!(request.uri().path().starts_with('/'));
            let found = request.uri().query().unwrap_or_default();
            prop_assert_eq!(found, percent_encode(&query, b"/:@?"));
        }

        #[test]
        fn a_sound_one_stays_as_it_is(
            path in "/[a-z0-9/_-]{0,40}",
            query in "[a-z0-9=&%+._~-]{1,40}"
        ) {
            let request = adapted(DOMAIN, &path, &query, &[]);
            prop_assert_eq!((request.uri().path(), request.uri().query()), (&*path, Some(&*query)));
        }
    }
}
