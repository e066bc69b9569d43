//! The whole model: columns in, the mean of its pipelines out.

use crate::error::OnnxError;
use crate::frame::{Codes, Column, Frame};
use crate::graph::{Element, Graph, Value, doubles, int, ints, texts};
use crate::linear::{baseline, elastic_net, logistic, naive_bayes};
use crate::machine::machine;
use crate::network::network;
use crate::steps;
use crate::text;
use crate::trees::Trees;
use automl_core::{Artifact, Decision, Field, Kind, Level, Schema, Task};
use serde::Deserialize;

/// What the names of values in between begin with.
pub(crate) const OWN: &str = "automl::";
/// The names of what a graph gives.
pub(crate) const PREDICTION: &str = "prediction";
pub(crate) const PROBABILITIES: &str = "probabilities";

/// A fitted model, and what a table for it is like.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The ensemble, as plain data.
    pub artifact: &'a Artifact,
    /// The columns that it was fitted on; those that are features become inputs.
    pub inputs: &'a Schema,
    /// Texts that stand for a category that is not known, beside the empty one.
    pub missing: &'a [String],
    /// Other texts for levels of a field, each with the level's place, such as `1.0` for `1`.
    pub spellings: &'a dyn Fn(&Field) -> Vec<(String, usize)>,
    /// How a class is told from its probabilities.
    pub decision: &'a Decision,
}

#[derive(Deserialize)]
struct Member {
    weight: f64,
    recipe: usize,
    target_map: String,
    #[serde(default)]
    ceiling: Option<f64>,
}

/// The model as the bytes of an ONNX file.
///
/// Inputs are the columns that it reads, by their names, each rows by one: numbers as doubles, NaN where they are not known;
/// categories, truth values and texts as texts, empty where they are not known; times as whole microseconds since 1970, the least
/// number where they are not known. Outputs are `prediction` and, for classes, `probabilities`, rows by classes; of quantiles one for
/// each level, called as the column that holds it, such as `quantile_0.1`.
///
/// # Errors
/// A step or a learner has no translation, or the artifact is not what its kind says.
pub fn export(source: &Source<'_>) -> Result<Vec<u8>, OnnxError> {
    let artifact = source.artifact;
    let task: Task = artifact.meta("task")?;
    let members: Vec<Member> = artifact.meta("members")?;
    let n_recipes: usize = artifact.meta("n_recipes")?;
    let odd = || artifact.invalid("members", "their number is not that of the parts");
    if artifact.children.len() != n_recipes + members.len() || members.is_empty() {
        return Err(odd().into());
    }
    let (recipes, models) = artifact.children.split_at(n_recipes);
    let mut graph = Graph::default();
    let exposure: Option<String> = match artifact.meta.get("exposure") {
        None => None,
        Some(_) => Some(artifact.meta("exposure")?),
    };
    let outputs = outputs(&task);
    let (columns, rows) = inputs(&mut graph, (source, &outputs), recipes, exposure.as_ref())?;
    let mut frames = Vec::new();
    for recipe in recipes {
        frames.push(applied(&mut graph, &columns, recipe)?);
    }
    let floor = match artifact.meta.get("floor") {
        None => None,
        Some(_) => Some(artifact.meta::<f64>("floor")?),
    };
    let mut sum: Option<Value> = None;
    for (member, model) in members.iter().zip(models) {
        let frame = frames.get(member.recipe).ok_or_else(odd)?;
        let value = predicted(&mut graph, frame, model, &rows)?;
        let value = undone(&mut graph, value, member, floor)?;
        let weight = graph.double(member.weight);
        let part = graph.op("Mul", &[&value, &weight], []);
        sum = Some(match sum {
            None => part,
            Some(sum) => graph.op("Add", &[&sum, &part], []),
        });
    }
    let mut sum = sum.ok_or_else(odd)?;
    if artifact.meta.get("power").is_some() {
        let power: f64 = artifact.meta("power")?;
        sum = sharpened(&mut graph, &sum, power);
    }
    if artifact.meta.get("shifts").is_some() {
        sum = shifted(&mut graph, &sum, artifact, &task)?;
    }
    if let Some(exposure) = &exposure {
        let exposure = columns.number(exposure)?.clone();
        sum = graph.op("Mul", &[&sum, &exposure], []);
    }
    if let Decision::Each(_) = source.decision {
        return Err(OnnxError::unsupported("a model of several targets"));
    }
    let n_classes = source.decision.n_classes();
    let is_of_others = n_classes.is_some_and(|n_classes| n_classes != task.n_classes());
    if is_of_others && task.n_classes() > 0 {
        return Err(artifact
            .invalid("task", "its classes are not those by which they are told")
            .into());
    }
    tell(&mut graph, &task, &sum, source.decision);
    Ok(graph.encoded(env!("CARGO_PKG_VERSION")))
}

/// The names of what a graph gives.
fn outputs(task: &Task) -> Vec<String> {
    let levels = task.levels().iter();
    let levels: Vec<String> = levels.map(|level| level.column()).collect();
    if levels.is_empty() {
        return [PREDICTION, PROBABILITIES].map(str::to_owned).into();
    }
    levels
}

/// The columns that any recipe reads, as inputs of the graph, and a zero for each row. None is called as an output is.
fn inputs(
    graph: &mut Graph,
    (source, outputs): (&Source<'_>, &[String]),
    recipes: &[Artifact],
    exposure: Option<&String>,
) -> Result<(Frame, Value), OnnxError> {
    let mut wanted: Vec<String> = exposure.into_iter().cloned().collect();
    for recipe in recipes {
        let own: Vec<(String, String)> = recipe.meta("inputs")?;
        for (name, _) in own {
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
    }
    let fields = source.inputs.fields.iter();
    let fields: Vec<&Field> = fields
        .filter(|field| wanted.contains(&field.name))
        .collect();
    for name in &wanted {
        if !fields.iter().any(|field| field.name == *name) {
            return Err(OnnxError::ColumnMissing { name: name.clone() });
        }
    }
    for field in &fields {
        let name = field.name.as_str();
        if name.is_empty() || name.starts_with(OWN) || outputs.contains(&field.name) {
            let name = name.to_owned();
            return Err(OnnxError::ColumnName { name });
        }
    }
    let Some(first) = fields.first() else {
        return Err(OnnxError::unsupported("a model without columns"));
    };
    let shape = graph.op("Shape", &[&first.name], []);
    let zero = doubles(&[1], &[0.0]);
    let rows = graph.op(
        "ConstantOfShape",
        &[&shape],
        [crate::graph::tensor("value", zero)],
    );
    let mut columns = Vec::new();
    for field in fields {
        columns.push((field.name.clone(), input(graph, field, source)));
    }
    Ok((Frame(columns), rows))
}

fn input(graph: &mut Graph, field: &Field, source: &Source<'_>) -> Column {
    let name = &field.name;
    match field.kind {
        Kind::Number => {
            graph.input(name, Element::Double, "a number; NaN if it is not known");
            Column::Number(name.clone())
        }
        Kind::Category | Kind::Boolean => {
            graph.input(name, Element::Text, "a category; empty if it is not known");
            Column::Codes(coded(graph, field, source))
        }
        Kind::Timestamp => {
            let about = "microseconds since 1970; the least number if it is not known";
            graph.input(name, Element::Int, about);
            Column::Times(name.clone())
        }
        Kind::Text => {
            graph.input(name, Element::Text, "a text; empty if it is not known");
            Column::Text(text::known(graph, name, source.missing))
        }
    }
}

/// The slots of a column of texts: its levels in all their spellings, what stands for missing, and all else.
fn coded(graph: &mut Graph, field: &Field, source: &Source<'_>) -> Codes {
    let n_levels = field.levels.len();
    let mut keys: Vec<&str> = field.levels.iter().map(String::as_str).collect();
    let mut slots: Vec<i64> = (0..n_levels as i64).collect();
    let blank = String::new();
    let spellings = (source.spellings)(field);
    for mark in source.missing.iter().chain([&blank]) {
        let mark = mark.trim();
        if !keys.contains(&mark) {
            keys.push(mark);
            slots.push(n_levels as i64);
        }
    }
    for (text, level) in &spellings {
        if *level < n_levels && !keys.contains(&text.as_str()) {
            keys.push(text);
            slots.push(*level as i64);
        }
    }
    let slot = graph.op(
        "LabelEncoder",
        &[&field.name],
        [
            texts("keys_strings", keys),
            ints("values_int64s", slots),
            int("default_int64", n_levels as i64 + 1),
        ],
    );
    Codes {
        value: graph.reshaped(&slot, &[-1]),
        n_levels,
    }
}

/// The columns after the steps of a recipe.
fn applied(graph: &mut Graph, columns: &Frame, recipe: &Artifact) -> Result<Frame, OnnxError> {
    let names: Vec<(String, String)> = recipe.meta("inputs")?;
    let mut frame = Frame::default();
    for (name, _) in names {
        let column = columns.column(&name)?.clone();
        frame.0.push((name, column));
    }
    for step in &recipe.children {
        frame = steps::apply(graph, &frame, step)?;
    }
    Ok(frame)
}

/// What one model says: rows by one number, by classes, or by quantiles.
fn predicted(
    graph: &mut Graph,
    frame: &Frame,
    model: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    match model.kind.as_str() {
        "gradient_boosting" => boosted(graph, frame, model, rows),
        "random_forest" | "extra_trees" => forest(graph, frame, model, rows),
        "elastic_net" => elastic_net(graph, frame, model, rows),
        "logistic_regression" => logistic(graph, frame, model, rows),
        "naive_bayes" => naive_bayes(graph, frame, model),
        "svm" => machine(graph, frame, model, rows),
        "baseline" => baseline(graph, model, rows),
        "mlp" | "tabm" | "neural_network" => network(graph, frame, model, rows),
        "quantiles" => quantiles(graph, frame, model, rows),
        other => Err(OnnxError::unsupported(format!("the learner '{other}'"))),
    }
}

/// What a model a level says, put in order: nothing keeps models that were fitted apart from crossing.
fn quantiles(
    graph: &mut Graph,
    frame: &Frame,
    model: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let levels: Vec<Level> = model.meta("levels")?;
    if levels.is_empty() || levels.len() != model.children.len() {
        return Err(model.invalid("levels", "they are not one a model").into());
    }
    let of_levels = model.children.iter();
    let of_levels: Vec<Value> = of_levels
        .map(|one| predicted(graph, frame, one, rows))
        .collect::<Result<_, _>>()?;
    let beside = graph.beside(&of_levels);
    Ok(graph.rising(&beside, levels.len()))
}

/// Quantiles moved by what their errors on rows that were not seen say, and put in order again.
fn shifted(
    graph: &mut Graph,
    sum: &Value,
    artifact: &Artifact,
    task: &Task,
) -> Result<Value, OnnxError> {
    let shifts: Vec<f64> = artifact.meta("shifts")?;
    if shifts.is_empty() || shifts.len() != task.levels().len() {
        return Err(artifact
            .invalid("shifts", "they are not a number for each quantile")
            .into());
    }
    let by = graph.constant(doubles(&[1, shifts.len()], &shifts));
    let moved = graph.op("Add", &[sum, &by], []);
    Ok(graph.rising(&moved, shifts.len()))
}

/// Probabilities of two classes from that of the second.
pub(crate) fn both(graph: &mut Graph, second: &Value) -> Value {
    let one = graph.double(1.0);
    let first = graph.op("Sub", &[&one, second], []);
    graph.beside(&[first, second.clone()])
}

fn boosted(
    graph: &mut Graph,
    frame: &Frame,
    model: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let base = model.f64s("base")?;
    let trees = Trees::read(model)?;
    let mut scores = if trees.n_trees() == 0 {
        rows.clone()
    } else {
        trees.sums(graph, frame, base.len(), rows)?
    };
    let base = graph.constant(doubles(&[1, base.len()], base));
    scores = graph.op("Add", &[&scores, &base], []);
    if model.meta.get("offset_column").is_some() {
        let column: String = model.meta("offset_column")?;
        let offset = frame.number(&column)?.clone();
        scores = graph.op("Add", &[&scores, &offset], []);
    }
    let link: String = model.meta("link")?;
    linked(graph, &link, scores)
}

fn linked(graph: &mut Graph, link: &str, scores: Value) -> Result<Value, OnnxError> {
    Ok(match link {
        "identity" => scores,
        "log" => {
            let value = graph.op("Exp", &[&scores], []);
            let greatest = graph.double(f64::MAX);
            graph.op("Min", &[&value, &greatest], [])
        }
        "logit" => {
            let second = logistic_of(graph, &scores);
            both(graph, &second)
        }
        "softmax" => graph.op("Softmax", &[&scores], [int("axis", 1)]),
        "one_vs_rest" => {
            let each = logistic_of(graph, &scores);
            let axis = graph.ints(&[1]);
            let sum = graph.op("ReduceSum", &[&each, &axis], []);
            let shared = graph.op("Div", &[&each, &sum], []);
            // Far out the logistic function is the exponential one, which softmax keeps from vanishing.
            let softmax = graph.op("Softmax", &[&scores], [int("axis", 1)]);
            let greatest = graph.op("ReduceMax", &[&scores], [ints("axes", vec![1])]);
            let bound = graph.double(-30.0);
            let is_far = graph.op("Less", &[&greatest, &bound], []);
            graph.op("Where", &[&is_far, &softmax, &shared], [])
        }
        other => return Err(OnnxError::unsupported(format!("the link '{other}'"))),
    })
}

/// `1 / (1 + exp(-x))`.
pub(crate) fn logistic_of(graph: &mut Graph, scores: &Value) -> Value {
    let one = graph.double(1.0);
    let value = graph.op("Neg", &[scores], []);
    let value = graph.op("Exp", &[&value], []);
    let value = graph.op("Add", &[&one, &value], []);
    graph.op("Div", &[&one, &value], [])
}

fn forest(
    graph: &mut Graph,
    frame: &Frame,
    model: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let trees = Trees::read(model)?;
    let sums = trees.sums(graph, frame, trees.width, rows)?;
    let n_trees = graph.double(trees.n_trees() as f64);
    let means = graph.op("Div", &[&sums, &n_trees], []);
    let leaves: String = model.meta("leaves")?;
    Ok(match leaves.as_str() {
        "second_class" => both(graph, &means),
        _ => means,
    })
}

/// The greatest exponent of a target that was learned as a logarithm.
const LOG_MAX: f64 = 700.0;

/// Undoes the map of a member's target, and raises what it says to the floor.
fn undone(
    graph: &mut Graph,
    value: Value,
    member: &Member,
    floor: Option<f64>,
) -> Result<Value, OnnxError> {
    let mut value = match member.target_map.as_str() {
        "identity" => value,
        "log1p" => {
            let most = graph.double(LOG_MAX);
            let value = graph.op("Min", &[&value, &most], []);
            let value = graph.op("Exp", &[&value], []);
            let one = graph.double(1.0);
            let value = graph.op("Sub", &[&value, &one], []);
            let zero = graph.double(0.0);
            let value = graph.op("Max", &[&value, &zero], []);
            match member.ceiling {
                None => value,
                Some(ceiling) => {
                    let ceiling = graph.double(ceiling);
                    graph.op("Min", &[&value, &ceiling], [])
                }
            }
        }
        other => {
            let what = format!("the map '{other}' of a target");
            return Err(OnnxError::unsupported(what));
        }
    };
    if let Some(floor) = floor {
        let floor = graph.double(floor);
        value = graph.op("Max", &[&value, &floor], []);
    }
    Ok(value)
}

/// Probabilities below this are taken as this before they are raised to a power.
const LEAST: f64 = 1e-15;

/// The probabilities of each row, raised to a power and scaled to sum to 1.
fn sharpened(graph: &mut Graph, sum: &Value, power: f64) -> Value {
    let (least, power) = (graph.double(LEAST), graph.double(power));
    let value = graph.op("Max", &[sum, &least], []);
    let greatest = graph.op("ReduceMax", &[&value], [ints("axes", vec![1])]);
    let value = graph.op("Div", &[&value, &greatest], []);
    let value = graph.op("Pow", &[&value, &power], []);
    let axis = graph.ints(&[1]);
    let sum = graph.op("ReduceSum", &[&value, &axis], []);
    graph.op("Div", &[&value, &sum], [])
}

/// An output for each level.
fn tell_quantiles(graph: &mut Graph, levels: &[Level], sum: &Value) {
    let flat = graph.ints(&[-1]);
    for (place, level) in levels.iter().enumerate() {
        let place = graph.int(place as i64);
        let own = graph.op("Gather", &[sum, &place], [int("axis", 1)]);
        let name = level.column();
        graph.named(&name, "Reshape", &[&own, &flat], []);
        graph.output(&name, Element::Double, None);
    }
}

/// The outputs of the graph.
fn tell(graph: &mut Graph, task: &Task, sum: &Value, decision: &Decision) {
    if !task.levels().is_empty() {
        return tell_quantiles(graph, task.levels(), sum);
    }
    if task.n_classes() == 0 {
        let flat = graph.ints(&[-1]);
        graph.named(PREDICTION, "Reshape", &[sum, &flat], []);
        graph.output(PREDICTION, Element::Double, None);
        return;
    }
    graph.named(PROBABILITIES, "Identity", &[sum], []);
    let code = match decision {
        Decision::Above(threshold) => {
            let one = graph.int(1);
            let second = graph.op("Gather", &[sum, &one], [int("axis", 1)]);
            let threshold = graph.double(*threshold);
            let is_second = graph.op("Greater", &[&second, &threshold], []);
            let code = graph.cast(&is_second, Element::Int);
            graph.reshaped(&code, &[-1])
        }
        Decision::Relative(thresholds) => {
            let factors = thresholds.factors();
            let factors = graph.constant(doubles(&[1, factors.len()], factors));
            let multiples = graph.op("Mul", &[sum, &factors], []);
            graph.op(
                "ArgMax",
                &[&multiples],
                [int("axis", 1), int("keepdims", 0)],
            )
        }
        Decision::Cheapest(costs) => {
            let n_classes = costs.n_classes();
            let costs = graph.constant(doubles(&[n_classes, n_classes], &costs.rows().concat()));
            let expected = graph.op("MatMul", &[sum, &costs], []);
            graph.op("ArgMin", &[&expected], [int("axis", 1), int("keepdims", 0)])
        }
        Decision::Likeliest | Decision::Each(_) => {
            graph.op("ArgMax", &[sum], [int("axis", 1), int("keepdims", 0)])
        }
    };
    let classes = graph.texts(task.classes());
    graph.named(PREDICTION, "Gather", &[&classes, &code], []);
    graph.output(PREDICTION, Element::Text, None);
    graph.output(PROBABILITIES, Element::Double, Some(task.n_classes()));
}
