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

/// Insights by study, each with the length of the log that it was computed from.
#[derive(Default)]
pub(crate) struct Insights(Mutex<BTreeMap<i64, (i64, Arc<Insight>)>>);

impl Insights {
    /// The insight of a study as its log is now.
    pub(crate) async fn of(&self, db: &Database, name: String) -> Result<Arc<Insight>, ApiError> {
        let wanted = name.clone();
        let study = db
            .read(move |sql| studies::by_name(sql, W, &wanted))
            .await?;
        if let Some((n_events, kept)) = self.lock().get(&study.id)
            && *n_events == study.n_events
        {
            return Ok(kept.clone());
        }
        let log = db.read(move |sql| Log::read(sql, &name)).await?;
        let computed = tokio::task::spawn_blocking(move || Arc::new(Insight::of(log))).await;
        let insight = computed.map_err(|error| ApiError::internal(error.to_string()))?;
        let mut kept = self.lock();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&insight.study.id) {
            kept.pop_first();
        }
        let n_events = insight.study.n_events;
        kept.insert(insight.study.id, (n_events, insight.clone()));
        Ok(insight)
    }

    /// Whatever a thread that panicked left is whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, (i64, Arc<Insight>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
