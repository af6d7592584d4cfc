use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header, request::Parts};

use super::{
    Failure, Gate,
    route::{self, Access},
};
use crate::{
    account::{Account, ApiKey, KeyRecord, Scope},
    api::Problem,
    id::AccountId,
};

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Caller(Arc<(KeyRecord, Account)>);

impl Caller {
    /// The key's account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.0.1.id
    }

    /// Whether it is the operator, who sees everything of every account.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.0.0.scopes.allow(Scope::Admin)
    }

    /// For which account the request is: the one it names, which only `admin` may do for another than its own.
    ///
    /// # Errors
    /// The problem, when it may not.
    pub fn acting_for(&self, named: Option<AccountId>) -> Result<AccountId, Problem> {
        match named {
            Some(other) if other != self.account() && !self.is_admin() => {
                Err(Problem::MissingScope(Scope::Admin))
            }
            Some(named) => Ok(named),
            None => Ok(self.account()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::Unauthenticated.into())
    }
}

/// Lets a request through to its handler if its key opens the route.
pub(super) async fn authorize(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    // By the router's own match: what it routes nowhere has none, and the fallback knows what to say.
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    if path.as_ref().is_some_and(|template| !route::is_of(request.uri().path(), template)) {
        return route::refusal(request.uri().path()).into_response();
    }
    let needed = path.and_then(|path| route::of(request.method(), &path)).map(|route| route.access);
    match needed {
        None | Some(Access::Open) => {}
        Some(needed) => match gate.caller(request.headers(), needed).await {
            Ok(caller) => drop(request.extensions_mut().insert(caller)),
            Err(failure) => return failure.into_response(),
        },
    }
    next.run(request).await
}

impl Gate {
    async fn caller(&self, headers: &HeaderMap, needed: Access) -> Result<Caller, Failure> {
        let now = self.clock.now();
        let key = presented(headers).ok_or(Problem::Unauthenticated)?;
        let known = self.accounts.caller(&key, now).await?.filter(|known| known.0.opens_for(&key, now));
        let caller = Caller(known.ok_or(Problem::Unauthenticated)?);
        if !caller.0.1.is_active {
            return Err(Problem::AccountInactive.into());
        }
        match needed {
            Access::Scope(scope) if !caller.0.0.scopes.allow(scope) => {
                Err(Problem::MissingScope(scope).into())
            }
            _ => Ok(caller),
        }
    }
}

/// `Authorization: Bearer tg_…`, or the bare key. The scheme's case doesn't matter (RFC 9110, section 11.1).
fn presented(headers: &HeaderMap) -> Option<ApiKey> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else { return None };
    let text = only.to_str().ok()?.trim();
    let key = match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim_start(),
        Some(_) => return None,
        None => text,
    };
    key.parse().ok()
}
