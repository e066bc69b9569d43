//! One model of several targets: the same bytes each time, whatever kills it, and each protocol says what `predict` says.

use crate::endpoints::Server;
use crate::harness::Desk;
use automl_core::Clock;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Two classes, four classes, a number.
const FIT: &str = "fit datasets/churn.csv --target churned,payment_method,usage_hours --holdout 0.3 --output model";
const PARTS: [&str; 3] = ["churned", "payment_method", "usage_hours"];

fn weights(desk: &Desk, model: &str) -> Vec<Vec<u8>> {
    let path = |part: &&str| desk.read(&format!("{model}/targets/{part}/weights.safetensors"));
    PARTS.iter().map(path).collect()
}

#[test]
fn models_of_several_targets_are_the_same_at_any_thread_count_and_with_the_names_in_any_form() {
    let desk = Desk::new();
    let fit = "fit datasets/churn.csv --holdout 0.3 --max-trials 3 --seed 7";
    desk.automl_ok(&format!(
        "{fit} --target churned,payment_method,usage_hours --threads 1 --output one"
    ));
    desk.automl_ok(&format!(
        "{fit} --target churned --target payment_method,usage_hours --threads 2 --output two"
    ));
    assert!(
        weights(&desk, "one") == weights(&desk, "two"),
        "other bytes"
    );
    let predict = |model: &str| desk.automl_ok(&format!("predict {model} datasets/churn_test.csv"));
    assert_eq!(predict("one"), predict("two"));
}

#[test]
fn the_model_of_a_target_is_the_one_of_a_fit_without_the_other_targets() {
    let desk = Desk::new();
    desk.automl_ok(&format!("{FIT} --max-trials 2"));
    desk.automl_ok(
        "fit datasets/churn.csv --target churned --drop payment_method,usage_hours --holdout 0.3 --max-trials 2 --output alone",
    );
    let alone = desk.read("alone/weights.safetensors");
    assert!(weights(&desk, "model")[0] == alone, "other bytes");
}

#[test]
fn a_fit_of_several_targets_that_is_killed_again_and_again_ends_with_the_same_models() {
    let settings = "--max-trials 3";
    let undisturbed = Desk::new();
    undisturbed.automl_ok(&format!("{FIT} {settings}"));
    let desk = Desk::new();
    for n_lines in [6, 9, 14, 17] {
        desk.killed_after(n_lines, &format!("{FIT} {settings} --resume"), |_| ());
    }
    desk.automl_ok(&format!("{FIT} {settings} --resume"));
    assert!(
        weights(&desk, "model") == weights(&undisturbed, "model"),
        "the kills changed a model"
    );
    // What is done is not done again, and a longer limit is gone on with.
    let told = desk.automl(&format!("{FIT} {settings} --resume"));
    let n_done = told.stderr.matches("was done before").count();
    assert_eq!((told.exit_code, n_done), (Some(0), 3), "{}", told.stderr);
    desk.automl_ok(&format!("{FIT} --max-trials 4 --resume"));
    undisturbed.automl_ok(&format!("{FIT} --max-trials 4 --overwrite"));
    assert!(weights(&desk, "model") == weights(&undisturbed, "model"));
}

#[test]
fn a_fit_of_several_targets_keeps_its_limit() {
    let desk = Desk::new();
    let clock = Clock::start();
    desk.automl_ok(&format!("{FIT} --time-limit 9 --no-journal"));
    // Three of them one after another, each with the whole limit, would take 27 s, and each with two thirds of it 18 s.
    let took = clock.seconds();
    assert!(took < 15.0, "{took} s");
    assert_eq!(desk.entries(), ["model"], "nothing is left beside it");
    let told = desk.automl_ok("evaluate model datasets/churn_test.csv --format json");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["targets"].as_array().map(Vec::len), Some(3));
}

/// A model that answers as the endpoint `several`, and what `predict` says of the first rows of a table.
struct Answering {
    desk: Desk,
    server: Server,
    /// The rows, with their line of names.
    csv: String,
    expected: Vec<Value>,
}

impl Answering {
    fn start() -> Self {
        let desk = Desk::new();
        desk.automl_ok(&format!("{FIT} --max-trials 2"));
        desk.automl_ok("models register several model");
        desk.automl_ok("endpoint create several");
        desk.automl_ok("endpoint deploy several several/1");
        let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("text");
        let first: Vec<&str> = text.lines().take(4).collect();
        let csv = first.join("\n") + "\n";
        desk.write("few.csv", &csv);
        desk.automl_ok("predict model few.csv --output few.jsonl");
        let expected = String::from_utf8(desk.read("few.jsonl")).expect("text");
        let row = |line: &str| serde_json::from_str(line).expect("JSON");
        let server = Server::start_with(&desk, &[]);
        let this = Self {
            desk,
            server,
            csv,
            expected: expected.lines().map(row).collect(),
        };
        for _ in 0..200 {
            if this.of_csv().0 == 200 {
                return this;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the endpoint does not answer");
    }

    fn of_csv(&self) -> (u16, String) {
        let path = "/endpoints/several/invocations";
        self.server.call(path, "text/csv", &self.csv)
    }

    /// What `predict` says under a name, row by row.
    fn column(&self, name: &str) -> Value {
        self.expected.iter().map(|row| row[name].clone()).collect()
    }

    /// The rows as columns of cells.
    fn columns(&self) -> Map<String, Value> {
        let mut reader = csv::Reader::from_reader(self.csv.as_bytes());
        let names = reader.headers().expect("names").clone();
        let rows: Vec<csv::StringRecord> =
            reader.records().map(|row| row.expect("a row")).collect();
        let cell = |text: &str| match text.parse::<f64>() {
            _ if text.is_empty() => Value::Null,
            Ok(number) => json!(number),
            Err(_) => json!(text),
        };
        let column = |(place, name): (usize, &str)| {
            let cells = rows.iter().map(|row| cell(&row[place]));
            (name.to_owned(), cells.collect())
        };
        names.iter().enumerate().map(column).collect()
    }
}

#[test]
fn answers_in_json_say_of_each_target_what_predict_says() {
    let answering = Answering::start();
    let records: Value = serde_json::from_str(&answering.of_csv().1).expect("JSON");
    let told = |row: &Value| {
        let cell = |name: &&str| ((*name).to_owned(), row[*name].clone());
        Value::Object(PARTS.iter().map(cell).collect())
    };
    let told: Vec<Value> = answering.expected.iter().map(told).collect();
    assert_eq!(records["predictions"], json!(told));

    let asked = json!({ "columns": answering.columns() });
    let path = "/endpoints/several/predict";
    let plain = answering.server.json(path, &asked);
    for part in PARTS {
        assert_eq!(plain["prediction"][part], answering.column(part), "{part}");
    }
    let yes = &plain["probabilities"]["churned"]["yes"];
    assert_eq!(*yes, answering.column("probability_churned_yes"));
    assert_eq!(plain["probabilities"]["usage_hours"], Value::Null);

    for wanted in ["threshold=0.3", "interval=0.9", "explain=true"] {
        let (status, refused) = answering.server.call(
            &format!("{path}?{wanted}"),
            "application/json",
            &asked.to_string(),
        );
        assert_eq!(status, 400, "{wanted}: {refused}");
    }
    let told = answering.desk.automl_ok("models show several/1");
    assert!(told.contains("task    multioutput"), "{told}");
}

#[test]
fn the_inference_protocol_has_outputs_of_each_target() {
    let answering = Answering::start();
    let about = answering.server.json("/v2/models/several", &Value::Null);
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(
        names(&about["outputs"]),
        [
            "churned",
            "probabilities_churned",
            "payment_method",
            "probabilities_payment_method",
            "usage_hours"
        ]
    );
    let columns = answering.columns();
    let inputs = about["inputs"].as_array().expect("inputs").iter();
    let inputs: Vec<Value> = inputs
        .map(|input| {
            let name = input["name"].as_str().expect("a name");
            let cells = columns[name].as_array().expect("cells").iter();
            let cell = |cell: &Value| match cell {
                Value::Null => json!(""),
                other => other.clone(),
            };
            json!({
                "name": name,
                "datatype": input["datatype"],
                "shape": [cells.len()],
                "data": cells.map(cell).collect::<Vec<_>>(),
            })
        })
        .collect();
    let wanted = json!([{ "name": "usage_hours" }, { "name": "churned" }]);
    let asked = json!({ "inputs": inputs, "outputs": wanted });
    let told = answering.server.json("/v2/models/several/infer", &asked);
    for (place, name) in ["usage_hours", "churned"].into_iter().enumerate() {
        assert_eq!(told["outputs"][place]["name"], name);
        assert_eq!(told["outputs"][place]["data"], answering.column(name));
    }
}

#[test]
fn what_is_exported_with_a_server_answers_with_all_targets_where_vertex_ai_asks() {
    let desk = Desk::new();
    desk.automl_ok(&format!("{FIT} --max-trials 1"));
    desk.automl_ok("export model --format docker --output served --name several");
    let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("text");
    let csv: Vec<&str> = text.lines().take(4).collect();
    let csv = csv.join("\n") + "\n";
    desk.write("few.csv", &csv);
    desk.automl_ok("predict model few.csv --output few.jsonl");
    let (health, predict) = ("/v1/endpoints/1", "/v1/endpoints/1:predict");
    let mut command = desk.command(desk.path("served/run.sh"));
    command
        .env("PORT", "0")
        .env("AIP_HEALTH_ROUTE", health)
        .env("AIP_PREDICT_ROUTE", predict);
    let server = Server::of(command);
    for _ in 0..200 {
        if server.call(health, "", "").0 == 200 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    for path in [predict, "/invocations"] {
        let (status, told) = server.call(path, "text/csv", &csv);
        assert_eq!(status, 200, "{told}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let expected = String::from_utf8(desk.read("few.jsonl")).expect("text");
        for (row, line) in expected.lines().enumerate() {
            let expected: Value = serde_json::from_str(line).expect("JSON");
            for part in PARTS {
                assert_eq!(told["predictions"][row][part], expected[part], "{part}");
            }
        }
    }
}
