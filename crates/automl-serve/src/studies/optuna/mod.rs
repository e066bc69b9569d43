//! Optuna's storage over gRPC, so that `GrpcStorageProxy` of its clients works here unchanged. Sampling and pruning stay
//! in the client; what it stores is kept as it sends it.
//!
//! Of the errors, clients understand `NOT_FOUND`, `ALREADY_EXISTS`, `FAILED_PRECONDITION` (the trial has ended) and
//! `INVALID_ARGUMENT` (another distribution than before). Times are those of the server's clock, in UTC.

mod calls;
mod convert;
mod wire;

use crate::routes::{Methods, Routes, grpc};
use crate::unary::unary;
use automl_store::db::{Database, DbError, Sql};
use automl_store::studies::StudiesError;
use prost::Message;
use tonic::Status;

/// A call that reads or writes in one transaction.
type Call<Ask, Answer> = fn(&mut dyn Sql, Ask) -> Result<Answer, StudiesError>;

/// Routes of single calls.
struct Service<'a> {
    db: &'a Database,
    routes: Routes,
}

impl Service<'_> {
    fn add<Ask, Answer>(
        mut self,
        name: &str,
        reads: bool,
        methods: Methods,
        call: Call<Ask, Answer>,
    ) -> Self
    where
        Ask: Message + Default + 'static,
        Answer: Message + Default + 'static,
    {
        let db = self.db.clone();
        let answer = move |ask: Ask| {
            let db = db.clone();
            async move {
                let done = if reads {
                    db.read(move |sql| call(sql, ask)).await
                } else {
                    db.write(move |sql| call(sql, ask)).await
                };
                done.map_err(|error: StudiesError| -> Status { status(&error) })
            }
        };
        let path = format!("/optuna.StorageService/{name}");
        self.routes = self.routes.service(&path, unary(answer), methods);
        self
    }

    fn read<Ask, Answer>(self, name: &str, summary: &'static str, call: Call<Ask, Answer>) -> Self
    where
        Ask: Message + Default + 'static,
        Answer: Message + Default + 'static,
    {
        self.add(name, true, grpc().viewer(summary), call)
    }

    fn write<Ask, Answer>(self, name: &str, summary: &'static str, call: Call<Ask, Answer>) -> Self
    where
        Ask: Message + Default + 'static,
        Answer: Message + Default + 'static,
    {
        self.add(name, false, grpc().editor(summary), call)
    }
}

pub(crate) fn routes(db: &Database) -> Routes {
    let routes = Routes::new();
    trials(studies(Service { db, routes })).routes
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
        .read("GetTrial", "One trial", calls::get_trial)
        .read("GetTrials", "Trials of a study", calls::get_trials)
}

/// An error as gRPC tells it.
fn status(error: &StudiesError) -> Status {
    let told = error.to_string();
    match error {
        StudiesError::StudyMissing { .. } | StudiesError::TrialMissing { .. } => {
            Status::not_found(told)
        }
        StudiesError::StudyExists { .. } => Status::already_exists(told),
        StudiesError::TrialFinished { .. }
        | StudiesError::StudyClosed { .. }
        | StudiesError::TrialNotHeld { .. } => Status::failed_precondition(told),
        StudiesError::Incompatible { .. } | StudiesError::Invalid { .. } => {
            Status::invalid_argument(told)
        }
        StudiesError::Db(DbError::Away { .. } | DbError::Closed) => Status::unavailable(told),
        StudiesError::Db(DbError::Full) => Status::resource_exhausted(told),
        StudiesError::Db(_) => Status::internal(told),
    }
}
