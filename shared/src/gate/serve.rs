use std::fmt::Write as _;

use axum::Router;
use lambda_http::{Adapter, Error, LambdaEvent, lambda_runtime, request::LambdaRequest};
use tower::ServiceExt;

/// Answers the HTTP API's events with a router, until Lambda ends the function.
///
/// # Errors
/// When Lambda's runtime can't be reached.
pub async fn serve(router: Router) -> Result<(), Error> {
    lambda_runtime::run(Adapter::from(router).map_request(with_sound_query)).await
}

/// A gateway hands a query on as the client wrote it; the adapter panics at characters that no URI may have, where the client should
/// hear what is wrong with its parameter.
fn with_sound_query(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload
        && let Some(query) = &mut request.raw_query_string
    {
        *query = escaped(query);
    }
    event
}

/// The query with every byte escaped that may not stand in one as it is (RFC 3986, section 3.4).
fn escaped(query: &str) -> String {
    query.bytes().fold(String::with_capacity(query.len()), |mut sound, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
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
    use http::Uri;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_query_becomes_part_of_a_uri(query: String) {
            let uri = format!("https://example.com/v1/jobs?{}", escaped(&query));
            prop_assert!(uri.parse::<Uri>().is_ok());
        }

        #[test]
        fn a_sound_query_stays_as_it_is(query in "[a-z0-9=&%+._~-]{0,40}") {
            prop_assert_eq!(escaped(&query), query);
        }
    }
}
