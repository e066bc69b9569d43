//! The messages of Optuna's storage service, by the numbers of their fields.

#![expect(
    clippy::struct_field_names,
    reason = "the names are those of the protocol"
)]

use std::collections::BTreeMap;

/// Which way is better, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum StudyDirection {
    Minimize = 0,
    Maximize = 1,
}

/// Where a trial is, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum TrialState {
    Running = 0,
    Complete = 1,
    Pruned = 2,
    Fail = 3,
    Waiting = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateNewStudyRequest {
    #[prost(enumeration = "StudyDirection", repeated, tag = "1")]
    pub(crate) directions: Vec<i32>,
    #[prost(string, tag = "2")]
    pub(crate) study_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateNewStudyReply {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeleteStudyRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeleteStudyReply {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetStudyUserAttributeRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
    #[prost(string, tag = "2")]
    pub(crate) key: String,
    #[prost(string, tag = "3")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetStudyUserAttributeReply {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetStudySystemAttributeRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
    #[prost(string, tag = "2")]
    pub(crate) key: String,
    #[prost(string, tag = "3")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetStudySystemAttributeReply {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyIdFromNameRequest {
    #[prost(string, tag = "1")]
    pub(crate) study_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyIdFromNameReply {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyNameFromIdRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyNameFromIdReply {
    #[prost(string, tag = "1")]
    pub(crate) study_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyDirectionsRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyDirectionsReply {
    #[prost(enumeration = "StudyDirection", repeated, tag = "1")]
    pub(crate) directions: Vec<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyUserAttributesRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyUserAttributesReply {
    #[prost(btree_map = "string, string", tag = "1")]
    pub(crate) user_attributes: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudySystemAttributesRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudySystemAttributesReply {
    #[prost(btree_map = "string, string", tag = "1")]
    pub(crate) system_attributes: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetAllStudiesRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetAllStudiesReply {
    #[prost(message, repeated, tag = "1")]
    pub(crate) studies: Vec<Study>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateNewTrialRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
    #[prost(message, optional, tag = "2")]
    pub(crate) template_trial: Option<Trial>,
    #[prost(bool, tag = "3")]
    pub(crate) template_trial_is_none: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateNewTrialReply {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialParameterRequest {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
    #[prost(string, tag = "2")]
    pub(crate) param_name: String,
    #[prost(double, tag = "3")]
    pub(crate) param_value_internal: f64,
    #[prost(string, tag = "4")]
    pub(crate) distribution: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialParameterReply {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetTrialIdFromStudyIdTrialNumberRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
    #[prost(int64, tag = "2")]
    pub(crate) trial_number: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetTrialIdFromStudyIdTrialNumberReply {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialStateValuesRequest {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
    #[prost(enumeration = "TrialState", tag = "2")]
    pub(crate) state: i32,
    #[prost(double, repeated, tag = "3")]
    pub(crate) values: Vec<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialStateValuesReply {
    #[prost(bool, tag = "1")]
    pub(crate) trial_updated: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialIntermediateValueRequest {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
    #[prost(int64, tag = "2")]
    pub(crate) step: i64,
    #[prost(double, tag = "3")]
    pub(crate) intermediate_value: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialIntermediateValueReply {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialUserAttributeRequest {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
    #[prost(string, tag = "2")]
    pub(crate) key: String,
    #[prost(string, tag = "3")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialUserAttributeReply {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialSystemAttributeRequest {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
    #[prost(string, tag = "2")]
    pub(crate) key: String,
    #[prost(string, tag = "3")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetTrialSystemAttributeReply {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetTrialRequest {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetTrialReply {
    #[prost(message, optional, tag = "1")]
    pub(crate) trial: Option<Trial>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetTrialsRequest {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
    #[prost(int64, repeated, tag = "2")]
    pub(crate) included_trial_ids: Vec<i64>,
    #[prost(int64, tag = "3")]
    pub(crate) trial_id_greater_than: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetTrialsReply {
    #[prost(message, repeated, tag = "1")]
    pub(crate) trials: Vec<Trial>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Study {
    #[prost(int64, tag = "1")]
    pub(crate) study_id: i64,
    #[prost(string, tag = "2")]
    pub(crate) study_name: String,
    #[prost(enumeration = "StudyDirection", repeated, tag = "3")]
    pub(crate) directions: Vec<i32>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub(crate) user_attributes: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "5")]
    pub(crate) system_attributes: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Trial {
    #[prost(int64, tag = "1")]
    pub(crate) trial_id: i64,
    #[prost(int64, tag = "2")]
    pub(crate) number: i64,
    #[prost(enumeration = "TrialState", tag = "3")]
    pub(crate) state: i32,
    #[prost(double, repeated, tag = "4")]
    pub(crate) values: Vec<f64>,
    #[prost(string, tag = "5")]
    pub(crate) datetime_start: String,
    #[prost(string, tag = "6")]
    pub(crate) datetime_complete: String,
    #[prost(btree_map = "string, double", tag = "7")]
    pub(crate) params: BTreeMap<String, f64>,
    #[prost(btree_map = "string, string", tag = "8")]
    pub(crate) distributions: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "9")]
    pub(crate) user_attributes: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "10")]
    pub(crate) system_attributes: BTreeMap<String, String>,
    #[prost(btree_map = "int64, double", tag = "11")]
    pub(crate) intermediate_values: BTreeMap<i64, f64>,
}
