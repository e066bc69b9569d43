//! Optuna's storage over gRPC, so that `GrpcStorageProxy` of its clients works here unchanged. Sampling and pruning stay
//! in the client; what it stores is kept as it sends it.
//!
//! Of the errors, clients understand `NOT_FOUND`, `ALREADY_EXISTS`, `FAILED_PRECONDITION` (the trial has ended) and
//! `INVALID_ARGUMENT` (another distribution than before). Times are those of the server's clock, in UTC.

mod calls;
mod convert;
mod lost;
#[cfg(test)]
mod tests;
pub(super) mod wire;

pub(crate) use lost::Watch;

use super::service::Service;
use crate::routes::{Routes, grpc};
use automl_store::db::Database;

pub(crate) fn routes(db: &Database) -> Routes {
    trials(studies(Service::new("optuna.StorageService", db))).into_routes()
}

fn studies(service: Service<'_>) -> Service<'_> {
    service
        .write("CreateNewStudy", "Makes a study", calls::create_study)
        .write("DeleteStudy", "Deletes a study", calls::delete_study)
        .write(
            "SetStudyUserAttribute",
            "Tags a study",
            calls::set_study_user,
        )
        .write(
            "SetStudySystemAttribute",
            "Keeps a sampler's note",
            calls::set_study_system,
        )
        .read("GetStudyIdFromName", "The study of a name", calls::study_id)
        .read(
            "GetStudyNameFromId",
            "The name of a study",
            calls::study_name,
        )
        .read(
            "GetStudyDirections",
            "What a study makes better",
            calls::directions,
        )
        .read(
            "GetStudyUserAttributes",
            "Tags of a study",
            calls::study_user,
        )
        .read(
            "GetStudySystemAttributes",
            "Notes of samplers",
            calls::study_system,
        )
        .read(
            "GetAllStudies",
            "All of Optuna's studies",
            calls::all_studies,
        )
}

fn trials(service: Service<'_>) -> Service<'_> {
    service
        .write(
            "CreateNewTrial",
            "Begins a trial or takes one in",
            calls::create_trial,
        )
        .write("SetTrialParameter", "Sets a parameter", calls::set_param)
        .read(
            "GetTrialIdFromStudyIdTrialNumber",
            "The trial of a number",
            calls::trial_id,
        )
        .write(
            "SetTrialStateValues",
            "Starts or ends a trial",
            calls::set_state,
        )
        .write(
            "SetTrialIntermediateValue",
            "Keeps a measurement",
            calls::measure,
        )
        .write(
            "SetTrialUserAttribute",
            "Tags a trial",
            calls::set_trial_user,
        )
        .write(
            "SetTrialSystemAttribute",
            "Keeps a note on a trial",
            calls::set_trial_system,
        )
        .work("GetTrial", grpc().viewer("One trial"), calls::get_trial)
        .read("GetTrials", "Trials of a study", calls::get_trials)
}
