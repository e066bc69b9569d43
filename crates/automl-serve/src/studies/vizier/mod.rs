//! Vizier's service over gRPC, so that its Python client works here unchanged. Trials are proposed by the samplers of this
//! program, and the JSON interface and the command line know the studies too, as `OWNER/STUDY`.
//!
//! A spec is read into one of ours and kept as it came, too. What it asks for that is not there is refused when the study
//! is made. Of the errors, clients understand `FAILED_PRECONDITION`: the study or the trial has ended.

mod ask;
mod kept;
mod metadata;
mod metrics;
mod moved;
mod names;
mod refused;
mod space;
mod spec;
mod study_calls;
#[cfg(test)]
mod tests;
mod times;
mod trial_calls;
mod trials;
mod wire;

pub use moved::VizierStudies;

use super::service::Service;
use crate::routes::{Routes, grpc};
use crate::tuning::Desk;
use automl_store::db::Database;
use std::sync::Arc;

pub(crate) fn routes(db: &Database, desk: &Arc<Desk>) -> Routes {
    let service = Service::new("vizier.VizierService", db);
    asked(trials(studies(service)), desk).into_routes()
}

fn studies(service: Service<'_>) -> Service<'_> {
    service
        .write(
            "CreateStudy",
            "Makes a study or finds the one of its name",
            study_calls::create,
        )
        .read("GetStudy", "A study", study_calls::get)
        .read("ListStudies", "The studies of an owner", study_calls::list)
        .write("DeleteStudy", "Deletes a study", study_calls::delete)
        .write(
            "SetStudyState",
            "Ends a study or goes on with it",
            study_calls::set_state,
        )
        .write(
            "UpdateMetadata",
            "Keeps texts with a study and its trials",
            study_calls::update_metadata,
        )
}

fn trials(service: Service<'_>) -> Service<'_> {
    service
        .write(
            "CreateTrial",
            "Adds a point of one's own, to be run or evaluated already",
            trial_calls::create,
        )
        .read("GetTrial", "A trial", trial_calls::get)
        .read("ListTrials", "All trials of a study", trial_calls::list)
        .write(
            "AddTrialMeasurement",
            "Keeps what a trial measured",
            trial_calls::measure,
        )
        .write("CompleteTrial", "Ends a trial", trial_calls::complete)
        .write("DeleteTrial", "Deletes a trial", trial_calls::delete)
        .write(
            "StopTrial",
            "Asks whoever runs a trial to end it",
            trial_calls::stop,
        )
        .read(
            "GetOperation",
            "The trials that were given by an operation",
            trial_calls::operation,
        )
}

fn asked<'a>(service: Service<'a>, desk: &Arc<Desk>) -> Service<'a> {
    let (suggests, stops, ranks) = (desk.clone(), desk.clone(), desk.clone());
    service
        .work(
            "SuggestTrials",
            grpc().editor("Gives trials to run"),
            move |db, told| ask::suggest(&suggests, db, &told),
        )
        .work(
            "CheckTrialEarlyStoppingState",
            grpc().editor("Says whether to end a trial, by the study's rule"),
            move |db, told| ask::check_stopping(&stops, db, told),
        )
        .work(
            "ListOptimalTrials",
            grpc().viewer("The best trial, or the front of several objectives"),
            move |db, told| ask::optimal(&ranks, db, &told),
        )
}
