//! The types of MLflow's schema: which fields an object has and what they hold.

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A 64-bit number, as text: JavaScript has none.
    Long,
    /// A number that is not finite is null.
    Float,
    Flag,
    Choice,
    Texts,
    Object(&'static Type),
    Objects(&'static Type),
    /// Read from the record only where it is selected.
    Linked(Link),
    /// What a REST route would tell as an error is an error of the whole answer here.
    Nothing(&'static Type),
}

/// What hangs on a run without being told with it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    Experiment,
    ModelVersions,
}

/// An object type: its name and its fields, under the names of the wire.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) fields: &'static [(&'static str, Kind)],
}

/// What an argument takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    Text,
    Int,
    Texts,
}

/// An input type: its name and its fields, under the names of the wire.
#[derive(Debug)]
pub(super) struct InputType {
    pub(super) name: &'static str,
    pub(super) fields: &'static [(&'static str, Input)],
}

/// What answers a root field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Root {
    Echo,
    Experiment,
    Run,
    Runs,
    Artifacts,
    Interval,
    Versions,
    Datasets,
}

/// A field of `Query` or `Mutation`.
#[derive(Debug)]
pub(super) struct RootField {
    pub(super) name: &'static str,
    pub(super) root: Root,
    pub(super) input: &'static InputType,
    pub(super) output: &'static Type,
    pub(super) is_query: bool,
    pub(super) is_mutation: bool,
}

use Input as In;
use Kind::{Choice, Flag, Float, Linked, Long, Nothing, Object, Objects, Text, Texts};

/// Both kinds of operation, in one list.
pub(super) static ROOTS: &[RootField] = &[
    root("test", Root::Echo, &ECHO_IN, &ECHO, true, false),
    root("testMutation", Root::Echo, &ECHO_IN, &ECHO, false, true),
    root(
        "mlflowGetExperiment",
        Root::Experiment,
        &EXPERIMENT_IN,
        &EXPERIMENT_OUT,
        true,
        false,
    ),
    root("mlflowGetRun", Root::Run, &RUN_IN, &RUN_OUT, true, false),
    root(
        "mlflowSearchRuns",
        Root::Runs,
        &RUNS_IN,
        &RUNS_OUT,
        true,
        true,
    ),
    root(
        "mlflowListArtifacts",
        Root::Artifacts,
        &ARTIFACTS_IN,
        &ARTIFACTS_OUT,
        true,
        false,
    ),
    root(
        "mlflowGetMetricHistoryBulkInterval",
        Root::Interval,
        &INTERVAL_IN,
        &INTERVAL_OUT,
        true,
        false,
    ),
    root(
        "mlflowSearchModelVersions",
        Root::Versions,
        &VERSIONS_IN,
        &VERSIONS_OUT,
        true,
        false,
    ),
    root(
        "mlflowSearchDatasets",
        Root::Datasets,
        &DATASETS_IN,
        &DATASETS_OUT,
        false,
        true,
    ),
];

const fn root(
    name: &'static str,
    root: Root,
    input: &'static InputType,
    output: &'static Type,
    is_query: bool,
    is_mutation: bool,
) -> RootField {
    RootField {
        name,
        root,
        input,
        output,
        is_query,
        is_mutation,
    }
}

macro_rules! types {
    ($($id:ident $name:literal { $($field:literal: $kind:expr),* $(,)? })*) => {
        $(static $id: Type = Type { name: $name, fields: &[$(($field, $kind)),*] };)*
    };
}

macro_rules! inputs {
    ($($id:ident $name:literal { $($field:literal: $kind:expr),* $(,)? })*) => {
        $(static $id: InputType = InputType { name: $name, fields: &[$(($field, $kind)),*] };)*
    };
}

inputs! {
    ECHO_IN "String" { "input_string": In::Text }
    EXPERIMENT_IN "MlflowGetExperimentInput" { "experiment_id": In::Text }
    RUN_IN "MlflowGetRunInput" { "run_id": In::Text, "run_uuid": In::Text }
    RUNS_IN "MlflowSearchRunsInput" {
        "experiment_ids": In::Texts, "filter": In::Text, "run_view_type": In::Text, "max_results": In::Int,
        "order_by": In::Texts, "page_token": In::Text,
    }
    ARTIFACTS_IN "MlflowListArtifactsInput" {
        "run_id": In::Text, "run_uuid": In::Text, "path": In::Text, "page_token": In::Text,
    }
    INTERVAL_IN "MlflowGetMetricHistoryBulkIntervalInput" {
        "run_ids": In::Texts, "metric_key": In::Text, "start_step": In::Int, "end_step": In::Int,
        "max_results": In::Int,
    }
    VERSIONS_IN "MlflowSearchModelVersionsInput" {
        "filter": In::Text, "max_results": In::Int, "order_by": In::Texts, "page_token": In::Text,
    }
    DATASETS_IN "MlflowSearchDatasetsInput" { "experiment_ids": In::Texts }
}

types! {
    ECHO "Test" { "output": Text }
    EXPERIMENT_OUT "MlflowGetExperimentResponse" { "experiment": Object(&EXPERIMENT), "apiError": Nothing(&API_ERROR) }
    RUN_OUT "MlflowGetRunResponse" { "run": Object(&RUN), "apiError": Nothing(&API_ERROR) }
    RUNS_OUT "MlflowSearchRunsResponse" {
        "runs": Objects(&RUN), "next_page_token": Text, "apiError": Nothing(&API_ERROR),
    }
    ARTIFACTS_OUT "MlflowListArtifactsResponse" {
        "root_uri": Text, "files": Objects(&FILE), "next_page_token": Text, "apiError": Nothing(&API_ERROR),
    }
    INTERVAL_OUT "MlflowGetMetricHistoryBulkIntervalResponse" {
        "metrics": Objects(&POINT), "apiError": Nothing(&API_ERROR),
    }
    VERSIONS_OUT "MlflowSearchModelVersionsResponse" {
        "model_versions": Objects(&VERSION), "next_page_token": Text, "apiError": Nothing(&API_ERROR),
    }
    DATASETS_OUT "MlflowSearchDatasetsResponse" {
        "dataset_summaries": Objects(&SUMMARY), "apiError": Nothing(&API_ERROR),
    }
    API_ERROR "ApiError" {
        "code": Text, "message": Text, "help_url": Text, "trace_id": Text, "error_details": Objects(&ERROR_DETAIL),
    }
    ERROR_DETAIL "ErrorDetail" { "field": Text, "message": Text }
    EXPERIMENT "MlflowExperiment" {
        "experiment_id": Text, "name": Text, "artifact_location": Text, "lifecycle_stage": Text,
        "last_update_time": Long, "creation_time": Long, "tags": Objects(&EXPERIMENT_TAG),
        "effective_trace_archival_retention": Text, "workspace": Text,
    }
    EXPERIMENT_TAG "MlflowExperimentTag" { "key": Text, "value": Text }
    RUN "MlflowRunExtension" {
        "info": Object(&RUN_INFO), "data": Object(&RUN_DATA), "inputs": Object(&RUN_INPUTS),
        "outputs": Object(&RUN_OUTPUTS), "experiment": Linked(Link::Experiment),
        "model_versions": Linked(Link::ModelVersions),
    }
    RUN_INFO "MlflowRunInfo" {
        "run_id": Text, "run_uuid": Text, "run_name": Text, "experiment_id": Text, "user_id": Text,
        "status": Choice, "start_time": Long, "end_time": Long, "artifact_uri": Text, "lifecycle_stage": Text,
    }
    RUN_DATA "MlflowRunData" { "metrics": Objects(&METRIC), "params": Objects(&PARAM), "tags": Objects(&RUN_TAG) }
    METRIC "MlflowMetricExtension" {
        "key": Text, "value": Float, "timestamp": Long, "step": Long, "dataset_name": Text,
        "dataset_digest": Text, "model_id": Text, "run_id": Text,
    }
    POINT "MlflowMetricWithRunId" { "key": Text, "value": Float, "timestamp": Long, "step": Long, "run_id": Text }
    PARAM "MlflowParam" { "key": Text, "value": Text }
    RUN_TAG "MlflowRunTag" { "key": Text, "value": Text }
    RUN_INPUTS "MlflowRunInputs" {
        "dataset_inputs": Objects(&DATASET_INPUT), "model_inputs": Objects(&MODEL_INPUT),
    }
    RUN_OUTPUTS "MlflowRunOutputs" { "model_outputs": Objects(&MODEL_OUTPUT) }
    MODEL_INPUT "MlflowModelInput" { "model_id": Text }
    MODEL_OUTPUT "MlflowModelOutput" { "model_id": Text, "step": Long }
    DATASET_INPUT "MlflowDatasetInput" { "tags": Objects(&INPUT_TAG), "dataset": Object(&DATASET) }
    INPUT_TAG "MlflowInputTag" { "key": Text, "value": Text }
    DATASET "MlflowDataset" {
        "name": Text, "digest": Text, "source_type": Text, "source": Text, "schema": Text, "profile": Text,
    }
    FILE "MlflowFileInfo" { "path": Text, "is_dir": Flag, "file_size": Long }
    SUMMARY "MlflowDatasetSummary" { "experiment_id": Text, "name": Text, "digest": Text, "context": Text }
    VERSION "MlflowModelVersion" {
        "name": Text, "version": Text, "creation_timestamp": Long, "last_updated_timestamp": Long,
        "user_id": Text, "current_stage": Text, "description": Text, "source": Text, "run_id": Text,
        "status": Choice, "status_message": Text, "tags": Objects(&VERSION_TAG), "run_link": Text,
        "aliases": Texts, "model_id": Text, "model_params": Objects(&MODEL_PARAM),
        "model_metrics": Objects(&MODEL_METRIC), "deployment_job_state": Object(&JOB_STATE),
    }
    VERSION_TAG "MlflowModelVersionTag" { "key": Text, "value": Text }
    MODEL_PARAM "MlflowModelParam" { "name": Text, "value": Text }
    MODEL_METRIC "MlflowModelMetric" {
        "key": Text, "value": Float, "timestamp": Long, "step": Long, "dataset_name": Text,
        "dataset_digest": Text, "model_id": Text, "run_id": Text,
    }
    JOB_STATE "MlflowModelVersionDeploymentJobState" {
        "job_id": Text, "run_id": Text, "job_state": Choice, "run_state": Choice, "current_task_name": Text,
    }
}

impl Link {
    /// What the link leads to, and whether to many.
    pub(super) fn target(self) -> (&'static Type, bool) {
        match self {
            Self::Experiment => (&EXPERIMENT, false),
            Self::ModelVersions => (&VERSION, true),
        }
    }
}

impl Type {
    /// A field by its name in a query.
    pub(super) fn field(&self, name: &str) -> Option<(&'static str, Kind)> {
        let found = self.fields.iter().find(|(wire, _)| camel(wire) == name);
        found.copied()
    }
}

/// A wire name as queries have it: `run_id` is `runId`.
pub(super) fn camel(wire: &str) -> String {
    let mut parts = wire.split('_');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}
