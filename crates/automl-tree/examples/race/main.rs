//! Measures boosting on a folder of raw numbers, to race other engines: one JSON object on standard output.
//!
//! `race FOLDER VERB THREADS [name=value …]`, where `name=value` are the learner's parameters. The folder holds
//! `meta.json` (`task`: `regression`, `binary` or `multiclass`; `n_classes`; `n_levels`: for each column 0 for numbers or the
//! number of its categories), and for `train` and `test` each a row-major `NAME.x.f32` and a `NAME.y.f32`, little-endian,
//! NaN for missing. `benches/trees/run.py` writes such folders and reads the answer.
//!
//! - `fit`: binning and fit, then the loss on the test rows, and the area under the ROC curve of two classes
//! - `score`: a fit, then all training rows are scored with it, and the loss is theirs
//! - `row`: a fit, then test rows are scored one at a time
//! - `shap`: a fit, then the first test rows are explained
//! - `watch`: a fit on all but the last `n_valid` training rows (of `meta.json`), which it watches and which have no say in
//!   the bins; the predictions of the test rows are written to `predicted.f64`
//! - `folds`: five folds by every configuration of `configs.json`, with one set of bins; two fits at a time are worth more
//!   than two threads in one, so each worker has a fold

mod verbs;

use std::io::Write as _;

fn main() -> Result<(), verbs::Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    writeln!(std::io::stdout(), "{}", verbs::run(&args)?)?;
    Ok(())
}
