use std::{fmt, sync::Arc};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header, request::Parts};

use super::{
    Failure, Gate, Issuer,
    route::{self, Access, Route},
    token::Bearer,
};
use crate::{
    account::{Account, ApiKey, KeyRecord, Scope, Scopes},
    api::Problem,
    id::{AccountId, KeyId},
    push::{self, Subscriber},
    quota::Exhausted,
    time::Time,
};

/// The header field by which a repeat is known.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Who makes a request.
///
/// Its `Display` is for the log: the id of its key, or whom its token names.
#[derive(Clone, Debug)]
pub struct Caller {
    by: Credential,
    scopes: Scopes,
    /// What it is turned away with, unless it repeats what came before.
    exhausted: Option<Exhausted>,
}

/// Who makes a request that may be a repeat, by its `Idempotency-Key`: it is let through though a quota is used up, since what was accepted
/// before has to be answered as it was. The handler finds out, and [refuses](Self::refusal) what is new.
#[derive(Clone, Debug)]
pub struct Repeater(pub Caller);

impl Repeater {
    /// Why nothing new is taken from it, if nothing is.
    ///
    /// # Errors
    /// The problem.
    pub fn refusal(&self) -> Result<(), Problem> {
        self.0.exhausted.clone().map_or(Ok(()), |exhausted| Err(Problem::QuotaExceeded(exhausted)))
    }
}

/// By what a caller is known.
#[derive(Clone, Debug)]
enum Credential {
    Key(Known),
    /// With its subject, the account that it is for, and until when it is good.
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
    /// The key's account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.by.account().id
    }

    /// What people call that account.
    #[must_use]
    pub fn account_name(&self) -> &str {
        &self.by.account().name
    }

    /// What it may do.
    #[must_use]
    pub const fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Whether it is the operator, who sees everything of every account.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        self.scopes.allow(Scope::Admin)
    }

    /// The key, if it came with one.
    #[must_use]
    pub fn key(&self) -> Option<KeyId> {
        match &self.by {
            Credential::Key(known) => Some(known.0.id),
            Credential::Token(..) => None,
        }
    }

    /// The account that a path names: to others than its own keys and `admin` it isn't there.
    ///
    /// # Errors
    /// The problem, when it isn't.
    pub fn reaching(&self, named: AccountId) -> Result<AccountId, Problem> {
        if self.may_know(named) { Ok(named) } else { Err(Problem::NotFound) }
    }

    /// What its key is called, or whom its token names.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.by {
            Credential::Key(known) => &known.0.name,
            Credential::Token(subject, ..) => subject,
        }
    }

    /// It as a subscriber, to whom events may be sent for as long as it might ask for them.
    #[must_use]
    pub fn subscriber(&self) -> Subscriber {
        let by = match &self.by {
            Credential::Key(known) => push::Credential::Key(known.0.id),
            Credential::Token(.., until) => push::Credential::TokenUntil(*until),
        };
        Subscriber { account: self.account(), is_admin: self.is_admin(), by }
    }

    /// Whether it may know of an account: of its own, or as the operator of every one.
    #[must_use]
    pub fn may_know(&self, account: AccountId) -> bool {
        account == self.account() || self.is_admin()
    }

    /// For which account the request is: the one it names, which only `admin` may do for another than its own.
    ///
    /// # Errors
    /// The problem, when it may not.
    pub fn acting_for(&self, named: Option<AccountId>) -> Result<AccountId, Problem> {
        match named {
            Some(other) if !self.may_know(other) => Err(Problem::MissingScope(Scope::Admin)),
            Some(named) => Ok(named),
            None => Ok(self.account()),
        }
    }

    /// Whose things it sees, of what operators define for accounts; `None`: everybody's.
    ///
    /// # Errors
    /// The problem, when it names another account, and may not.
    pub fn seeing(&self, named: Option<AccountId>) -> Result<Option<AccountId>, Problem> {
        match named {
            None if self.is_admin() => Ok(None),
            named => self.acting_for(named).map(Some),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            Credential::Key(known) => write!(f, "{}", known.0.id),
            Credential::Token(subject, ..) => write!(f, "token of {subject}"),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let repeater = Repeater::from_request_parts(parts, state).await?;
        repeater.refusal()?;
        Ok(repeater.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Repeater {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or(Problem::Unauthenticated)?;
        Ok(Self(caller))
    }
}

/// Lets a request through to its handler if its key opens the route.
pub(super) async fn authorize(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Response {
    // By the router's own match: what it routes nowhere has none, and the fallback knows what to say.
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    if path.as_ref().is_some_and(|template| !route::is_of(request.uri().path(), template)) {
        return route::refusal(request.method(), request.uri().path()).into_response();
    }
    let Some(path) = path else { return next.run(request).await };
    // What isn't in the table is nobody's to use, whatever a router leads to.
    let Some(route) = route::of(request.method(), &path) else {
        return route::refusal(request.method(), request.uri().path()).into_response();
    };
    if route.access == Access::Open {
        return next.run(request).await;
    }
    let now = gate.clock.now();
    let admitted = match gate.recognize(request.headers(), now).await {
        Ok(caller) => admit(caller, request.headers(), route, now).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            let noted = async {
                if let Credential::Key(known) = &caller.by {
                    gate.note_use(&known.0, now).await;
                }
            };
            tokio::join!(next.run(request), noted).0
        }
        Err(failure) => failure.into_response(),
    }
}

/// A key's record and its account.
type Known = Arc<(KeyRecord, Account)>;

impl Gate {
    /// Whose request it is, by its key or token.
    async fn recognize(&self, headers: &HeaderMap, now: Time) -> Result<Caller, Failure> {
        let text = presented(headers).ok_or(Problem::Unauthenticated)?;
        match (text.parse(), &self.issuer) {
            (Ok(key), _) => self.by_key(&key, now).await,
            (Err(_), Some(issuer)) if !text.starts_with("tg_") => {
                self.by_token(issuer, text, now).await
            }
            _ => Err(Problem::Unauthenticated.into()),
        }
    }

    async fn by_key(&self, key: &ApiKey, now: Time) -> Result<Caller, Failure> {
        let known =
            self.accounts.caller(key, now).await?.filter(|known| known.0.opens_for(key, now));
        let known = known.ok_or(Problem::Unauthenticated)?;
        let scopes = known.0.scopes;
        Ok(Caller { by: Credential::Key(known), scopes, exhausted: None })
    }

    async fn by_token(&self, issuer: &Issuer, text: &str, now: Time) -> Result<Caller, Failure> {
        let bearer = issuer.recognize(text, now).await;
        let bearer =
            bearer.map_err(|error| Failure::because(Problem::Unavailable, error.to_string()))?;
        let Bearer { subject, account, scopes, until } = bearer.ok_or(Problem::Unauthenticated)?;
        let account = self.accounts.account(account, now).await?.ok_or(Problem::Unauthenticated)?;
        Ok(Caller { by: Credential::Token(subject, account, until), scopes, exhausted: None })
    }
}

/// A caller that may use a route. One whose account has used up a quota may only repeat what was accepted before, for which it needs an
/// `Idempotency-Key`.
fn admit(
    mut caller: Caller,
    headers: &HeaderMap,
    route: &Route,
    now: Time,
) -> Result<Caller, Problem> {
    if !caller.by.account().is_active {
        return Err(Problem::AccountInactive);
    }
    if let Access::Scope(scope) = route.access
        && !caller.scopes.allow(scope)
    {
        return Err(Problem::MissingScope(scope));
    }
    caller.exhausted =
        caller.by.account().exhausted(now).filter(|_| route.spends && !caller.is_admin());
    match &caller.exhausted {
        Some(exhausted) if !headers.contains_key(IDEMPOTENCY_KEY) => {
            Err(Problem::QuotaExceeded(exhausted.clone()))
        }
        _ => Ok(caller),
    }
}

/// `Authorization: Bearer …`, or the bare key. The scheme's case doesn't matter (RFC 9110, section 11.1).
fn presented(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else { return None };
    let text = only.to_str().ok()?.trim();
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim_start()),
        Some(_) => None,
        None => Some(text),
    }
}
