//! A server with endpoints, from outside: it predicts what `automl predict` predicts, and comes back as it was.

use crate::harness::{BINARY, Desk};
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server on the workspace of a desk; killed at the end.
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(desk: &Desk) -> Self {
        Self::start_with(desk, &[])
    }

    /// With further arguments.
    pub(crate) fn start_with(desk: &Desk, args: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command
            .args(["serve", "--port", "0"])
            .args(args)
            .current_dir(desk.path("."));
        Self::of(command)
    }

    /// By a command that ends as one.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut told = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout)
            .read_line(&mut told)
            .expect("the server tells");
        let (_, address) = told.trim().rsplit_once('/').expect("an address");
        let address = address.to_owned();
        Self { child, address }
    }

    /// The answer to a request, and its body.
    pub(crate) fn call(&self, path: &str, kind: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        let method = if body.is_empty() { "GET" } else { "POST" };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("the server reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the server answers");
        let status = answer.split(' ').nth(1);
        let status = status.and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.expect("a status"), body.to_owned())
    }

    pub(crate) fn json(&self, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, answer) = self.call(path, "application/json", &body);
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// Waits until the endpoint is in a state.
    fn wait_for(&self, state: &str) -> Value {
        for _ in 0..200 {
            let shown = self.json("/api/endpoints/churn", &Value::Null);
            if shown["endpoint"]["state"] == state
                && shown["endpoint"]["served_revision"].is_number()
            {
                return shown["endpoint"].clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the endpoint is not {state}");
    }

    /// Ends it as by `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("the server ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The rows of the test table as objects; numbers as numbers.
fn rows(text: &str) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("a line of names").clone();
    let row = |record: csv::StringRecord| {
        let cell = |text: &str| match text.parse::<f64>() {
            _ if text.is_empty() => Value::Null,
            Ok(number) => json!(number),
            Err(_) => json!(text),
        };
        let cells = names.iter().zip(record.iter());
        let cells: Map<String, Value> = cells
            .map(|(name, text)| (name.to_owned(), cell(text)))
            .collect();
        Value::Object(cells)
    };
    let records = reader.into_records();
    records.map(|record| row(record.expect("a row"))).collect()
}

/// A desk with the endpoint `churn`, which has a model deployed.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.copy_churn_model();
    desk.automl_ok("models register churn model");
    desk.automl_ok("endpoint create churn");
    desk.automl_ok("endpoint deploy churn churn/1");
    desk
}

#[test]
fn an_endpoint_predicts_what_predict_predicts() {
    let desk = desk();
    let expected = desk.automl_ok("predict model datasets/churn_test.csv");
    let mut expected = csv::Reader::from_reader(expected.as_bytes());
    let expected: Vec<csv::StringRecord> = expected
        .records()
        .map(|record| record.expect("a row"))
        .collect();
    let classes: Vec<&str> = expected.iter().map(|row| &row[0]).collect();
    let server = Server::start(&desk);
    server.wait_for("serving");
    let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("text");
    let rows = rows(&text);

    let answer = server.json("/endpoints/churn/predict", &json!({ "rows": rows }));
    assert_eq!(answer["prediction"], json!(classes));
    for (column, class) in ["no", "yes"].into_iter().enumerate() {
        let found = answer["probabilities"][class].as_array().expect("a list");
        for (row, value) in expected.iter().zip(found) {
            let expected: f64 = row[column + 1].parse().expect("a number");
            assert_eq!(value.as_f64(), Some(expected), "bit by bit");
        }
    }
    let records = server.json(
        "/endpoints/churn/invocations",
        &json!({ "dataframe_records": rows }),
    );
    assert_eq!(records["predictions"], json!(classes));
    let (status, answer) = server.call("/endpoints/churn/invocations", "text/csv", &text);
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["predictions"], json!(classes));
}

#[test]
fn an_endpoint_of_quantiles_predicts_what_predict_predicts() {
    let desk = Desk::new();
    desk.automl_ok("fit datasets/churn.csv --target monthly_fee --quantiles 0.1,0.9 --max-trials 2 --holdout 0.3 --output fees");
    desk.automl_ok("models register fees fees");
    desk.automl_ok("endpoint create churn");
    desk.automl_ok("endpoint deploy churn fees/1");
    let expected = desk.automl_ok("predict fees datasets/churn_test.csv");
    let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("text");
    let (expected, rows) = (rows(&expected), rows(&text));
    let server = Server::start(&desk);
    server.wait_for("serving");
    let records = json!({ "dataframe_records": rows });
    let answer = server.json("/endpoints/churn/invocations", &records);
    assert_eq!(answer["predictions"], json!(expected), "bit by bit");
    let answer = server.json("/endpoints/churn/predict", &json!({ "rows": rows }));
    let column = |name: &str| -> Value { expected.iter().map(|row| row[name].clone()).collect() };
    let names = ["quantile_0.1", "quantile_0.9"];
    for name in names {
        assert_eq!(answer["prediction"][name], column(name));
    }
    let about = server.json("/v2/models/churn", &Value::Null);
    let outputs = about["outputs"].as_array().expect("outputs");
    let told: Vec<&str> = outputs
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(told, names);
}

#[test]
fn a_killed_server_comes_back_with_what_it_served() {
    let desk = desk();
    let mut server = Server::start(&desk);
    server.wait_for("serving");
    let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("text");
    let ask = json!({ "rows": rows(&text)[..1] });
    let before = server.json("/endpoints/churn/predict", &ask);
    desk.automl_ok("models register churn model");
    desk.automl_ok("endpoint deploy churn churn/2 --traffic 100");
    assert_eq!(server.wait_for("serving")["served_revision"], 3);
    let changed = server.json("/endpoints/churn/predict", &ask);
    assert_eq!(changed["version"], 2);
    assert_eq!(changed["probabilities"], before["probabilities"]);
    server.kill();

    let server = Server::start(&desk);
    let endpoint = server.wait_for("serving");
    assert_eq!(endpoint["served_revision"], 3);
    assert_eq!(server.json("/endpoints/churn/predict", &ask), changed);
}

/// The names of an endpoint's kept files with an ending, and what is in them.
fn kept(desk: &Desk, ending: &str) -> Vec<(String, Vec<u8>)> {
    let folder = desk.path(".automl/captures/churn");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("text"));
    let names = names.filter(|name| name.ends_with(ending));
    names
        .map(|name| {
            let bytes = desk.read(&format!(".automl/captures/churn/{name}"));
            (name, bytes)
        })
        .collect()
}

/// Waits until something holds.
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}");
}

#[test]
fn a_kill_loses_no_request_that_was_on_the_disk_and_its_files_are_made_whole() {
    let desk = desk();
    desk.automl_ok("endpoint capture churn --rate 1");
    let mut server = Server::start(&desk);
    server.wait_for("serving");
    let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("text");
    let rows = rows(&text);
    let n_early = 20;
    for row in &rows[..n_early] {
        server.json("/endpoints/churn/predict", &json!({ "rows": [row] }));
    }
    let n_lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches('\n').count();
    wait("the first requests come to the disk", || {
        let files = kept(&desk, ".lines");
        // The first line says what the columns are.
        files.iter().any(|(_, bytes)| n_lines(bytes) == 1 + n_early)
    });
    let late = json!({ "rows": &rows[..1] });
    for _ in 0..5 {
        server.json("/endpoints/churn/predict", &late);
    }
    server.kill();
    let lines = kept(&desk, ".lines");
    assert_eq!(lines.len(), 1);
    let n_lines = n_lines(&lines[0].1) - 1;
    assert!((n_early..=n_early + 5).contains(&n_lines), "{n_lines}");

    let server = Server::start(&desk);
    assert_eq!(server.wait_for("serving")["served_revision"], 2);
    server.json("/endpoints/churn/predict", &late);
    wait("lines that were left become Parquet", || {
        !kept(&desk, ".parquet").is_empty()
    });
    let (name, bytes) = kept(&desk, ".parquet").remove(0);
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let path = format!(".automl/captures/churn/{name}");
    let profile = desk.automl_ok(&format!("profile {path} --format json"));
    let profile: Value = serde_json::from_str(&profile).expect("JSON");
    assert_eq!(profile["n_rows"], json!(n_lines), "all rows are there");
}

#[test]
fn a_folder_of_models_is_served_and_followed() {
    let desk = Desk::new();
    desk.copy_churn_model();
    std::fs::create_dir_all(desk.path("models/churn")).expect("a folder");
    let server = Server::start_with(&desk, &["--model-repository", "models"]);
    let text = String::from_utf8(desk.read("datasets/churn_test.csv")).expect("text");
    let ask = json!({ "rows": rows(&text)[..1] }).to_string();
    let (status, answer) = server.call("/endpoints/churn/predict", "application/json", &ask);
    assert_eq!(status, 503, "{answer}");
    // A model that is put there whole answers, and one that is not leaves it answering.
    std::fs::rename(desk.path("model"), desk.path("models/churn/1")).expect("it moves");
    wait("the model answers", || {
        let (status, _) = server.call("/endpoints/churn/predict", "application/json", &ask);
        status == 200
    });
    let (_, before) = server.call("/endpoints/churn/predict", "application/json", &ask);
    std::fs::create_dir(desk.path("models/churn/2")).expect("a folder");
    // Another one, without the weights that it names.
    let mut manifest = desk.read("models/churn/1/manifest.json");
    manifest.push(b'\n');
    std::fs::write(desk.path("models/churn/2/manifest.json"), manifest).expect("a file");
    wait("it is told why", || {
        let shown = server.json("/api/endpoints/churn", &Value::Null);
        let problem = shown["endpoint"]["problem"].as_str().unwrap_or_default();
        shown["endpoint"]["state"] == "failed" && problem.starts_with("churn/2: ")
    });
    let (status, after) = server.call("/endpoints/churn/predict", "application/json", &ask);
    assert_eq!((status, after), (200, before));
}
