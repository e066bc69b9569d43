//! The product from outside: the built binary driven as a user would, and the rules that hold the repository together.
//!
//! - [`cases`]: scenario files `tests/cases/*.md`: prose, files, commands and what they print. `UPDATE_EXPECT=1` rewrites
//!   what no longer matches.
//! - [`batch`], [`batch_jobs`], [`determinism`], [`interruption`], [`predictions`], [`ranks`], [`damage`], [`endpoints`], [`full_disk`], [`budget`], [`golden`], [`mlflow`], [`record`], [`serving`], [`targets`], [`tune`], [`tuning`]: promises that need code.
//! - [`race`]: the hidden verb that `benches/trees/run.py` measures us by.
//! - [`tidy`]: crate edges, file sizes, documents, data sets, licences.

mod batch;
mod batch_jobs;
mod budget;
mod cases;
mod damage;
mod determinism;
mod endpoints;
mod full_disk;
mod golden;
mod harness;
mod interruption;
mod mlflow;
mod predictions;
mod race;
mod ranks;
mod record;
mod resume;
mod scenario;
mod serving;
mod targets;
mod tidy;
mod train;
mod train_board;
mod train_command;
mod train_images;
mod train_series;
mod train_texts;
mod tune;
mod tune_server;
mod tuning;
