//! Insights that were computed already, for pages that are looked at again and again.

use super::{Insight, Log};
use crate::error::ApiError;
use automl_store::db::Database;
use automl_store::studies;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use std::sync::{Arc, Mutex, PoisonError};

/// Studies whose insight is kept.
const KEPT_MAX: usize = 16;

/// What is kept of a study: its insight, with the length of the log that it was computed from. Held while it is computed, so
/// that of several who look at once one computes and the others wait for that.
type Slot = Arc<tokio::sync::Mutex<Option<(i64, Arc<Insight>)>>>;

/// Insights with their studies, those that were looked at last at the end.
#[derive(Default)]
pub(crate) struct Insights(Mutex<Vec<(i64, Slot)>>);

impl Insights {
    /// The insight of a study as its log is now.
    pub(crate) async fn of(&self, db: &Database, name: String) -> Result<Arc<Insight>, ApiError> {
        let wanted = name.clone();
        let study = db
            .read(move |sql| studies::by_name(sql, W, &wanted))
            .await?;
        let mut kept = self.slot(study.id).lock_owned().await;
        if let Some((n_events, insight)) = &*kept
            && *n_events >= study.n_events
        {
            return Ok(insight.clone());
        }
        let log = db.read(move |sql| Log::read(sql, &name)).await?;
        // Who looks may go away meanwhile: the next one waits for this all the same.
        let computed = tokio::task::spawn_blocking(move || {
            let insight = Arc::new(Insight::of(log));
            *kept = Some((insight.study.n_events, insight.clone()));
            insight
        });
        let computed = computed.await;
        computed.map_err(|error| ApiError::internal(error.to_string()))
    }

    fn slot(&self, study: i64) -> Slot {
        // Whatever a thread that panicked left is whole.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slots.iter().position(|(id, _)| *id == study);
        let slot = known.map_or_else(Slot::default, |at| slots.remove(at).1);
        let is_idle = |(_, slot): &(i64, Slot)| Arc::strong_count(slot) == 1;
        if slots.len() >= KEPT_MAX
            && let Some(at) = slots.iter().position(is_idle)
        {
            slots.remove(at);
        }
        slots.push((study, slot.clone()));
        slot
    }
}
