//! From a request to its predictions: who answers, on which thread, and what is counted.

use super::agree::compared;
use super::batch::{Batch, Predicted};
use super::cache::Warm;
use super::capture::{Kept, Sample};
use super::error::ScoreError;
use super::fleet::Fleet;
use super::live::{Live, Slot, Wish};
use super::model::{LoadedModel, ModelFacts};
use super::numbers::{Reason, Spent, Unended};
use super::queue::Patience;
use crate::access::Held;
use crate::observe::RequestId;
use automl_core::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Microseconds that a request may take on a thread that runs futures.
const INLINE_US: f64 = 100.0;
/// Bytes of a body that is read on such a thread: at about 5 ns a byte, less than that.
pub(super) const INLINE_BYTES: usize = 16 << 10;
/// Rows of which an answer is written on such a thread.
const INLINE_ROWS: usize = 1_000;
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
    pub(crate) warm: Arc<Warm>,
    pub(crate) predicted: Predicted,
}

/// What is known of a request before its body is read.
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) wish: Wish<'a>,
    /// Bytes of its body.
    pub(crate) n_bytes: usize,
    /// The memory that it may take, until it is answered.
    pub(crate) held: Option<Held>,
    /// The id that it is told under.
    pub(crate) id: Option<RequestId>,
    /// Milliseconds after which nobody waits for the answer.
    pub(crate) patience_ms: Option<u64>,
}

/// Predicts what `read` makes of a body, and answers as `tell` does; both on a thread that may take its time, unless it is a
/// matter of microseconds.
pub(crate) async fn score<R: Read, A: Send + 'static>(
    fleet: &Fleet,
    asked: Asked<'_>,
    read: R,
    tell: impl FnOnce(&Scored) -> Result<A, ScoreError> + Send + 'static,
) -> Result<A, ScoreError> {
    let live = fleet.find(asked.endpoint)?;
    let slot = Arc::clone(live.choose(asked.wish)?);
    let numbers = &slot.numbers;
    let Ok(room) = Arc::clone(&live.room).try_acquire_owned() else {
        numbers.counts.failed(Reason::Rejected);
        return Err(live.busy());
    };
    let clock = Clock::start();
    // Whoever goes away lets all of this drop.
    let unended = Unended::of(&numbers.counts);
    let n_bytes = asked.n_bytes;
    let done = match begun(fleet, live, &slot, asked, (clock, room)).await {
        Ok(work) => work.done(n_bytes, read, tell).await,
        Err(error) => Err(error),
    };
    unended.ended();
    let whole = clock.elapsed();
    match done {
        Ok(done) => {
            numbers.answered(done.n_rows, whole, &done.spent);
            Ok(done.answer)
        }
        Err(error) => {
            numbers.ended(whole, &error);
            Err(error)
        }
    }
}

/// A request that is taken, once its model is in memory.
async fn begun(
    fleet: &Fleet,
    live: Arc<Live>,
    slot: &Arc<Slot>,
    asked: Asked<'_>,
    (clock, room): (Clock, OwnedSemaphorePermit),
) -> Result<Work, ScoreError> {
    let mut spent = Spent::default();
    let patience = Patience {
        clock,
        ms: asked.patience_ms,
    };
    let mut holds = Holds {
        _room: room,
        _held: asked.held,
    };
    let warm = if let Some((warm, now_us)) = slot.version.take() {
        slot.numbers.counts.taken(now_us);
        warm
    } else {
        slot.numbers.counts.taken(Clock::unix_micros());
        let loaded = loaded_for(fleet, slot, asked.endpoint, (patience, holds));
        let (warm, kept) = Box::pin(loaded).await?;
        holds = kept;
        spent.queue = clock.elapsed();
        warm
    };
    let sample = sampled(&live, asked.id, asked.n_bytes);
    Ok(Work {
        fleet: fleet.clone(),
        live,
        slot: Arc::clone(slot),
        warm,
        patience,
        sample,
        spent,
        _holds: holds,
    })
}

/// As [`load`], for a request that waits only so long; reading goes on with what the request holds.
async fn loaded_for(
    fleet: &Fleet,
    slot: &Arc<Slot>,
    endpoint: &str,
    (patience, holds): (Patience, Holds),
) -> Result<(Arc<Warm>, Holds), ScoreError> {
    patience.check()?;
    let away = |reason| not_in_memory(endpoint, reason);
    if let Some(reason) = slot.version.failed_lately() {
        return Err(away(reason));
    }
    let (fleet, version) = (fleet.clone(), Arc::clone(&slot.version));
    let loaded = blocking(move || Ok((fleet.load(&version), holds)));
    let (loaded, holds) = patience.within(loaded).await??;
    Ok((loaded.map_err(away)?, holds))
}

fn not_in_memory(endpoint: &str, reason: String) -> ScoreError {
    ScoreError::NotServing {
        endpoint: endpoint.to_owned(),
        reason,
    }
}

/// Reads a model that went from memory, for this request and those after it.
pub(crate) async fn load(
    fleet: &Fleet,
    slot: &Arc<Slot>,
    endpoint: &str,
) -> Result<Arc<Warm>, ScoreError> {
    if let Some(reason) = slot.version.failed_lately() {
        return Err(not_in_memory(endpoint, reason));
    }
    let (fleet, version) = (fleet.clone(), Arc::clone(&slot.version));
    let loaded = blocking(move || Ok(fleet.load(&version))).await?;
    loaded.map_err(|reason| not_in_memory(endpoint, reason))
}

/// What a request has until it ends.
struct Holds {
    _room: OwnedSemaphorePermit,
    _held: Option<Held>,
}

/// A request on its way to its answer. It keeps its room and its memory until it ends, also when whoever asked has gone or waits
/// no longer.
struct Work {
    fleet: Fleet,
    live: Arc<Live>,
    slot: Arc<Slot>,
    warm: Arc<Warm>,
    patience: Patience,
    /// Of a request that is kept.
    sample: Option<Sample>,
    spent: Spent,
    _holds: Holds,
}

/// A request that is answered.
struct Done<A> {
    answer: A,
    n_rows: usize,
    spent: Spent,
}

impl Work {
    /// Reads, predicts and answers: at once if it is a matter of microseconds, else on threads that may take their time.
    async fn done<R: Read, A: Send + 'static>(
        mut self,
        n_bytes: usize,
        read: R,
        tell: impl FnOnce(&Scored) -> Result<A, ScoreError> + Send + 'static,
    ) -> Result<Done<A>, ScoreError> {
        // What most requests need not is kept out of their future, which moves with each of them.
        if n_bytes > INLINE_BYTES {
            return Box::pin(self.read_apart(read, tell)).await;
        }
        let mut batch = read(&self.warm.loaded)?;
        self.spent.read = self.since();
        self.patience.bound(batch.patience_ms);
        let us = self.warm.row_us * batch.table.n_rows() as f64;
        if us > INLINE_US || batch.explains {
            return Box::pin(self.waited(batch, read, tell)).await;
        }
        self.patience.check()?;
        // Held until the answer is written.
        let _extra = std::mem::take(&mut batch.extra);
        let predicted = self.predicted(batch)?;
        self.answer(predicted, &read, tell)
    }

    /// Reads a long body on a thread that may take its time.
    async fn read_apart<R: Read, A: Send + 'static>(
        self,
        read: R,
        tell: impl FnOnce(&Scored) -> Result<A, ScoreError> + Send + 'static,
    ) -> Result<Done<A>, ScoreError> {
        // Reading takes a good part of what predicting does: what is refused is refused before.
        self.note_refused(self.slot.queue.check(self.patience))?;
        let (patience, own) = (self.patience, read.clone());
        let reading = blocking(move || {
            patience.check()?;
            let batch = own(&self.warm.loaded)?;
            Ok((self, batch))
        });
        let (mut work, batch) = patience.within(reading).await??;
        work.spent.read = work.since();
        work.patience.bound(batch.patience_ms);
        work.waited(batch, read, tell).await
    }

    /// Predicts once the model has time, and answers.
    async fn waited<R: Read, A: Send + 'static>(
        mut self,
        mut batch: Batch,
        read: R,
        tell: impl FnOnce(&Scored) -> Result<A, ScoreError> + Send + 'static,
    ) -> Result<Done<A>, ScoreError> {
        // Held until the answer is written.
        let extra = std::mem::take(&mut batch.extra);
        let n_rows = batch.table.n_rows();
        let patience = self.patience;
        if batch.explains {
            // Alone: what it takes says nothing of what plain rows do.
            batch.check_explained(&self.warm.loaded)?;
            let explained = blocking(move || {
                let _extra = extra;
                self.patience.check()?;
                self.spent.queue += self.since();
                let predicted = self.predicted(batch)?;
                self.answer(predicted, &read, tell)
            });
            return patience.within(explained).await?;
        }
        // Goes on with its room and its memory, also when whoever asked has gone.
        let queued = tokio::spawn(async move {
            let _extra = extra;
            let (loaded, patience) = (self.warm.loaded.clone(), self.patience);
            let queued = self.slot.queue.predicted(&loaded, batch, patience).await;
            let (predicted, took) = self.note_refused(queued)?;
            self.spent.queue += self.since().saturating_sub(took);
            self.note_predicted(&predicted);
            if n_rows <= INLINE_ROWS {
                return self.answer(predicted, &read, tell);
            }
            blocking(move || self.answer(predicted, &read, tell)).await
        });
        let queued = patience.within(queued).await?;
        queued.unwrap_or_else(|error| {
            Err(ScoreError::Internal {
                reason: error.to_string(),
            })
        })
    }

    /// Counts it if there is no time for the request.
    fn note_refused<T>(&self, found: Result<T, ScoreError>) -> Result<T, ScoreError> {
        if let Err(ScoreError::Overloaded { .. }) = &found {
            self.live.note_overload();
        }
        found
    }

    /// What the request took beyond what is noted.
    fn since(&self) -> Duration {
        let whole = self.patience.clock.elapsed();
        whole.saturating_sub(self.spent.sum())
    }

    /// Predicts on this thread.
    fn predicted(&mut self, batch: Batch) -> Result<Predicted, ScoreError> {
        let predicted = batch.predict(&self.warm.loaded);
        self.slot.numbers.counts.executed(1);
        let predicted = predicted?;
        self.note_predicted(&predicted);
        Ok(predicted)
    }

    fn note_predicted(&mut self, predicted: &Predicted) {
        let took = self.since();
        self.spent.explain = predicted.explained_in;
        self.spent.predict = took.saturating_sub(predicted.explained_in.unwrap_or_default());
    }

    fn answer<R: Read, A>(
        self,
        predicted: Predicted,
        read: &R,
        tell: impl FnOnce(&Scored) -> Result<A, ScoreError>,
    ) -> Result<Done<A>, ScoreError> {
        // Whoever asked was told by now.
        self.patience.check()?;
        let spent = self.spent;
        let scored = Scored {
            live: self.live,
            slot: self.slot,
            warm: self.warm,
            predicted,
        };
        // What cannot be told was not answered, so it is neither kept nor compared.
        let answer = tell(&scored)?;
        let n_rows = scored.predicted.predictions.n_rows();
        for shadow in &scored.live.shadows {
            if shadow.version.failed_lately().is_some() {
                shadow.numbers.shadow_failed.inc();
                continue;
            }
            let sample = self.sample.clone();
            compare(
                (&self.fleet, &scored.live),
                shadow,
                read.clone(),
                (&scored.predicted, &scored.slot.facts),
                sample,
            );
        }
        if let Some(sample) = self.sample {
            self.fleet.captor().keep(Kept {
                sample,
                endpoint: scored.live.name.clone(),
                slot: scored.slot,
                warm: scored.warm,
                read: Box::new(read.clone()),
                predicted: scored.predicted.unexplained(),
                agrees: None,
            });
        }
        Ok(Done {
            answer,
            n_rows,
            spent,
        })
    }
}

/// Whether a request is kept.
fn sampled(live: &Live, id: Option<RequestId>, n_bytes: usize) -> Option<Sample> {
    let rule = live.capture.as_ref()?;
    let RequestId(request_id) = id?;
    rule.picks(&request_id).then(|| Sample {
        rule: Arc::clone(rule),
        request_id,
        at_us: Clock::unix_micros(),
        n_bytes,
    })
}

/// Work on a thread that may take its time.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ScoreError> + Send + 'static,
) -> Result<T, ScoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ScoreError::Internal {
            reason: error.to_string(),
        }),
    }
}

/// Lets a deployment in the shadow predict the same rows, and counts whether and how far it says the same; nobody waits for it. Of a request
/// that is kept, so is what it says.
fn compare<R: Read>(
    (fleet, live): (&Fleet, &Live),
    slot: &Arc<Slot>,
    read: R,
    (answered, facts): (&Predicted, &Arc<ModelFacts>),
    sample: Option<Sample>,
) {
    let Ok(place) = SHADOWS.try_acquire() else {
        slot.numbers.skipped.inc();
        return;
    };
    let (fleet, slot) = (fleet.clone(), Arc::clone(slot));
    let (answered, facts) = (answered.clone().unexplained(), Arc::clone(facts));
    let endpoint = live.name.clone();
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let warm = match fleet.load(&slot.version) {
            Ok(warm) => warm,
            Err(_reason) => {
                slot.numbers.shadow_failed.inc();
                return;
            }
        };
        let predicted = read(&warm.loaded).and_then(|batch| {
            let compared = Batch {
                explains: false,
                ..batch
            };
            compared.predict(&warm.loaded)
        });
        let Ok(predicted) = predicted else {
            slot.numbers.shadow_failed.inc();
            return;
        };
        let said = (&predicted, &warm.loaded.facts.task);
        let found = compared((&answered, &facts.task), said);
        slot.numbers.compared(&found);
        if let Some(sample) = sample {
            fleet.captor().keep(Kept {
                sample,
                endpoint,
                slot,
                warm,
                read: Box::new(read),
                predicted,
                agrees: Some(found.agrees),
            });
        }
    });
}
