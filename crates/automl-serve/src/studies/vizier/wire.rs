//! The messages of Vizier's service, by the numbers of their fields.
//!
//! A message that is sent back as it came is taken as its bytes, which look the same on the wire: so nothing of it is lost.

#![expect(
    clippy::struct_field_names,
    reason = "the names are those of the protocol"
)]

/// Whether a study goes on, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum StudyState {
    Unspecified = 0,
    Active = 1,
    Inactive = 2,
    Completed = 3,
}

/// Where a trial is, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum TrialState {
    Unspecified = 0,
    Requested = 1,
    Active = 2,
    Stopping = 3,
    Succeeded = 4,
    Infeasible = 5,
}

/// Which way is better, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Goal {
    Unspecified = 0,
    Maximize = 1,
    Minimize = 2,
}

/// How equal steps of a search translate to steps of a number, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum ScaleType {
    Unspecified = 0,
    Linear = 1,
    Log = 2,
    ReverseLog = 3,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// A value of a parameter: one of these.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Value {
    #[prost(double, optional, tag = "2")]
    pub(crate) number_value: Option<f64>,
    #[prost(string, optional, tag = "3")]
    pub(crate) string_value: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) bool_value: Option<bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Operation {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(bool, tag = "3")]
    pub(crate) done: bool,
    #[prost(message, optional, tag = "5")]
    pub(crate) response: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetOperationRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

/// A text or a message by namespace and key.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
    /// A message of any kind, as it came.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) proto: Option<Vec<u8>>,
    #[prost(string, tag = "4")]
    pub(crate) ns: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Study {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) display_name: String,
    /// A [`StudySpec`], as it came.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) study_spec: Option<Vec<u8>>,
    #[prost(enumeration = "StudyState", tag = "4")]
    pub(crate) state: i32,
    #[prost(message, optional, tag = "5")]
    pub(crate) create_time: Option<Timestamp>,
    #[prost(string, tag = "6")]
    pub(crate) inactive_reason: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Trial {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) id: String,
    #[prost(enumeration = "TrialState", tag = "3")]
    pub(crate) state: i32,
    #[prost(message, repeated, tag = "4")]
    pub(crate) parameters: Vec<Parameter>,
    /// A [`Measurement`], as it came.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub(crate) final_measurement: Option<Vec<u8>>,
    /// [`Measurement`]s, as they came.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub(crate) measurements: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "7")]
    pub(crate) start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "8")]
    pub(crate) end_time: Option<Timestamp>,
    #[prost(string, tag = "9")]
    pub(crate) client_id: String,
    #[prost(string, tag = "10")]
    pub(crate) infeasible_reason: String,
    #[prost(message, repeated, tag = "11")]
    pub(crate) metadata: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Parameter {
    #[prost(string, tag = "1")]
    pub(crate) parameter_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Measurement {
    #[prost(message, optional, tag = "1")]
    pub(crate) elapsed_duration: Option<Duration>,
    #[prost(int64, tag = "2")]
    pub(crate) step_count: i64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Duration {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Metric {
    #[prost(string, tag = "1")]
    pub(crate) metric_id: String,
    #[prost(double, tag = "2")]
    pub(crate) value: f64,
}

/// What is understood of a study; whether noise is great or small, samplers find out.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StudySpec {
    #[prost(message, repeated, tag = "1")]
    pub(crate) metrics: Vec<MetricSpec>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) parameters: Vec<ParameterSpec>,
    #[prost(string, tag = "3")]
    pub(crate) algorithm: String,
    #[prost(message, repeated, tag = "7")]
    pub(crate) metadata: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricSpec {
    #[prost(string, tag = "1")]
    pub(crate) metric_id: String,
    #[prost(enumeration = "Goal", tag = "2")]
    pub(crate) goal: i32,
    #[prost(message, optional, tag = "3")]
    pub(crate) safety_config: Option<SafetyConfig>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SafetyConfig {
    #[prost(double, tag = "1")]
    pub(crate) safety_threshold: f64,
    #[prost(double, optional, tag = "2")]
    pub(crate) desired_min_safe_trials_fraction: Option<f64>,
}

/// A parameter of one of four kinds, and those that exist only for some of its values.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ParameterSpec {
    #[prost(string, tag = "1")]
    pub(crate) parameter_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) double_value_spec: Option<DoubleSpec>,
    #[prost(message, optional, tag = "3")]
    pub(crate) integer_value_spec: Option<IntegerSpec>,
    #[prost(message, optional, tag = "4")]
    pub(crate) categorical_value_spec: Option<CategoricalSpec>,
    #[prost(message, optional, tag = "5")]
    pub(crate) discrete_value_spec: Option<DiscreteSpec>,
    #[prost(enumeration = "ScaleType", tag = "6")]
    pub(crate) scale_type: i32,
    #[prost(message, repeated, tag = "10")]
    pub(crate) conditional_parameter_specs: Vec<ConditionalSpec>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DoubleSpec {
    #[prost(double, tag = "1")]
    pub(crate) min_value: f64,
    #[prost(double, tag = "2")]
    pub(crate) max_value: f64,
    #[prost(message, optional, tag = "3")]
    pub(crate) default_value: Option<DoubleValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IntegerSpec {
    #[prost(int64, tag = "1")]
    pub(crate) min_value: i64,
    #[prost(int64, tag = "2")]
    pub(crate) max_value: i64,
    #[prost(message, optional, tag = "3")]
    pub(crate) default_value: Option<IntegerValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CategoricalSpec {
    #[prost(string, repeated, tag = "1")]
    pub(crate) values: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) default_value: Option<StringValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DiscreteSpec {
    #[prost(double, repeated, tag = "1")]
    pub(crate) values: Vec<f64>,
    #[prost(message, optional, tag = "2")]
    pub(crate) default_value: Option<DoubleValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DoubleValue {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IntegerValue {
    #[prost(int64, tag = "1")]
    pub(crate) value: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StringValue {
    #[prost(string, tag = "1")]
    pub(crate) value: String,
}

/// A parameter, and the values of its parent for which it exists.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ConditionalSpec {
    #[prost(message, optional, tag = "1")]
    pub(crate) parameter_spec: Option<ParameterSpec>,
    #[prost(message, optional, tag = "2")]
    pub(crate) parent_discrete_values: Option<DiscreteCondition>,
    #[prost(message, optional, tag = "3")]
    pub(crate) parent_int_values: Option<IntegerCondition>,
    #[prost(message, optional, tag = "4")]
    pub(crate) parent_categorical_values: Option<CategoricalCondition>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DiscreteCondition {
    #[prost(double, repeated, tag = "1")]
    pub(crate) values: Vec<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IntegerCondition {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) values: Vec<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CategoricalCondition {
    #[prost(string, repeated, tag = "1")]
    pub(crate) values: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateStudyRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) study: Option<Study>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetStudyRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListStudiesRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListStudiesResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) studies: Vec<Study>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeleteStudyRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetStudyStateRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(enumeration = "StudyState", tag = "2")]
    pub(crate) state: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SuggestTrialsRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(int32, tag = "2")]
    pub(crate) suggestion_count: i32,
    #[prost(string, tag = "3")]
    pub(crate) client_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SuggestTrialsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) trials: Vec<Trial>,
    #[prost(enumeration = "StudyState", tag = "2")]
    pub(crate) study_state: i32,
    #[prost(message, optional, tag = "3")]
    pub(crate) start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "4")]
    pub(crate) end_time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateTrialRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) trial: Option<Trial>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetTrialRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

/// Its fields for pages go unread: clients want all trials at once.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListTrialsRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListTrialsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) trials: Vec<Trial>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AddTrialMeasurementRequest {
    #[prost(string, tag = "1")]
    pub(crate) trial_name: String,
    /// A [`Measurement`], as it came.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) measurement: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CompleteTrialRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// A [`Measurement`], as it came.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) final_measurement: Option<Vec<u8>>,
    #[prost(bool, tag = "3")]
    pub(crate) trial_infeasible: bool,
    #[prost(string, tag = "4")]
    pub(crate) infeasible_reason: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeleteTrialRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CheckTrialEarlyStoppingStateRequest {
    #[prost(string, tag = "1")]
    pub(crate) trial_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CheckTrialEarlyStoppingStateResponse {
    #[prost(bool, tag = "1")]
    pub(crate) should_stop: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StopTrialRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListOptimalTrialsRequest {
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ListOptimalTrialsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) optimal_trials: Vec<Trial>,
}

/// Of the study, or of a trial.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UnitMetadataUpdate {
    #[prost(message, optional, tag = "2")]
    pub(crate) metadatum: Option<KeyValue>,
    #[prost(string, optional, tag = "3")]
    pub(crate) trial_id: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UpdateMetadataRequest {
    #[prost(message, repeated, tag = "2")]
    pub(crate) delta: Vec<UnitMetadataUpdate>,
    #[prost(string, tag = "4")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UpdateMetadataResponse {
    #[prost(string, tag = "2")]
    pub(crate) error_details: String,
}
