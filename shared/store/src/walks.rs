use serde::{Deserialize, Serialize};

use super::{
    Error, Table,
    key::Key,
    table::{Condition, Conditional, number, parse_item},
};
use model::{
    id::AccountId,
    job::scan::{Progress, Scan},
    time::Time,
};

/// Progress of the walk over all jobs; see [`walk`](model::job::walk).
#[derive(Clone, Debug)]
pub struct WalkStore {
    table: Table,
}

/// The stored progress, for the conditional write.
#[derive(Clone, Debug)]
pub struct StoredWalk {
    /// `None` before the first walk of a stack.
    pub walk: Option<Scan>,
    /// Number of saves.
    turn: i64,
}

#[derive(Serialize, Deserialize)]
struct WalkItem {
    from: i64,
    to: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    /// Only within an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    done: bool,
    turn: i64,
}

impl WalkStore {
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    pub async fn read(&self) -> Result<StoredWalk, Error> {
        let item = self.table.get(&Key::walk(), true).await?;
        let item: Option<WalkItem> = item.map(|item| parse_item("the walk", item)).transpose()?;
        let turn = item.as_ref().map_or(0, |item| item.turn);
        let walk = item.map(|item| Scan {
            from: Time::from_millis(item.from),
            to: Time::from_millis(item.to),
            progress: match (item.done, item.account, item.until) {
                (true, ..) => Progress::Done,
                (_, Some(account), Some(until)) => {
                    Progress::Within(account, Time::from_millis(until))
                }
                (_, account, _) => Progress::After(account),
            },
        });
        Ok(StoredWalk { walk, turn })
    }

    /// Saves the progress of a walk. Returns `false` if another run saved first.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn save(&self, known: &StoredWalk, walk: &Scan) -> Result<bool, Error> {
        let (account, until, done) = match walk.progress {
            Progress::After(account) => (account, None, false),
            Progress::Within(account, until) => (Some(account), Some(until.millis()), false),
            Progress::Done => (None, None, true),
        };
        let (from, to) = (walk.from.millis(), walk.to.millis());
        let item = WalkItem { from, to, account, until, done, turn: known.turn + 1 };
        let condition = if known.walk.is_none() {
            Condition::no_item()
        } else {
            Condition {
                expression: "turn = :turn",
                names: Vec::new(),
                values: vec![(":turn", number(known.turn))],
            }
        };
        Ok(matches!(
            self.table.put_if(&Key::walk(), &item, condition).await?,
            Conditional::Done(())
        ))
    }
}
