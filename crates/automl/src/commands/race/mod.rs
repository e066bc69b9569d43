//! `automl race`, hidden: measures boosting on a folder of raw numbers, beside the engines that `benches/trees/run.py`
//! measures on the same.

mod measure;
mod table;
mod watch;

use super::Status;
use crate::cli::RaceArgs;
use crate::console::print_text;

/// One JSON object on standard output, in one line.
pub(super) fn run(args: &RaceArgs) -> anyhow::Result<Status> {
    print_text(&format!("{}\n", measure::answer(args)?))?;
    Ok(Status::Done)
}
