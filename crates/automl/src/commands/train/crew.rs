//! The ranks of a training as runs below its own: where each ran, on what, and what it took.

use crate::memory;
use crate::record::{Recorder, host};
use automl_core::{Collective, CollectiveError, Threads};
use automl_neural::train::each_works;
use automl_store::spool::{Child, Point, Status, Texts};
use automl_store::tracking::{new_id, now_ms};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a rank tells when it has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Arrived {
    host: String,
    process_id: u32,
    threads: usize,
    start_ms: i64,
}

/// What a rank tells when it has done its share.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Left {
    end_ms: i64,
    cpu_seconds: f64,
    memory_bytes: Option<u64>,
}

/// The ranks of a training.
#[derive(Debug)]
pub(super) struct Crew {
    transport: String,
    arrived: Vec<Option<Arrived>>,
}

impl Crew {
    /// Tells the other ranks of this one, and hears of them; all ranks call it.
    ///
    /// # Errors
    /// If a rank is gone.
    pub(super) fn meet(ranks: &dyn Collective, threads: &Threads) -> Result<Self, CollectiveError> {
        let own = Arrived {
            host: host(),
            process_id: std::process::id(),
            threads: threads.count(),
            start_ms: now_ms(),
        };
        Ok(Self {
            transport: ranks.transport().to_owned(),
            arrived: told(ranks, &own)?,
        })
    }

    /// Does what is left to do, for which all ranks wait, and writes down a run for each if there are several: in vain for what
    /// one that is gone would have told.
    pub(super) fn part<T>(
        &self,
        ranks: &dyn Collective,
        recorder: &Recorder<'_>,
        work: impl FnOnce() -> (T, Status),
    ) -> (T, Status) {
        let mut ended = None;
        let left = leave(ranks, || ended = Some(work())).unwrap_or_default();
        let (done, status) = ended.expect("what is left is done, whoever is gone");
        if ranks.size() == 1 {
            return (done, status);
        }
        for (rank, arrived) in self.arrived.iter().enumerate() {
            if let (Some(arrived), Ok(id)) = (arrived, new_id()) {
                let left = left.get(rank).and_then(Option::as_ref);
                recorder.child(self.run(id, rank, arrived, left, status));
            }
        }
        (done, status)
    }

    fn run(
        &self,
        id: String,
        rank: usize,
        arrived: &Arrived,
        left: Option<&Left>,
        status: Status,
    ) -> Child {
        let end_ms = left.map_or_else(now_ms, |left| left.end_ms);
        let params = [
            ("rank", rank.to_string()),
            ("ranks", self.arrived.len().to_string()),
            ("transport", self.transport.clone()),
            ("host", arrived.host.clone()),
            ("process_id", arrived.process_id.to_string()),
            ("threads", arrived.threads.to_string()),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value));
        let point = |key: &str, value: f64| Point {
            key: key.to_owned(),
            value,
            step: 0,
            at_ms: end_ms,
        };
        let seconds = (end_ms - arrived.start_ms) as f64 / 1000.0;
        let mut metrics = vec![point("seconds", seconds)];
        if let Some(left) = left {
            metrics.push(point("cpu_seconds", left.cpu_seconds));
            let memory = left.memory_bytes;
            metrics.extend(memory.map(|bytes| point("memory_bytes", bytes as f64)));
        }
        Child {
            id,
            name: format!("rank {rank}"),
            status,
            start_ms: arrived.start_ms,
            end_ms,
            params: Texts::from(params),
            metrics,
        }
    }
}

/// What a rank but the first does at the end: it tells what it took, and waits for the others.
pub(super) fn wait(ranks: &dyn Collective) {
    // Where one is gone, there is nobody left to tell.
    drop(leave(ranks, || {}));
}

/// What all ranks tell once the last of them has done its work, however long that takes.
fn leave(
    ranks: &dyn Collective,
    work: impl FnOnce(),
) -> Result<Vec<Option<Left>>, CollectiveError> {
    let all = each_works(ranks, None, || {
        work();
        let own = Left {
            end_ms: now_ms(),
            cpu_seconds: memory::cpu_seconds(),
            memory_bytes: memory::in_use(),
        };
        Ok::<_, CollectiveError>(serde_json::to_vec(&own).unwrap_or_default())
    })?;
    Ok(heard(&all))
}

/// What all ranks tell, in their order; none of one that tells it otherwise, as another version may.
fn told<T: Serialize + DeserializeOwned>(
    ranks: &dyn Collective,
    own: &T,
) -> Result<Vec<Option<T>>, CollectiveError> {
    let own = serde_json::to_vec(own).unwrap_or_default();
    Ok(heard(&ranks.all_gather(&own)?))
}

fn heard<T: DeserializeOwned>(all: &[Vec<u8>]) -> Vec<Option<T>> {
    let read = |text: &Vec<u8>| serde_json::from_slice(text).ok();
    all.iter().map(read).collect()
}
