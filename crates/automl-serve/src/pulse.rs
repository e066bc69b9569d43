//! Whether the record answers, asked at most once a second however many want to know.

use automl_core::Clock;
use automl_store::db::Database;
use automl_store::tracking::TrackingError;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Microseconds for which an answer is good.
const GOOD_US: i64 = 1_000_000;

/// Clones share what was found.
#[derive(Clone)]
pub(crate) struct Pulse {
    db: Database,
    last: Arc<Mutex<Last>>,
}

#[derive(Default)]
struct Last {
    is_well: bool,
    at_us: i64,
}

impl Pulse {
    pub(crate) fn new(db: Database) -> Self {
        let last = Arc::default();
        Self { db, last }
    }

    pub(crate) async fn is_well(&self) -> bool {
        let mut last = self.last.lock().await;
        if Clock::unix_micros() - last.at_us >= GOOD_US {
            let asked = self.db.read(|sql| {
                sql.query_one("SELECT 1", &[])?;
                Ok::<_, TrackingError>(())
            });
            last.is_well = asked.await.is_ok();
            last.at_us = Clock::unix_micros();
        }
        last.is_well
    }
}
