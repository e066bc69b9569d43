//! Pipelines of models whose answers are plain to see.

use super::*;
use crate::tests::{options, run};
use automl_core::{Coded, Column, Kind, Levels, Role};
use automl_testkit::synthetic;

/// A model that says of each row what a function makes of the numbers, or codes, of its columns.
struct Says {
    columns: Vec<String>,
    answer: fn(&[f64]) -> Vec<f64>,
    n_classes: usize,
}

impl Model for Says {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let table = rows.to_table();
        let cell = |name: &String, row: usize| match table.column(name).unwrap() {
            Column::Number(values) => values[row],
            Column::Category { codes, .. } => f64::from(codes[row]),
            Column::Text(texts) => texts.get(row).map_or(-1.0, |text| text.len() as f64),
            _ => unreachable!("no other columns are in these tests"),
        };
        let said = (0..table.n_rows()).flat_map(|row| {
            let cells: Vec<f64> = self.columns.iter().map(|name| cell(name, row)).collect();
            (self.answer)(&cells)
        });
        let values = said.collect();
        Ok(match self.n_classes {
            0 => Predictions::Numbers(values),
            n_classes => Predictions::Probabilities { n_classes, values },
        })
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("says", json!({}))
    }
}

fn number(name: &str) -> Field {
    Field {
        name: name.into(),
        kind: Kind::Number,
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    }
}

fn category(name: &str, levels: &[&str]) -> Field {
    Field {
        kind: Kind::Category,
        levels: levels.iter().map(|&level| level.to_owned()).collect(),
        ..number(name)
    }
}

fn model(
    name: &str,
    classes: &[&str],
    features: Vec<Field>,
    answer: fn(&[f64]) -> Vec<f64>,
) -> StepModel {
    let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
    let n_classes = classes.len();
    let task = match n_classes {
        0 => Task::Regression,
        2 => Task::Binary { classes },
        _ => Task::Multiclass { classes },
    };
    let columns = features.iter().map(|field| field.name.clone()).collect();
    let part = Part {
        weight: 1.0,
        recipe: Arc::new(no_steps(&features).unwrap()),
        target_map: TargetMap::Identity,
        ceiling: None,
        model: Arc::new(Says {
            columns,
            answer,
            n_classes,
        }),
    };
    StepModel {
        name: name.into(),
        weight: 1.0,
        decision: Decision::Likeliest,
        has_costs: false,
        features,
        model: Arc::new(EnsembleModel::new(task, None, vec![part])),
    }
}

fn step(name: &str, together: Together, models: Vec<StepModel>) -> PipelineStep {
    PipelineStep {
        name: name.into(),
        together,
        models,
        adds: None,
    }
}

fn adding(step: PipelineStep, adds: &[(&str, &str)]) -> PipelineStep {
    let adds = adds
        .iter()
        .map(|&(output, column)| (output.into(), column.into()));
    PipelineStep {
        adds: Some(adds.collect()),
        ..step
    }
}

/// Says `yes` as likely as `x` says.
fn risk(name: &str) -> StepModel {
    model(name, &["no", "yes"], vec![number("x")], |cells| {
        vec![1.0 - cells[0], cells[0]]
    })
}

fn predictions(composed: &Composed, table: &Table) -> Vec<f64> {
    composed
        .model
        .predict(&table.view())
        .unwrap()
        .values()
        .to_vec()
}

fn numbers(columns: &[(&str, &[f64])]) -> Table {
    let columns = columns.iter();
    let columns =
        columns.map(|(name, values)| ((*name).to_owned(), Column::Number(values.to_vec())));
    Table::new(columns.collect()).unwrap()
}

fn problem(steps: Vec<PipelineStep>) -> (String, &'static str, String) {
    let error = compose(steps).err().expect("these steps do not fit");
    (
        error.to_string(),
        error.code(),
        error.hint().unwrap_or_default(),
    )
}

#[test]
fn what_a_step_gives_is_a_column_of_those_behind() {
    let value = model(
        "value/2",
        &[],
        vec![
            number("z"),
            number("probability_yes"),
            category("prediction", &["yes", "no"]),
        ],
        |cells| vec![cells[0] + 10.0 * cells[1] + 100.0 * cells[2]],
    );
    let first = StepModel {
        decision: Decision::Above(0.2),
        ..risk("churn/3")
    };
    let composed = compose(vec![
        step("risk", Together::Alone, vec![first]),
        step("value", Together::Alone, vec![value]),
    ])
    .unwrap();
    let names: Vec<&str> = composed
        .features
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(names, ["x", "z"], "in the order in which they are read");
    assert_eq!(composed.model.task(), &Task::Regression);
    // A probability of 0.25 is above the first model's own threshold, and `yes` is the first level of the second model.
    let table = numbers(&[("x", &[0.25, 0.125]), ("z", &[1.0, 2.0])]);
    assert_eq!(predictions(&composed, &table), [3.5, 103.25]);
}

#[test]
fn outputs_take_the_names_that_are_said_and_the_kind_that_is_read() {
    let read_as = |field: Field, answer: fn(&[f64]) -> Vec<f64>| {
        let ranked = model("rank/1", &["1", "25"], vec![number("x")], |cells| {
            vec![1.0 - cells[0], cells[0]]
        });
        let composed = compose(vec![
            adding(
                step("rank", Together::Alone, vec![ranked]),
                &[("prediction", "rank")],
            ),
            step(
                "last",
                Together::Alone,
                vec![model("m/1", &[], vec![field], answer)],
            ),
        ]);
        predictions(&composed.unwrap(), &numbers(&[("x", &[0.75, 0.25])]))
    };
    let same: fn(&[f64]) -> Vec<f64> = |cells| vec![cells[0]];
    assert_eq!(read_as(number("rank"), same), [25.0, 1.0]);
    assert_eq!(read_as(category("rank", &["25", "30"]), same)[0], 0.0);
    let text = Field {
        kind: Kind::Text,
        ..number("rank")
    };
    assert_eq!(read_as(text, same), [2.0, 1.0], "as long as the texts");
}

#[test]
fn means_are_by_weight_and_by_the_names_of_classes() {
    let other = model("b/1", &["yes", "no"], vec![number("z")], |cells| {
        vec![cells[0], 1.0 - cells[0]]
    });
    let other = StepModel {
        weight: 3.0,
        ..other
    };
    let composed = compose(vec![step("all", Together::Mean, vec![risk("a/1"), other])]).unwrap();
    let table = numbers(&[("x", &[1.0, 0.5]), ("z", &[0.0, 0.5])]);
    assert_eq!(predictions(&composed, &table), [0.75, 0.25, 0.5, 0.5]);

    let constant = |name, says| model(name, &[], vec![number("x")], says);
    let models = vec![
        constant("a/1", |_| vec![1.0]),
        constant("b/1", |_| vec![4.0]),
    ];
    let composed = compose(vec![step("all", Together::Mean, models)]).unwrap();
    assert_eq!(predictions(&composed, &numbers(&[("x", &[0.0])])), [2.5]);
}

#[test]
fn votes_are_of_what_each_model_decides() {
    let sure = StepModel {
        decision: Decision::Above(0.05),
        ..risk("a/1")
    };
    let models = vec![sure, risk("b/1"), risk("c/1")];
    let composed = compose(vec![step("all", Together::Vote, models)]).unwrap();
    let thirds = predictions(&composed, &numbers(&[("x", &[0.1])]));
    let rounded: Vec<f64> = thirds.iter().map(|share| (share * 3.0).round()).collect();
    assert_eq!(rounded, [2.0, 1.0]);
}

#[test]
fn each_model_reads_categories_by_its_own_levels() {
    let of = |name, levels| {
        model(name, &[], vec![category("plan", levels)], |cells| {
            vec![cells[0]]
        })
    };
    let models = vec![of("a/1", &["low", "high"]), of("b/1", &["top", "high"])];
    let composed = compose(vec![step("all", Together::Mean, models)]).unwrap();
    assert_eq!(composed.features[0].levels, ["low", "high", "top"]);
    let levels = Levels::new(["low", "high", "top"]);
    let table = Table::new(vec![("plan".into(), Column::category(vec![1], levels))]).unwrap();
    assert_eq!(predictions(&composed, &table), [1.0], "high is 1 to both");
}

#[test]
fn steps_that_do_not_fit_are_named() {
    let alone = |name: &str, model| step(name, Together::Alone, vec![model]);
    let reads = |name: &str, field| model(name, &[], vec![field], |cells| vec![cells[0]]);
    assert_eq!(problem(Vec::new()).1, "compose-empty");
    let twice = vec![alone("a", risk("m/1")), alone("a", risk("m/2"))];
    assert_eq!(problem(twice).0, "two steps are called 'a'");
    let unread = vec![
        alone("a", risk("m/1")),
        alone("b", reads("v/1", number("probability_ye"))),
    ];
    assert_eq!(
        problem(unread),
        (
            "step 'a': no step behind it reads what it gives: prediction, probability_no, probability_yes".into(),
            "compose-unread",
            "a step behind it reads 'probability_ye': 'adds' says what columns are called".into()
        )
    );
    let none = adding(alone("a", risk("m/1")), &[("probability_maybe", "p")]);
    assert_eq!(
        problem(vec![none, alone("b", reads("v/1", number("p")))]),
        (
            "step 'a': it gives no 'probability_maybe'".into(),
            "compose-output",
            "it gives prediction, probability_no, probability_yes".into()
        )
    );
    let taken = adding(alone("a", risk("m/1")), &[("probability_yes", "x")]);
    assert_eq!(
        problem(vec![taken, alone("b", reads("v/1", number("x")))]).0,
        "step 'a': its column 'x' is there already: m/1 reads it"
    );
}

#[test]
fn columns_and_tasks_that_do_not_fit_are_named_with_their_steps() {
    let alone = |name: &str, model| step(name, Together::Alone, vec![model]);
    let reads = |name: &str, field| model(name, &[], vec![field], |cells| vec![cells[0]]);
    let kinds = vec![step(
        "all",
        Together::Mean,
        vec![
            reads("v/1", number("x")),
            reads("v/2", category("x", &["a"])),
        ],
    )];
    assert_eq!(
        problem(kinds).0,
        "step 'all': v/2 reads column 'x' as category, v/1 as number"
    );
    let given = vec![
        alone("a", risk("m/1")),
        alone("b", reads("v/1", number("prediction"))),
    ];
    assert_eq!(
        problem(given).0,
        "step 'b': v/1 reads column 'prediction' as number, step 'a' gives it as category"
    );
    let apart = vec![
        alone("a", risk("m/1")),
        alone("b", reads("v/1", category("prediction", &["good", "bad"]))),
    ];
    assert_eq!(
        problem(apart).0,
        "step 'b': v/1 knows none of the classes that step 'a' gives it as 'prediction'"
    );
    let tasks = step(
        "all",
        Together::Mean,
        vec![risk("m/1"), reads("v/1", number("x"))],
    );
    assert_eq!(
        problem(vec![tasks]).0,
        "step 'all': v/1 predicts numbers, m/1 no, yes"
    );
    let votes = step("all", Together::Vote, vec![reads("v/1", number("x"))]);
    assert_eq!(
        problem(vec![votes]).0,
        "step 'all': v/1 predicts numbers, and votes are for classes"
    );
    let weightless = StepModel {
        weight: 0.0,
        ..risk("m/1")
    };
    assert_eq!(problem(vec![alone("a", weightless)]).1, "compose-weight");
    let last = adding(alone("a", risk("m/1")), &[("prediction", "p")]);
    assert_eq!(problem(vec![last]).1, "compose-unread");
}

#[test]
fn a_composition_is_read_back_as_it_was_or_refused() {
    let data = synthetic::binary(200, 3);
    let fitted = |seed| {
        let options = crate::FitOptions {
            seed: automl_core::Seed(seed),
            ..options(3)
        };
        Arc::new(run(&data, &options).unwrap().model)
    };
    let fields = |table: &Table| -> Vec<Field> {
        let columns = table.iter();
        columns
            .map(|(name, column)| match column.as_category() {
                Some((_, levels)) => category(name, &levels.iter().collect::<Vec<_>>()),
                None => number(name),
            })
            .collect()
    };
    let of = |name: &str, seed| StepModel {
        name: name.into(),
        weight: 1.0,
        decision: Decision::Likeliest,
        has_costs: false,
        features: fields(data.table()),
        model: fitted(seed),
    };
    let steps = vec![step(
        "all",
        Together::Mean,
        vec![of("m/1", 1), of("m/2", 2)],
    )];
    let composed = compose(steps).unwrap();
    let artifact = composed.model.artifact();
    let again = EnsembleModel::load(&artifact).unwrap();
    let rows = data.table().view();
    assert_eq!(again.predict(&rows), composed.model.predict(&rows));
    assert_eq!(again.artifact(), artifact);
    assert!(again.explain(&rows, &automl_core::Threads::one()).is_err());

    let mut fewer = artifact.clone();
    fewer.children[1].children.pop();
    let mut odd = artifact;
    odd.children[1].meta["steps"][0]["models"][0]["weight"] = json!(-1.0);
    for altered in [fewer, odd] {
        let error = EnsembleModel::load(&altered).err();
        assert_eq!(
            error.map(|error| error.code()),
            Some("artifact-part-invalid")
        );
    }
}
