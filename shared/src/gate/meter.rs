use std::sync::{Arc, OnceLock};

use axum::{body::HttpBody, extract::Request, response::Response};
use http::Method;

use super::{Caller, Route, answer::Answering};
use crate::id::AccountId;

/// Whose request it is and to which route, from when that is known: also of one that is refused then, or runs out of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Metered(Arc<OnceLock<(AccountId, &'static Route)>>);

/// A request on its way through the gate.
#[derive(Debug)]
pub(super) struct Passage {
    of: Metered,
    sent: u64,
    is_head: bool,
}

impl Metered {
    /// Takes note of a request's caller, if it is metered.
    pub(super) fn note(request: &Request, caller: &Caller, route: &'static Route) {
        if let Some(Self(of)) = request.extensions().get() {
            let _ = of.set((caller.account(), route));
        }
    }
}

impl Answering {
    /// Begins to meter a request, where that is done.
    pub(super) fn begin_metering(&self, request: &mut Request) -> Option<Passage> {
        self.meters.as_ref()?;
        let of = Metered::default();
        request.extensions_mut().insert(of.clone());
        Some(Passage { of, sent: length(request.body()), is_head: request.method() == Method::HEAD })
    }

    /// Counts a request by its answer, which is as it will be sent. Those of nobody known aren't counted.
    pub(super) fn meter(&self, passage: &Passage, response: &Response) {
        let (Some(meters), Some((account, route))) = (&self.meters, passage.of.0.get()) else { return };
        let got = if passage.is_head { 0 } else { length(response.body()) };
        meters.count(*account, &route.name(), passage.sent, got);
    }
}

/// How many bytes a body has. Every body that a function gets or makes is whole, so that it knows.
fn length(body: &axum::body::Body) -> u64 {
    body.size_hint().lower()
}
