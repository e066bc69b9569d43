//! Parts of a search that can be left out, to measure what they add.

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartArg {
    Portfolio,
    Tuning,
    Bagging,
    Ensembling,
    Calibration,
    Probing,
    Costs,
}
