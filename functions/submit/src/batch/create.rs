//! Creates the jobs of a batch with few AWS calls.

use std::collections::BTreeMap;

use futures::future::join_all;
use model::{
    job::{Job, Payload},
    kind::Rank,
    time::Time,
};
use store::OutgoingMessage;

use super::BatchJob;
use crate::{
    App,
    create::{NewJob, exceeds_queue_delay},
};

impl App {
    /// Creates new jobs and resends messages that an earlier request may not have sent. Returns for
    /// each job whether it is stored and queued.
    ///
    /// Jobs of a repeated request are created one by one with a conditional write, since another
    /// repeat may create them at the same time.
    pub(super) async fn create_all(
        &self,
        places: &[BatchJob],
        repeatable: bool,
        replayed: bool,
        now: Time,
    ) -> Vec<bool> {
        let (mut alone, mut plain, mut ordered) = (Vec::new(), Vec::new(), Vec::new());
        for (n, place) in places.iter().enumerate() {
            let BatchJob::New(order) = place else { continue };
            match order.rank(now) {
                _ if replayed || exceeds_queue_delay(&order.job, now) => alone.push((n, order)),
                None => plain.push((n, order)),
                Some(_) => ordered.push((n, order)),
            }
        }
        let again = places.iter().enumerate().filter_map(|(n, place)| match place {
            BatchJob::Existing(job) => Some((n, job)),
            _ => None,
        });
        let again = again.map(async |(n, job)| (n, self.resend(job, None, now).await.is_ok()));
        let alone = alone
            .into_iter()
            .map(async |(n, order)| (n, self.accept(order, repeatable).await.is_ok()));
        let (plain, ordered, alone, again) = tokio::join!(
            self.store_then_send(plain, now),
            self.send_then_store(ordered, now),
            join_all(alone),
            join_all(again),
        );
        let near = plain.into_iter().chain(ordered).collect::<Vec<_>>();
        self.record_accepted_all(places, &near, now);
        if !repeatable {
            self.delete_unstarted_all(places, &near).await;
        }
        let mut made = vec![false; places.len()];
        for (n, done) in near.into_iter().chain(alone).chain(again) {
            made[n] = done;
        }
        made
    }

    async fn store_then_send(
        &self,
        orders: Vec<(usize, &NewJob)>,
        now: Time,
    ) -> Vec<(usize, bool)> {
        let stored = self.jobs.put_all(&rows(&orders, now)).await;
        let (kept, lost): (Vec<_>, Vec<_>) =
            orders.into_iter().zip(stored).partition(|(_, stored)| *stored);
        let kept: Vec<_> = kept.into_iter().map(|(order, _)| order).collect();
        let sent = self.queue.send_all(&messages(&kept), now).await;
        let kept = kept.into_iter().zip(sent).map(|((n, _), sent)| (n, sent));
        kept.chain(lost.into_iter().map(|((n, _), _)| (n, false))).collect()
    }

    /// Sends first: a surplus permit does no harm, while a listed job without a permit would use up
    /// another job's.
    async fn send_then_store(
        &self,
        orders: Vec<(usize, &NewJob)>,
        now: Time,
    ) -> Vec<(usize, bool)> {
        let sent = self.queue.send_all(&messages(&orders), now).await;
        let (kept, lost): (Vec<_>, Vec<_>) =
            orders.into_iter().zip(sent).partition(|(_, sent)| *sent);
        let kept: Vec<_> = kept.into_iter().map(|(order, _)| order).collect();
        let stored = self.jobs.put_all(&rows(&kept, now)).await;
        let kept = kept.into_iter().zip(stored).map(|((n, _), stored)| (n, stored));
        kept.chain(lost.into_iter().map(|((n, _), _)| (n, false))).collect()
    }

    fn record_accepted_all(&self, places: &[BatchJob], made: &[(usize, bool)], now: Time) {
        let mut by_kind = BTreeMap::<_, usize>::new();
        for (n, _) in made.iter().filter(|(_, made)| *made) {
            if let BatchJob::New(order) = &places[*n] {
                *by_kind.entry(&order.job.kind).or_default() += 1;
            }
        }
        for (kind, number) in by_kind {
            self.record_accepted(kind, number, now);
        }
    }

    async fn delete_unstarted_all(&self, places: &[BatchJob], made: &[(usize, bool)]) {
        let failed = made.iter().filter(|(_, made)| !made).filter_map(|(n, _)| match &places[*n] {
            BatchJob::New(order) => Some(order),
            _ => None,
        });
        join_all(failed.map(|order| self.delete_unstarted(order))).await;
    }
}

fn messages(orders: &[(usize, &NewJob)]) -> Vec<OutgoingMessage> {
    let message = |order: &NewJob| {
        OutgoingMessage::due_at(order.job.message(), order.job.run_at, order.trace.clone())
    };
    orders.iter().map(|(_, order)| message(order)).collect()
}

fn rows<'a>(
    orders: &[(usize, &'a NewJob)],
    now: Time,
) -> Vec<(&'a Job, &'a Payload, Option<Rank>)> {
    orders.iter().map(|(_, order)| (&order.job, &order.payload, order.rank(now))).collect()
}
