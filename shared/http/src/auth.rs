use std::{fmt, sync::Arc};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header, request::Parts};

use super::{
    ApiError, ApiMiddleware, Issuer,
    route::{self, Access, Route},
    token::VerifiedToken,
};
use api::Problem;
use model::{
    account::{Account, ApiKey, KeyRecord, Scope, Scopes},
    id::{AccountId, KeyId},
    push::{self, Subscriber},
    quota::Exhausted,
    time::Time,
};

pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The authenticated client of a request.
///
/// `Display` is for logs: the id of the key, or the subject of the token.
#[derive(Clone, Debug)]
pub struct Caller {
    credential: Credential,
    scopes: Scopes,
    /// The quota that rejects this request unless the request replays an earlier one.
    exhausted: Option<Exhausted>,
}

/// The authenticated client of a request that may replay an earlier one.
///
/// Unlike [`Caller`], it passes although a quota is used up, because a replay must return the
/// original response. The handler looks the `Idempotency-Key` up and [rejects](Self::refusal) new
/// requests.
#[derive(Clone, Debug)]
pub struct MaybeReplay(pub Caller);

impl MaybeReplay {
    /// Checks that new requests are allowed.
    ///
    /// # Errors
    /// [`Problem::QuotaExceeded`] if a quota of the account is used up and enforced.
    pub fn check_quota(&self) -> Result<(), Problem> {
        self.0.exhausted.clone().map_or(Ok(()), |exhausted| Err(Problem::QuotaExceeded(exhausted)))
    }
}

#[derive(Clone, Debug)]
enum Credential {
    Key(KeyAndAccount),
    /// Subject, account and expiry of the token.
    Token(Arc<str>, Arc<Account>, Time),
}

impl Credential {
    fn account(&self) -> &Account {
        match self {
            Self::Key(known) => &known.1,
            Self::Token(_, account, _) => account,
        }
    }
}

impl Caller {
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.credential.account().id
    }

    #[must_use]
    pub fn account_name(&self) -> &str {
        &self.credential.account().name
    }

    #[must_use]
    pub const fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Whether the caller is an operator, who may access every account.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        self.scopes.allow(Scope::Admin)
    }

    /// `None` if the request carries a token.
    #[must_use]
    pub fn key(&self) -> Option<KeyId> {
        match &self.credential {
            Credential::Key(known) => Some(known.0.id),
            Credential::Token(..) => None,
        }
    }

    /// Checks that the caller may access the account in the path.
    ///
    /// # Errors
    /// [`Problem::NotFound`] if it is another account and the caller isn't an admin, so that
    /// account ids can't be probed.
    pub fn authorize_account(&self, named: AccountId) -> Result<AccountId, Problem> {
        if self.may_access(named) { Ok(named) } else { Err(Problem::NotFound) }
    }

    /// Name of the key, or subject of the token.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.credential {
            Credential::Key(known) => &known.0.name,
            Credential::Token(subject, ..) => subject,
        }
    }

    /// Credentials of a push subscription, which ends when the key or token does.
    #[must_use]
    pub fn subscriber(&self) -> Subscriber {
        let by = match &self.credential {
            Credential::Key(known) => push::Credential::Key(known.0.id),
            Credential::Token(.., until) => push::Credential::TokenUntil(*until),
        };
        Subscriber { account: self.account(), is_admin: self.is_admin(), by }
    }

    /// Whether the caller may access the account: its own, or any for an admin.
    #[must_use]
    pub fn may_access(&self, account: AccountId) -> bool {
        account == self.account() || self.is_admin()
    }

    /// The account that the request acts for: the one it names, or else the caller's own.
    ///
    /// # Errors
    /// [`Problem::MissingScope`] if it names another account without the scope `admin`.
    pub fn target_account(&self, named: Option<AccountId>) -> Result<AccountId, Problem> {
        match named {
            Some(other) if !self.may_access(other) => Err(Problem::MissingScope(Scope::Admin)),
            Some(named) => Ok(named),
            None => Ok(self.account()),
        }
    }

    /// The account whose definitions are visible; `None` is all accounts (admin only).
    ///
    /// # Errors
    /// [`Problem::MissingScope`] if it names another account without the scope `admin`.
    pub fn visible_account(&self, named: Option<AccountId>) -> Result<Option<AccountId>, Problem> {
        match named {
            None if self.is_admin() => Ok(None),
            named => self.target_account(named).map(Some),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.credential {
            Credential::Key(known) => write!(f, "{}", known.0.id),
            Credential::Token(subject, ..) => write!(f, "token of {subject}"),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let repeater = MaybeReplay::from_request_parts(parts, state).await?;
        repeater.check_quota()?;
        Ok(repeater.0)
    }
}

impl<S: Sync> FromRequestParts<S> for MaybeReplay {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or(Problem::Unauthenticated)?;
        Ok(Self(caller))
    }
}

/// Authenticates the request and checks the scope of its route.
pub(super) async fn authorize(
    State(gate): State<ApiMiddleware>,
    mut request: Request,
    next: Next,
) -> Response {
    // Without a match, the router's fallback answers with 404 or 405.
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    if path.as_ref().is_some_and(|template| !route::is_best_match(request.uri().path(), template)) {
        return route::no_route(request.method(), request.uri().path()).into_response();
    }
    let Some(path) = path else { return next.run(request).await };
    // A route that the router knows but the table doesn't must not be served without a scope.
    let Some(route) = route::find(request.method(), &path) else {
        return route::no_route(request.method(), request.uri().path()).into_response();
    };
    if route.access == Access::Public {
        return next.run(request).await;
    }
    let now = gate.clock.now();
    let admitted = match gate.authenticate(request.headers(), now).await {
        Ok(caller) => check_access(caller, request.headers(), route, now).map_err(ApiError::from),
        Err(failure) => Err(failure),
    };
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            let record_usage = async {
                if let Credential::Key(known) = &caller.credential {
                    gate.record_key_usage(&known.0, now).await;
                }
            };
            tokio::join!(next.run(request), record_usage).0
        }
        Err(failure) => failure.into_response(),
    }
}

type KeyAndAccount = Arc<(KeyRecord, Account)>;

impl ApiMiddleware {
    /// Authenticates by API key, or by bearer token if the text isn't an API key.
    async fn authenticate(&self, headers: &HeaderMap, now: Time) -> Result<Caller, ApiError> {
        let text = presented_credentials(headers).ok_or(Problem::Unauthenticated)?;
        match (text.parse(), &self.issuer) {
            (Ok(key), _) => self.authenticate_key(&key, now).await,
            (Err(_), Some(issuer)) if !text.starts_with("tg_") => {
                self.authenticate_token(issuer, text, now).await
            }
            _ => Err(Problem::Unauthenticated.into()),
        }
    }

    async fn authenticate_key(&self, key: &ApiKey, now: Time) -> Result<Caller, ApiError> {
        let known = self.accounts.caller(key, now).await?.filter(|known| known.0.accepts(key, now));
        let known = known.ok_or(Problem::Unauthenticated)?;
        let scopes = known.0.scopes;
        Ok(Caller { credential: Credential::Key(known), scopes, exhausted: None })
    }

    async fn authenticate_token(
        &self,
        issuer: &Issuer,
        text: &str,
        now: Time,
    ) -> Result<Caller, ApiError> {
        let bearer = issuer.verify(text, now).await;
        let bearer = bearer
            .map_err(|error| ApiError::with_cause(Problem::Unavailable, error.to_string()))?;
        let VerifiedToken { subject, account, scopes, expires_at: until } =
            bearer.ok_or(Problem::Unauthenticated)?;
        let account =
            self.accounts.get_cached(account, now).await?.ok_or(Problem::Unauthenticated)?;
        Ok(Caller {
            credential: Credential::Token(subject, account, until),
            scopes,
            exhausted: None,
        })
    }
}

/// Checks account, scope and quota. If a quota of the account is used up, only a request with an
/// `Idempotency-Key` passes, because it may replay an accepted one.
fn check_access(
    mut caller: Caller,
    headers: &HeaderMap,
    route: &Route,
    now: Time,
) -> Result<Caller, Problem> {
    if !caller.credential.account().is_active {
        return Err(Problem::AccountInactive);
    }
    if let Access::Scope(scope) = route.access
        && !caller.scopes.allow(scope)
    {
        return Err(Problem::MissingScope(scope));
    }
    caller.exhausted = caller
        .credential
        .account()
        .exhausted(now)
        .filter(|_| route.enforces_quota && !caller.is_admin());
    match &caller.exhausted {
        Some(exhausted) if !headers.contains_key(IDEMPOTENCY_KEY) => {
            Err(Problem::QuotaExceeded(exhausted.clone()))
        }
        _ => Ok(caller),
    }
}

/// The credentials in `Authorization: Bearer …`, or without a scheme. The scheme is
/// case-insensitive (RFC 9110, section 11.1).
fn presented_credentials(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else { return None };
    let text = only.to_str().ok()?.trim();
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim_start()),
        Some(_) => None,
        None => Some(text),
    }
}
