//! From a request to its predictions: who answers, on which thread, and what is counted.

use super::batch::{Batch, Predicted};
use super::error::ScoreError;
use super::fleet::Fleet;
use super::live::{Live, Slot, Wish};
use super::model::LoadedModel;
use automl_core::Clock;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Microseconds that a request may take on a thread that runs futures.
const INLINE_US: f64 = 100.0;
/// Bytes of a body that is read on such a thread: at about 5 ns a byte, less than that.
const INLINE_BYTES: usize = 16 << 10;
/// Requests that are compared in the shadow at once; others are skipped and counted.
static SHADOWS: Semaphore = Semaphore::const_new(8);

/// What reads a body as rows of a model; of one that is in the shadow, once more.
pub(crate) trait Read:
    Fn(&LoadedModel) -> Result<Batch, ScoreError> + Clone + Send + 'static
{
}

impl<R: Fn(&LoadedModel) -> Result<Batch, ScoreError> + Clone + Send + 'static> Read for R {}

/// Predictions, and who made them.
pub(crate) struct Scored {
    pub(crate) live: Arc<Live>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) warm: Arc<super::cache::Warm>,
    pub(crate) predicted: Predicted,
}

/// Predicts what `read` makes of a body of so many bytes.
pub(crate) async fn score<R: Read>(
    fleet: &Fleet,
    endpoint: &str,
    wish: Wish<'_>,
    n_bytes: usize,
    read: R,
) -> Result<Scored, ScoreError> {
    let live = fleet.find(endpoint)?;
    let slot = Arc::clone(live.choose(wish)?);
    let room = Arc::clone(&live.room).try_acquire_owned();
    let room = room.map_err(|_full| live.busy())?;
    let clock = Clock::start();
    let warm = match slot.version.take() {
        Some(warm) => warm,
        None => load(fleet, &slot, endpoint).await?,
    };
    let done = work(&warm, n_bytes, read.clone(), room).await;
    let numbers = &slot.numbers;
    numbers.seconds.observe(clock.seconds());
    match &done {
        Ok(predicted) => {
            numbers.answered.inc();
            let n_rows = predicted.predictions.n_rows();
            numbers.rows.inc_by(n_rows as u64);
        }
        Err(error) if error.status().is_server_error() => {
            numbers.failed.inc();
        }
        Err(_refused) => {
            numbers.refused.inc();
        }
    }
    let predicted = done?;
    for shadow in &live.shadows {
        compare(fleet, shadow, read.clone(), &predicted);
    }
    Ok(Scored {
        live,
        slot,
        warm,
        predicted,
    })
}

/// Reads a model that went from memory, for this request and those after it.
pub(crate) async fn load(
    fleet: &Fleet,
    slot: &Arc<Slot>,
    endpoint: &str,
) -> Result<Arc<super::cache::Warm>, ScoreError> {
    let (fleet, version) = (fleet.clone(), Arc::clone(&slot.version));
    let loaded = blocking(move || Ok(fleet.load(&version))).await?;
    loaded.map_err(|reason| ScoreError::NotServing {
        endpoint: endpoint.to_owned(),
        reason,
    })
}

/// Reads and predicts: at once if it is a matter of microseconds, else on a thread that may take its time. Such work keeps
/// its room until it ends, also when whoever asked has gone.
async fn work<R: Read>(
    warm: &Arc<super::cache::Warm>,
    n_bytes: usize,
    read: R,
    room: OwnedSemaphorePermit,
) -> Result<Predicted, ScoreError> {
    if n_bytes > INLINE_BYTES {
        let warm = Arc::clone(warm);
        return blocking(move || {
            let _room = room;
            read(&warm.loaded)?.predict(&warm.loaded)
        })
        .await;
    }
    let batch = read(&warm.loaded)?;
    if warm.row_us * batch.table.n_rows() as f64 <= INLINE_US {
        return batch.predict(&warm.loaded);
    }
    let warm = Arc::clone(warm);
    blocking(move || {
        let _room = room;
        batch.predict(&warm.loaded)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ScoreError> + Send + 'static,
) -> Result<T, ScoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ScoreError::Internal {
            reason: error.to_string(),
        }),
    }
}

/// Lets a deployment in the shadow predict the same rows, and counts whether it says the same; nobody waits for it.
fn compare<R: Read>(fleet: &Fleet, slot: &Arc<Slot>, read: R, answered: &Predicted) {
    let Ok(place) = SHADOWS.try_acquire() else {
        slot.numbers.skipped.inc();
        return;
    };
    let (fleet, slot, answered) = (fleet.clone(), Arc::clone(slot), answered.clone());
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let numbers = &slot.numbers;
        let predicted = match fleet.load(&slot.version) {
            Ok(warm) => read(&warm.loaded).and_then(|batch| batch.predict(&warm.loaded)),
            Err(reason) => Err(ScoreError::Internal { reason }),
        };
        match predicted {
            Ok(predicted) if predicted.predictions == answered.predictions => numbers.same.inc(),
            Ok(_) => numbers.other.inc(),
            Err(_) => numbers.shadow_failed.inc(),
        };
    });
}
