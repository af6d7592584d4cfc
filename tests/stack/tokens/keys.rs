//! The issuer's keys: rotation and outages.

use std::time::Duration;

use super::issuer::{Behavior, Signer};
use serde_json::json;

use super::{Fixture, HOUR, advance};

#[tokio::test]
async fn key_rotation_is_followed() {
    let world = Fixture::new().await;
    assert_eq!(world.list(&world.token()).await.status, 200);
    let next = Signer::p256("two");
    world.issuer.publish(vec![next.jwk()]);
    advance(Duration::from_secs(30)).await;
    // The old key is kept until the key set is fetched again, which the new key triggers.
    assert_eq!(world.list(&world.token()).await.status, 200);
    assert_eq!(world.list(&next.token(&world.claims(json!({})))).await.status, 200);
    assert_eq!(world.list(&world.token()).await.status, 401);
    assert_eq!(world.issuer.request_count(), 2);

    let another = Signer::p256("three");
    world.issuer.publish(vec![another.jwk()]);
    assert_eq!(world.list(&next.token(&world.claims(json!({})))).await.status, 200);
    advance(HOUR).await;
    assert_eq!(
        world.list(&next.token(&world.claims(json!({})))).await.status,
        401,
        "keys are cached for at most an hour"
    );
}

#[tokio::test]
async fn issuer_outage_is_a_503_only_without_cached_keys() {
    let world = Fixture::new().await;
    world.issuer.set(Behavior::Down);
    for _ in 0..3 {
        let refused = world.list(&world.token()).await;
        assert_eq!(
            (refused.status, refused.problem_type(), refused.header("retry-after")),
            (503, "unavailable", "1")
        );
    }
    assert_eq!(world.issuer.request_count(), 1, "failed fetches are not repeated on every request");
    assert_eq!(world.stack.tenant().get("/v1/jobs").await.status, 200, "keys need no issuer");
    world.issuer.set(Behavior::Healthy);
    advance(Duration::from_secs(1)).await;
    assert_eq!(world.list(&world.token()).await.status, 200);

    world.issuer.set(Behavior::Down);
    advance(23 * HOUR).await;
    assert_eq!(world.list(&world.token()).await.status, 200, "cached keys remain valid");
    assert_eq!(world.list(&Signer::p256("two").token(&world.claims(json!({})))).await.status, 401);
    advance(HOUR).await;
    assert_eq!(world.list(&world.token()).await.status, 503, "cached keys expire after 24 hours");
}

#[tokio::test]
async fn misbehaving_issuer_is_a_503_without_details() {
    for mood in
        [Behavior::Hanging, Behavior::OversizedKeys, Behavior::WrongIssuer, Behavior::Redirecting]
    {
        let world = Fixture::new().await;
        world.issuer.set(mood);
        let start = world.stack.now();
        let refused = world.list(&world.token()).await;
        assert_eq!(refused.status, 503, "{mood:?}");
        assert!(!refused.body.to_string().contains("127.0.0.1"), "{refused:?}");
        assert!(world.stack.now().since(start) < Duration::from_secs(5), "{mood:?}");
    }
}

#[tokio::test]
async fn issuer_without_discovery_uses_the_well_known_keys() {
    let world = Fixture::new().await;
    world.issuer.set(Behavior::NoDiscovery);
    assert_eq!(world.list(&world.token()).await.status, 200);
}
