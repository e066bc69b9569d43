//! Insights that were computed already, for pages that are looked at again and again.

use super::{Insight, Log};
use crate::error::ApiError;
use automl_store::db::Database;
use automl_store::studies;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Studies whose insight is kept.
const KEPT_MAX: usize = 16;

/// What is kept of a study: its insight, with the length of the log that it was computed from. Held while it is computed, so
/// that of several who look at once one computes and the others wait for that.
type Slot = Arc<tokio::sync::Mutex<Option<(i64, Arc<Insight>)>>>;

/// Insights by study.
#[derive(Default)]
pub(crate) struct Insights(Mutex<BTreeMap<i64, Slot>>);

impl Insights {
    /// The insight of a study as its log is now.
    pub(crate) async fn of(&self, db: &Database, name: String) -> Result<Arc<Insight>, ApiError> {
        let wanted = name.clone();
        let study = db
            .read(move |sql| studies::by_name(sql, W, &wanted))
            .await?;
        let slot = self.slot(study.id);
        let mut kept = slot.lock().await;
        if let Some((n_events, insight)) = &*kept
            && *n_events >= study.n_events
        {
            return Ok(insight.clone());
        }
        let log = db.read(move |sql| Log::read(sql, &name)).await?;
        let computed = tokio::task::spawn_blocking(move || Arc::new(Insight::of(log))).await;
        let insight = computed.map_err(|error| ApiError::internal(error.to_string()))?;
        *kept = Some((insight.study.n_events, insight.clone()));
        Ok(insight)
    }

    fn slot(&self, study: i64) -> Slot {
        // Whatever a thread that panicked left is whole.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT_MAX && !slots.contains_key(&study) {
            slots.pop_first();
        }
        slots.entry(study).or_default().clone()
    }
}
