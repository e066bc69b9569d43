//! One value of one tag at one step, and how it stands in an event file.

use crate::curve::PrCurve;
use crate::graph::{self, GraphNode};
use crate::image::Image;
use crate::message::{
    DATA_CLASS_SCALAR, DATA_CLASS_TENSOR, DT_FLOAT, DT_STRING, Dim, Event, HParamsPluginData,
    HistogramProto, PluginData, ProtoValue, ProtoValueKind, SESSION_STARTS, Session,
    SessionEndInfo, SessionLog, SessionStartInfo, Summary, SummaryMetadata, SummaryValue,
    TensorProto, TensorShapeProto, ValueKind, What,
};
use prost::Message;
use std::collections::BTreeMap;

const SCALARS_PLUGIN: &str = "scalars";
const TEXT_PLUGIN: &str = "text";
const PR_CURVES_PLUGIN: &str = "pr_curves";
const HPARAMS_PLUGIN: &str = "hparams";
/// What a graph is called here: in files it has no name.
const GRAPH_TAG: &str = "graph";
/// What a restart is called here: in files it has no name.
const RESTART_TAG: &str = "restart";
const SESSION_START_TAG: &str = "_hparams_/session_start_info";
const SESSION_END_TAG: &str = "_hparams_/session_end_info";
/// Buckets of a histogram; TensorBoard draws thirty as well.
const N_BUCKETS: usize = 30;

/// One value of one tag at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its name in TensorBoard; the part before the first `/` groups charts.
    pub tag: String,
    /// Where it stands on the horizontal axis.
    pub step: i64,
    /// When it was taken, in seconds since 1970.
    pub wall_time: f64,
    /// What was taken.
    pub value: Value,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A point of a curve.
    Scalar(f64),
    /// Markdown.
    Text(String),
    /// How values were spread.
    Histogram(Histogram),
    /// Precision and recall at thresholds.
    PrCurve(PrCurve),
    /// A picture.
    Image(Image),
    /// The run's hyper-parameters; with the run's scalars they make a row of the `HParams` page.
    SessionStart {
        /// By name.
        params: BTreeMap<String, HyperParameter>,
        /// Runs of one group are averaged; empty for a run of its own.
        group: String,
    },
    /// How the run ended.
    SessionEnd(SessionStatus),
    /// What the run's network computes of what. It has no tag in a file, which holds one of it.
    Graph(Vec<GraphNode>),
    /// The run goes on at this step: what was written before of it and of later steps is undone, as TensorBoard and [`purged`]
    /// take it. It has no tag in a file.
    Restart,
}

/// The value of a hyper-parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum HyperParameter {
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// It did what it was asked to.
    Success,
    /// It did not.
    Failure,
    /// It has not ended.
    Running,
}

/// How values were spread: counts between edges.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Smallest value; 0 when there is none.
    pub min: f64,
    /// Largest value; 0 when there is none.
    pub max: f64,
    /// Number of values.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
    /// Right edge of each bucket, ascending; the left edge of the first is `min`.
    pub right_edges: Vec<f64>,
    /// Values in each bucket.
    pub counts: Vec<f64>,
}

impl Histogram {
    /// Counts finite `values` in thirty buckets of equal width, one bucket if all are equal; one pass after the extremes.
    pub fn of(values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let n_values = finite().count();
        if n_values == 0 {
            return Self::default();
        }
        let min = finite().fold(f64::INFINITY, f64::min);
        let max = finite().fold(f64::NEG_INFINITY, f64::max);
        let n_buckets = if min == max { 1 } else { N_BUCKETS };
        // Mixing the ends, not adding widths: the range of the largest doubles is not a double.
        let edge = |i: usize| {
            let share = i as f64 / n_buckets as f64;
            min * (1.0 - share) + max * share
        };
        let mut right_edges: Vec<f64> = (1..=n_buckets).map(edge).collect();
        right_edges[n_buckets - 1] = max;
        let mut counts = vec![0.0; n_buckets];
        for value in finite() {
            let bucket = right_edges.partition_point(|edge| *edge <= value);
            counts[bucket.min(n_buckets - 1)] += 1.0;
        }
        Self {
            min,
            max,
            count: n_values as f64,
            sum: finite().sum(),
            sum_squares: finite().map(|value| value * value).sum(),
            right_edges,
            counts,
        }
    }
}

impl Record {
    /// A point of a curve, rounded to the 32 bits that files of ours keep of it.
    pub fn scalar(tag: &str, step: i64, value: f64, wall_time: f64) -> Self {
        let value = f64::from(value as f32);
        Self::new(tag, step, wall_time, Value::Scalar(value))
    }

    /// Markdown.
    pub fn text(tag: &str, step: i64, markdown: &str, wall_time: f64) -> Self {
        Self::new(tag, step, wall_time, Value::Text(markdown.to_owned()))
    }

    /// How `values` are spread; values that are not finite are left out.
    pub fn histogram(tag: &str, step: i64, values: &[f64], wall_time: f64) -> Self {
        Self::new(
            tag,
            step,
            wall_time,
            Value::Histogram(Histogram::of(values)),
        )
    }

    /// Precision and recall of two classes.
    pub fn pr_curve(tag: &str, step: i64, curve: PrCurve, wall_time: f64) -> Self {
        Self::new(tag, step, wall_time, Value::PrCurve(curve))
    }

    /// A picture.
    pub fn image(tag: &str, step: i64, image: Image, wall_time: f64) -> Self {
        Self::new(tag, step, wall_time, Value::Image(image))
    }

    /// The run's hyper-parameters: write one, first.
    pub fn session_start(
        params: BTreeMap<String, HyperParameter>,
        group: &str,
        wall_time: f64,
    ) -> Self {
        let group = group.to_owned();
        Self::new(
            SESSION_START_TAG,
            0,
            wall_time,
            Value::SessionStart { params, group },
        )
    }

    /// How the run ended: write one, last.
    pub fn session_end(status: SessionStatus, wall_time: f64) -> Self {
        Self::new(SESSION_END_TAG, 0, wall_time, Value::SessionEnd(status))
    }

    /// The network of the run: write one.
    pub fn graph(nodes: Vec<GraphNode>, wall_time: f64) -> Self {
        Self::new(GRAPH_TAG, 0, wall_time, Value::Graph(nodes))
    }

    /// That the run goes on at `step`, from a state before it: write it before what follows.
    pub fn restart(step: i64, wall_time: f64) -> Self {
        Self::new(RESTART_TAG, step, wall_time, Value::Restart)
    }

    fn new(tag: &str, step: i64, wall_time: f64, value: Value) -> Self {
        Self {
            tag: tag.to_owned(),
            step,
            wall_time,
            value,
        }
    }

    pub(crate) fn to_event(&self) -> Event {
        let (metadata, value) = match &self.value {
            Value::Graph(nodes) => {
                return Event {
                    wall_time: self.wall_time,
                    step: self.step,
                    what: Some(What::GraphDef(graph::encode(nodes))),
                };
            }
            Value::Restart => {
                let log = SessionLog {
                    status: SESSION_STARTS,
                };
                return Event {
                    wall_time: self.wall_time,
                    step: self.step,
                    what: Some(What::SessionLog(log)),
                };
            }
            Value::Scalar(value) => (None, ValueKind::SimpleValue(*value as f32)),
            Value::Histogram(histogram) => (None, ValueKind::Histo(histogram.into())),
            Value::Image(image) => (None, ValueKind::Image(image.into())),
            Value::PrCurve(curve) => {
                let (content, tensor) = curve.to_proto();
                let metadata = SummaryMetadata {
                    data_class: DATA_CLASS_TENSOR,
                    ..plugin(PR_CURVES_PLUGIN, content)
                };
                (Some(metadata), ValueKind::Tensor(tensor))
            }
            Value::Text(text) => (
                Some(plugin(TEXT_PLUGIN, Vec::new())),
                ValueKind::Tensor(string_tensor(text)),
            ),
            Value::SessionStart { params, group } => {
                session(Session::Start(self.start_info(params, group)))
            }
            Value::SessionEnd(status) => session(Session::End(SessionEndInfo {
                status: status.code(),
                end_time_secs: self.wall_time,
            })),
        };
        let value = SummaryValue {
            tag: self.tag.clone(),
            metadata,
            value: Some(value),
        };
        Event {
            wall_time: self.wall_time,
            step: self.step,
            what: Some(What::Summary(Summary { value: vec![value] })),
        }
    }

    fn start_info(
        &self,
        params: &BTreeMap<String, HyperParameter>,
        group: &str,
    ) -> SessionStartInfo {
        SessionStartInfo {
            hparams: params
                .iter()
                .map(|(name, value)| (name.clone(), value.into()))
                .collect(),
            group_name: group.to_owned(),
            start_time_secs: self.wall_time,
        }
    }

    /// `None` if the bytes are no graph.
    pub(crate) fn from_graph(step: i64, wall_time: f64, bytes: &[u8]) -> Option<Self> {
        let nodes = graph::decode(bytes)?;
        Some(Self::new(GRAPH_TAG, step, wall_time, Value::Graph(nodes)))
    }

    /// `None` for a kind of value that is not known here, such as a sound. `plugins` holds what tags were said to be for.
    pub(crate) fn from_summary(
        step: i64,
        wall_time: f64,
        summary: SummaryValue,
        plugins: &mut BTreeMap<String, String>,
    ) -> Option<Self> {
        let SummaryValue {
            tag,
            metadata,
            value,
        } = summary;
        let value = match value? {
            ValueKind::SimpleValue(value) => Value::Scalar(f64::from(value)),
            ValueKind::Histo(histogram) => Value::Histogram(histogram.into()),
            ValueKind::Image(image) => Value::Image(image.into()),
            ValueKind::Tensor(tensor) => {
                from_tensor(&tag, &metadata.unwrap_or_default(), &tensor, plugins)?
            }
        };
        Some(Self {
            tag,
            step,
            wall_time,
            value,
        })
    }
}

/// What of records counts, in the order in which they were written, be it in one file or in the files of a directory by name:
/// a [`Value::Restart`] undoes what stands before it of its step and of later ones.
///
/// ```
/// use automl_tensorboard::{Record, purged};
///
/// let loss = |step| Record::scalar("loss", step, 0.5, 1.0);
/// let written = vec![loss(1), loss(2), loss(3), Record::restart(3, 2.0), loss(3)];
/// assert_eq!(purged(written), [loss(1), loss(2), Record::restart(3, 2.0), loss(3)]);
/// ```
pub fn purged(records: Vec<Record>) -> Vec<Record> {
    let mut kept: Vec<Record> = Vec::with_capacity(records.len());
    for record in records {
        if record.value == Value::Restart {
            kept.retain(|earlier| earlier.step < record.step);
        }
        kept.push(record);
    }
    kept
}

fn plugin(name: &str, content: Vec<u8>) -> SummaryMetadata {
    let plugin_name = name.to_owned();
    SummaryMetadata {
        plugin_data: Some(PluginData {
            plugin_name,
            content,
        }),
        ..SummaryMetadata::default()
    }
}

/// The hparams plugin reads its message from the metadata; the tensor beside it is an empty vector of floats.
fn session(session: Session) -> (Option<SummaryMetadata>, ValueKind) {
    let content = HParamsPluginData {
        data: Some(session),
    }
    .encode_to_vec();
    let tensor = TensorProto {
        dtype: DT_FLOAT,
        tensor_shape: Some(TensorShapeProto {
            dim: vec![Dim { size: 0 }],
        }),
        ..TensorProto::default()
    };
    (
        Some(plugin(HPARAMS_PLUGIN, content)),
        ValueKind::Tensor(tensor),
    )
}

fn string_tensor(text: &str) -> TensorProto {
    TensorProto {
        dtype: DT_STRING,
        tensor_shape: Some(TensorShapeProto { dim: Vec::new() }),
        string_val: vec![text.as_bytes().to_vec()],
        ..TensorProto::default()
    }
}

fn from_tensor(
    tag: &str,
    metadata: &SummaryMetadata,
    tensor: &TensorProto,
    plugins: &mut BTreeMap<String, String>,
) -> Option<Value> {
    if metadata.data_class == DATA_CLASS_SCALAR {
        plugins.insert(tag.to_owned(), SCALARS_PLUGIN.to_owned());
    } else if let Some(plugin) = &metadata.plugin_data {
        plugins.insert(tag.to_owned(), plugin.plugin_name.clone());
    }
    match plugins.get(tag).map(String::as_str) {
        // Tensors of unknown use that hold one number are taken for points of curves.
        None | Some("" | SCALARS_PLUGIN) => Some(Value::Scalar(tensor.scalar()?)),
        Some(TEXT_PLUGIN) => {
            let text = tensor.string_val.first()?;
            Some(Value::Text(String::from_utf8_lossy(text).into_owned()))
        }
        Some(PR_CURVES_PLUGIN) => Some(Value::PrCurve(PrCurve::from_proto(tensor)?)),
        Some(HPARAMS_PLUGIN) => session_of(&metadata.plugin_data.as_ref()?.content),
        Some(_) => None,
    }
}

fn session_of(content: &[u8]) -> Option<Value> {
    match HParamsPluginData::decode(content).ok()?.data? {
        Session::Start(start) => Some(Value::SessionStart {
            params: start
                .hparams
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.kind?.into())))
                .collect(),
            group: start.group_name,
        }),
        Session::End(end) => Some(Value::SessionEnd(SessionStatus::from_code(end.status)?)),
    }
}

impl SessionStatus {
    fn code(self) -> i32 {
        match self {
            Self::Success => 1,
            Self::Failure => 2,
            Self::Running => 3,
        }
    }

    fn from_code(code: i32) -> Option<Self> {
        [Self::Success, Self::Failure, Self::Running]
            .into_iter()
            .find(|status| status.code() == code)
    }
}

impl From<&HyperParameter> for ProtoValue {
    fn from(value: &HyperParameter) -> Self {
        let kind = match value {
            HyperParameter::Number(number) => ProtoValueKind::Number(*number),
            HyperParameter::Text(text) => ProtoValueKind::Text(text.clone()),
            HyperParameter::Flag(flag) => ProtoValueKind::Flag(*flag),
        };
        Self { kind: Some(kind) }
    }
}

impl From<ProtoValueKind> for HyperParameter {
    fn from(kind: ProtoValueKind) -> Self {
        match kind {
            ProtoValueKind::Number(number) => Self::Number(number),
            ProtoValueKind::Text(text) => Self::Text(text),
            ProtoValueKind::Flag(flag) => Self::Flag(flag),
        }
    }
}

impl From<&Histogram> for HistogramProto {
    fn from(histogram: &Histogram) -> Self {
        Self {
            min: histogram.min,
            max: histogram.max,
            num: histogram.count,
            sum: histogram.sum,
            sum_squares: histogram.sum_squares,
            bucket_limit: histogram.right_edges.clone(),
            bucket: histogram.counts.clone(),
        }
    }
}

impl From<HistogramProto> for Histogram {
    fn from(proto: HistogramProto) -> Self {
        Self {
            min: proto.min,
            max: proto.max,
            count: proto.num,
            sum: proto.sum,
            sum_squares: proto.sum_squares,
            right_edges: proto.bucket_limit,
            counts: proto.bucket,
        }
    }
}
