//! Metrics: how good predictions are.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "being written")]
pub enum Metric {
    RocAuc,
    LogLoss,
    Rmse,
}
