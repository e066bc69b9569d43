//! What does not need a program that runs graphs; `tests/onnx` compares predictions.

use crate::proto::Model;
use crate::{OnnxError, Source, export};
use automl_core::{
    Array, ArrayData, Artifact, ClassThresholds, Coded, CostMatrix, Decision, Field, Kind, Level,
    Role, Schema, Task,
};
use prost::Message as _;
use serde_json::json;

fn schema(fields: &[(&str, Kind)]) -> Schema {
    let field = |(name, kind): &(&str, Kind)| Field {
        name: (*name).into(),
        kind: *kind,
        role: Role::Feature,
        levels: match kind {
            Kind::Category => vec!["a".into(), "b".into()],
            _ => Vec::new(),
        },
        format: None,
    };
    Schema {
        fields: fields.iter().map(field).collect(),
        missing: Vec::new(),
    }
}

fn ensemble(inputs: &serde_json::Value, steps: Vec<Artifact>, model: Artifact) -> Artifact {
    let mut recipe = Artifact::new("recipe", json!({ "inputs": inputs }));
    recipe.children = steps;
    let task = Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    };
    let members = json!([{ "weight": 1.0, "recipe": 0, "target_map": "identity" }]);
    let meta = json!({ "task": task, "n_recipes": 1, "members": members });
    let mut ensemble = Artifact::new("ensemble", meta);
    ensemble.children = vec![recipe, model];
    ensemble
}

fn exported(artifact: &Artifact, schema: &Schema) -> Result<Model, OnnxError> {
    decided(artifact, schema, &Decision::Above(0.3))
}

fn decided(artifact: &Artifact, schema: &Schema, decision: &Decision) -> Result<Model, OnnxError> {
    let bytes = export(&Source {
        spellings: &|_| vec![("yes!".into(), 0)],
        artifact,
        inputs: schema,
        missing: &["NA".into()],
        decision,
    })?;
    Ok(Model::decode(bytes.as_slice()).unwrap())
}

fn shares() -> Artifact {
    let mut model = Artifact::new("baseline", json!({ "is_classification": true }));
    model.push_f64("values", vec![0.25, 0.75]);
    model
}

#[test]
fn pairs_of_numbers_and_of_categories_are_steps_of_the_graph() {
    let kinds = [
        ("x", Kind::Number),
        ("y", Kind::Number),
        ("c", Kind::Category),
        ("d", Kind::Category),
    ];
    let all = schema(&kinds);
    let inputs = json!([
        ["x", "number"],
        ["y", "number"],
        ["c", "category"],
        ["d", "category"]
    ]);
    let numbers = Artifact::new("interactions", json!({ "pairs": [["x", "ratio", "y"]] }));
    let mut cross = Artifact::new(
        "cross",
        json!({ "sources": ["c", "d"], "n_levels": [2, 2] }),
    );
    cross.push_u32("left", vec![0, 1]);
    cross.push_u32("right", vec![1, 2]);
    cross.push_u8("levels.bytes", b"a|ba|missing".to_vec());
    cross.push_i64("levels.ends", vec![3, 12]);
    let with = |cross: Artifact| {
        let mut crosses = Artifact::new("combine_categories", json!({}));
        crosses.children = vec![cross];
        exported(
            &ensemble(&inputs, vec![numbers.clone(), crosses], shares()),
            &all,
        )
    };
    let graph = with(cross.clone()).unwrap().graph.unwrap();
    let has = |op: &str| graph.node.iter().any(|node| node.op_type == op);
    assert!(has("Reciprocal") && has("Sub") && has("LabelEncoder"));
    let mut short = Artifact::new("cross", cross.meta.clone());
    short.push_u32("left", vec![0]);
    short.push_u32("right", vec![1]);
    short.push_u8("levels.bytes", Vec::new());
    short.push_i64("levels.ends", Vec::new());
    let error = with(short).unwrap_err().to_string();
    assert!(error.contains("there is not one for each level"), "{error}");
}

#[test]
fn a_power_and_an_exposure_are_steps_of_the_graph() {
    let all = schema(&[("x", Kind::Number), ("years", Kind::Number)]);
    let ops = |artifact: &Artifact| -> (Vec<String>, usize) {
        let graph = exported(artifact, &all).unwrap().graph.unwrap();
        let ops = graph.node.iter().map(|node| node.op_type.clone());
        (ops.collect(), graph.input.len())
    };
    let mut sharp = ensemble(&json!([["x", "number"]]), Vec::new(), shares());
    sharp.meta["power"] = json!(1.5);
    assert!(ops(&sharp).0.contains(&"Pow".to_owned()));
    let mut mean = Artifact::new("baseline", json!({ "is_classification": false }));
    mean.push_f64("values", vec![0.25]);
    let mut counts = ensemble(&json!([["x", "number"]]), Vec::new(), mean);
    counts.meta["task"] = json!(Task::Regression);
    counts.meta["exposure"] = json!("years");
    assert_eq!(ops(&counts).1, 2, "the exposure is an input");
}

/// An ensemble of a model for each level, whose quantiles are moved.
fn of_levels(shares: &[f64], shifts: &[f64]) -> Artifact {
    let levels: Vec<Level> = (shares.iter())
        .map(|share| Level::try_from(*share).unwrap())
        .collect();
    let mut model = Artifact::new("quantiles", json!({ "levels": levels }));
    let constant = |share: &f64| {
        let mut constant = Artifact::new("baseline", json!({ "is_classification": false }));
        constant.push_f64("values", vec![*share]);
        constant
    };
    model.children = shares.iter().map(constant).collect();
    let mut artifact = ensemble(&json!([["x", "number"]]), Vec::new(), model);
    artifact.meta["task"] = json!(Task::Quantile { levels });
    artifact.meta["shifts"] = json!(shifts);
    artifact
}

#[test]
fn quantiles_are_put_in_order_before_and_behind_what_they_are_moved_by() {
    let all = schema(&[("x", Kind::Number)]);
    let artifact = of_levels(&[0.1, 0.5, 0.9], &[-1.0, 0.0, 2.0]);
    let graph = decided(&artifact, &all, &Decision::Likeliest).unwrap();
    let graph = graph.graph.unwrap();
    let told: Vec<&str> = graph.output.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(told, ["quantile_0.1", "quantile_0.5", "quantile_0.9"]);
    let place = |op: &str, nth: usize| {
        let nodes = graph.node.iter().enumerate();
        let mut nodes = nodes.filter(|(_, node)| node.op_type == op);
        nodes.nth(nth).unwrap()
    };
    let (side_by_side, (first, sorted)) = (place("Concat", 0).0, place("TopK", 0));
    let last = place("TopK", 1);
    assert!(side_by_side < first && first < last.0);
    let how = |name: &str| sorted.attribute.iter().find(|one| one.name == name);
    assert_eq!(how("largest").unwrap().i, Some(0));
    assert_eq!(sorted.output.len(), 2, "the operator has two");
    // What is sorted last is what was moved, and it is what outputs are taken from.
    let moved = graph
        .node
        .iter()
        .find(|node| node.output[0] == last.1.input[0]);
    assert_eq!(moved.unwrap().op_type, "Add");
    assert_eq!(place("Gather", 2).1.input[0], last.1.output[0]);
}

#[test]
fn quantiles_whose_parts_do_not_fit_are_refused() {
    let all = schema(&[("x", Kind::Number)]);
    let code = |artifact: &Artifact, all: &Schema| {
        let refused = decided(artifact, all, &Decision::Likeliest).err();
        refused.map(|error| error.code())
    };
    let short = of_levels(&[0.1, 0.9], &[1.0]);
    assert_eq!(code(&short, &all), Some("artifact-part-invalid"));
    let mut fewer = of_levels(&[0.1, 0.9], &[0.0, 0.0]);
    fewer.children[1].children.pop();
    assert_eq!(code(&fewer, &all), Some("artifact-part-invalid"));
    let mut taken = of_levels(&[0.1, 0.9], &[0.0, 0.0]);
    taken.children[0].meta["inputs"] = json!([["quantile_0.9", "number"]]);
    let named = schema(&[("quantile_0.9", Kind::Number)]);
    assert_eq!(code(&taken, &named), Some("export-column"));
}

#[test]
fn a_graph_has_the_columns_that_are_read_and_says_what_it_gives() {
    let inputs = json!([["x", "number"], ["word", "category"]]);
    let all = schema(&[
        ("unused", Kind::Number),
        ("x", Kind::Number),
        ("word", Kind::Category),
    ]);
    let model = exported(&ensemble(&inputs, Vec::new(), shares()), &all).unwrap();
    let graph = model.graph.unwrap();
    let names = |all: &[crate::proto::ValueInfo]| -> Vec<String> {
        all.iter().map(|value| value.name.clone()).collect()
    };
    assert_eq!(names(&graph.input), ["x", "word"]);
    assert_eq!(names(&graph.output), ["prediction", "probabilities"]);
    let encoder = graph
        .node
        .iter()
        .find(|node| node.op_type == "LabelEncoder");
    let keys = &encoder.unwrap().attribute[0].strings;
    let keys: Vec<&str> = keys
        .iter()
        .map(|key| std::str::from_utf8(key).unwrap())
        .collect();
    assert_eq!(keys, ["a", "b", "NA", "", "yes!"]);
    // Each value is made once, before it is used.
    let mut known: Vec<&str> = graph
        .input
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    known.extend(graph.initializer.iter().map(|value| value.name.as_str()));
    for node in &graph.node {
        for input in &node.input {
            assert!(
                known.contains(&input.as_str()),
                "{} reads {input}",
                node.name
            );
        }
        assert!(!known.contains(&node.output[0].as_str()));
        known.push(&node.output[0]);
    }
}

#[test]
fn costs_choose_the_class_of_the_least_product() {
    let all = schema(&[("x", Kind::Number)]);
    let model = ensemble(&json!([["x", "number"]]), Vec::new(), shares());
    let costs = |n_classes: usize| {
        let row =
            |actual: usize| (0..n_classes).map(move |predicted| f64::from(actual != predicted));
        CostMatrix::new((0..n_classes).map(|actual| row(actual).collect()).collect()).unwrap()
    };
    let by = |costs| decided(&model, &all, &Decision::Cheapest(costs));
    let graph = by(costs(2)).unwrap().graph.unwrap();
    let ops: Vec<&str> = graph
        .node
        .iter()
        .map(|node| node.op_type.as_str())
        .collect();
    assert!(
        ops.contains(&"MatMul") && ops.contains(&"ArgMin"),
        "{ops:?}"
    );
    let code = by(costs(3)).err().map(|error| error.code());
    assert_eq!(code, Some("artifact-part-invalid"));
}

#[test]
fn thresholds_choose_the_class_of_the_greatest_product() {
    let all = schema(&[("x", Kind::Number)]);
    let model = ensemble(&json!([["x", "number"]]), Vec::new(), shares());
    let by = |values: &[f64]| {
        let thresholds = ClassThresholds::new(values.to_vec()).unwrap();
        decided(&model, &all, &Decision::Relative(thresholds))
    };
    let graph = by(&[0.75, 0.25]).unwrap().graph.unwrap();
    let told = graph.node.iter().find(|node| node.op_type == "ArgMax");
    let product = &told.expect("a class is told").input[0];
    let product = graph.node.iter().find(|node| node.output[0] == *product);
    assert_eq!(product.expect("it is computed").op_type, "Mul");
    let code = by(&[0.5, 0.25, 0.25]).err().map(|error| error.code());
    assert_eq!(code, Some("artifact-part-invalid"));
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let inputs = json!([["word", "category"]]);
    let all = schema(&[("word", Kind::Category)]);
    let model = ensemble(&inputs, Vec::new(), shares());
    assert_eq!(
        exported(&model, &all).unwrap(),
        exported(&model, &all).unwrap()
    );
}

/// What a step learned of a column of texts.
fn with_terms(meta: serde_json::Value, terms: &[&str]) -> Artifact {
    let mut learned = Artifact::new("text_tfidf", meta);
    let bytes = terms.concat().into_bytes();
    let ends = terms.iter().scan(0, |end, term| {
        *end += term.len() as i64;
        Some(*end)
    });
    let shapes = [vec![bytes.len()], vec![terms.len()]];
    let [bytes_shape, ends_shape] = shapes;
    let ends = ArrayData::I64(ends.collect());
    for (name, shape, data) in [
        ("terms.bytes", bytes_shape, ArrayData::U8(bytes)),
        ("terms.ends", ends_shape, ends),
    ] {
        learned.arrays.insert(name.into(), Array { shape, data });
    }
    learned.push_f64("idf", vec![1.0; terms.len()]);
    learned
}

#[test]
fn terms_are_counted_by_their_length_at_their_own_places() {
    let inputs = json!([["note", "text"]]);
    let grams = json!({ "analyzer": "word", "shortest": 1, "min_chars": 2 });
    let meta = json!({ "grams": grams, "sublinear": false });
    let mut step = Artifact::new("text_tfidf", json!({ "columns": ["note"], "keep": false }));
    step.children = vec![with_terms(meta, &["red", "red wine", "wine"])];
    let all = schema(&[("note", Kind::Text)]);
    let model = exported(&ensemble(&inputs, vec![step], shares()), &all).unwrap();
    let sets: Vec<&str> = model.opset_import.iter().map(|set| &*set.domain).collect();
    assert_eq!(sets, ["", "ai.onnx.ml", "com.microsoft"]);
    let graph = model.graph.unwrap();
    let find = |op: &str| graph.node.iter().find(|node| node.op_type == op).unwrap();
    assert_eq!(find("Tokenizer").domain, "com.microsoft");
    let counts = find("TfIdfVectorizer");
    let of = |name: &str| {
        let found = counts.attribute.iter().find(|one| one.name == name);
        found.unwrap()
    };
    let pool = of("pool_strings").strings.iter();
    let pool: Vec<&str> = pool.map(|part| str::from_utf8(part).unwrap()).collect();
    assert_eq!(pool, ["red", "wine", "red", "wine"]);
    // Pairs begin behind two words; each term has the dimension that the step gave it.
    assert_eq!(of("ngram_counts").ints, [0, 2]);
    assert_eq!(of("ngram_indexes").ints, [0, 2, 1]);
    assert_eq!(of("max_gram_length").i, Some(2));
}

#[test]
fn what_has_no_translation_is_named() {
    let all = schema(&[("x", Kind::Number), ("note", Kind::Text)]);
    let inputs = json!([["x", "number"], ["note", "text"]]);
    let mut texts = Artifact::new("text_tfidf", json!({ "columns": ["note"], "keep": false }));
    let grams = json!({ "analyzer": "char_wb", "shortest": 1, "min_chars": 1 });
    let letters = json!({ "grams": grams, "sublinear": true });
    texts.children = vec![with_terms(letters, &["a"])];
    let crossed = Artifact::new("group_aggregate", json!({ "columns": [] }));
    let near = Artifact::new("nearest_neighbours", json!({}));
    for (steps, model, told) in [
        (
            vec![texts],
            shares(),
            "terms of single characters in words, as of column 'note', cannot be exported to ONNX",
        ),
        (
            vec![crossed],
            shares(),
            "the step 'group_aggregate' cannot be exported to ONNX",
        ),
        (
            vec![],
            near,
            "the learner 'nearest_neighbours' cannot be exported to ONNX",
        ),
    ] {
        let error = exported(&ensemble(&inputs, steps, model), &all).unwrap_err();
        assert_eq!(error.to_string(), told);
        assert_eq!(error.code(), "export-unsupported");
    }
    let error = exported(&ensemble(&json!([["z", "number"]]), vec![], shares()), &all);
    assert_eq!(error.unwrap_err().code(), "export-column");
}

/// A perceptron over a number, an indicator and a vector, with all of its weights the same.
fn perceptron() -> Artifact {
    let number = json!({
        "scaling": "quantile", "centre": 0.0, "spread": 1.0, "quantiles": [0.0, 1.0, 1.0, 4.0], "edges": [],
        "has_flag": true,
    });
    let columns = json!([
        { "name": "x", "form": { "number": number } },
        { "name": "word", "form": { "one_hot": { "n_levels": 2 } } },
        { "name": "other", "form": { "embedding": { "n_levels": 2 } } },
    ]);
    let encoder = json!({ "columns": columns, "number_embedding": "none", "embedding_size": 16 });
    let network =
        json!({ "type": "mlp", "layers": 1, "width": 3, "activation": "silu", "norm": false });
    let meta = json!({ "encoder": encoder, "network": network, "loss": "bce" });
    let mut model = Artifact::new("mlp", meta);
    for (name, shape) in [
        ("input.categories.0.vectors", vec![3, 2]),
        ("layers.0.weight", vec![6, 3]),
        ("layers.0.bias", vec![3]),
        ("head.weight", vec![3, 1]),
        ("head.bias", vec![1]),
    ] {
        let data = ArrayData::F32(vec![0.5; shape.iter().product()]);
        let array = Array { shape, data };
        model.arrays.insert(format!("weights.Mlp.{name}"), array);
    }
    model
}

fn perceptron_schema() -> (serde_json::Value, Schema) {
    let inputs = json!([["x", "number"], ["word", "category"], ["other", "category"]]);
    let fields = [
        ("x", Kind::Number),
        ("word", Kind::Category),
        ("other", Kind::Category),
    ];
    (inputs, schema(&fields))
}

#[test]
fn a_network_is_computed_in_single_between_doubles() {
    let (inputs, all) = perceptron_schema();
    let model = exported(&ensemble(&inputs, vec![], perceptron()), &all).unwrap();
    let graph = model.graph.unwrap();
    let count = |op: &str| graph.node.iter().filter(|node| node.op_type == op).count();
    assert_eq!(
        (count("MatMul"), count("Sigmoid"), count("Relu")),
        (2, 1, 0)
    );
    // Scaled in double; the weights are not.
    assert_eq!(count("Log"), 1);
    let single = graph.initializer.iter().filter(|one| one.data_type == 1);
    let single: Vec<_> = single.map(|one| (&*one.dims, &one.raw_data)).collect();
    // Of two levels, missing and unseen, the last two alike.
    let shapes: Vec<&[i64]> = single.iter().map(|(dims, _)| *dims).collect();
    let wanted: [&[i64]; 6] = [&[4, 2], &[4, 2], &[6, 3], &[3], &[3, 1], &[1]];
    assert_eq!(shapes, wanted);
    let bytes = |values: &[f32]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let indicators = bytes(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(single[0].1.as_ref(), Some(&indicators));
    assert_eq!(single[1].1.as_ref(), Some(&bytes(&[0.5; 8])));
}

#[test]
fn a_network_whose_weights_do_not_fit_is_refused() {
    let (inputs, all) = perceptron_schema();
    let refused = |model: Artifact| {
        let error = exported(&ensemble(&inputs, vec![], model), &all).unwrap_err();
        (error.code(), error.to_string())
    };
    let mut unknown = perceptron();
    unknown.meta["network"]["type"] = json!("kan");
    let told = "the network 'kan' cannot be exported to ONNX".to_owned();
    assert_eq!(refused(unknown), ("export-unsupported", told));
    let mut narrow = perceptron();
    let head = narrow.arrays.get_mut("weights.Mlp.head.weight").unwrap();
    head.shape = vec![1, 3];
    let (code, told) = refused(narrow);
    assert_eq!(code, "artifact-part-invalid");
    assert!(told.contains("weights.Mlp.head.weight"), "{told}");
    let mut bare = perceptron();
    bare.arrays.remove("weights.Mlp.layers.0.bias");
    assert_eq!(refused(bare).0, "artifact-part-missing");
}
