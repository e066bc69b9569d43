//! Endpoints, by calls of the routes, with a model that is made of a few lines.

mod capture;
mod changes;
mod extensions;
mod folders;
mod hostile;
mod inference;
mod memory;
mod numbers;
mod overload;
mod protocols;
mod quantiles;
mod refusals;
mod sagemaker;
mod vertex;
mod wanted;

use super::model::{Bounds, LoadError, LoadedModel, ModelFacts};
use crate::server::Models;
use crate::tests::Desk;
use automl_core::{
    Artifact, Cell, Column, ExplainError, Explanation, Field, Kind, Level, Model, PredictError,
    Predictions, Role, RowReader, Rows, Scale, SentTable, Table, TableForm, TableView, Task,
    Threads,
};
use automl_store::captures::{Retention, SealError, SealedRows};
use automl_store::registry::{models as registered, versions};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::io::{BufRead, Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tower::ServiceExt;

/// Models as tests write them: `manifest.json` says what is added to a row's number.
pub(crate) fn models() -> Models {
    Models {
        load,
        repository: None,
        n_bytes_max: None,
        seal,
        stream,
        batch_latency: Duration::from_millis(20),
        captures: Retention::default(),
    }
}

/// Files of tests hold the lines as they came.
fn seal(lines: &mut dyn BufRead, out: &mut (dyn Write + Send)) -> Result<SealedRows, SealError> {
    let copied = std::io::copy(lines, out);
    let n_bytes = copied.map_err(|error| SealError::Disk(error.to_string()))?;
    Ok(SealedRows {
        n_rows: n_bytes,
        is_cut: false,
    })
}

/// Streams of tests are text behind a mark.
fn stream(table: &Table) -> Result<Vec<u8>, String> {
    let names: Vec<&str> = table.names().collect();
    let mut text = format!("stream:{}\n", names.join(","));
    for row in 0..table.n_rows() {
        let cells = table.iter().map(|(name, column)| match column {
            Column::Number(numbers) => Ok(numbers[row].to_string()),
            Column::Text(texts) => Ok(texts.get(row).unwrap_or_default().to_owned()),
            _ => Err(format!("'{name}' is of another kind")),
        });
        text.push_str(&cells.collect::<Result<Vec<String>, String>>()?.join(","));
        text.push('\n');
    }
    Ok(text.into_bytes())
}

/// Waits until there is a file, and says by another that it does.
fn wait_at(gate: &Path) {
    std::fs::write(gate.with_extension("begun"), "").unwrap();
    while !gate.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A file that work waits for, opened at the latest when a test ends.
struct Gate(std::path::PathBuf);

impl Gate {
    fn new(desk: &Desk) -> Self {
        Self(desk.directory.path().join("gate"))
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }

    fn close(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }

    /// Whether work waits there, or did.
    fn is_met(&self) -> bool {
        self.0.with_extension("begun").exists()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // The folder may have gone, and the work with it.
        std::fs::write(&self.0, "").ok();
    }
}

fn load(path: &Path) -> Result<LoadedModel, LoadError> {
    let refuse = |message: String| LoadError {
        code: "test-model",
        message,
    };
    let text = std::fs::read(path.join("manifest.json"));
    let text = text.map_err(|error| refuse(error.to_string()))?;
    let said: Value = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
    // A model that takes long: until somebody puts a file there.
    if let Some(gate) = said["waits_for"].as_str() {
        wait_at(Path::new(gate));
    }
    let bias = said["bias"].as_f64();
    let bias = bias.ok_or_else(|| refuse("it has no bias".into()))?;
    let task = task_of(&said);
    let field = |name: &str, kind| Field {
        name: name.into(),
        kind,
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    };
    Ok(LoadedModel {
        facts: Arc::new(ModelFacts {
            features: vec![field("x", Kind::Number), field("word", Kind::Text)],
            others: vec!["y".into()],
            task: task.clone(),
            decision: automl_core::Decision::Likeliest,
            n_bytes: said["n_bytes"].as_u64().unwrap_or(1),
        }),
        model: model_of(&said, &task, bias),
        bounds: (task == Task::Regression).then(|| Arc::new(Narrow) as Arc<dyn Bounds>),
        reader: Arc::new(Reader),
        words_reader: Arc::new(Reader),
    })
}

/// What a manifest says that is predicted: classes if it does not say.
fn task_of(said: &Value) -> Task {
    match said["predicts"].as_str() {
        Some("numbers") => Task::Regression,
        Some("quantiles") => {
            let levels = said["levels"].as_array().unwrap().iter();
            let level = |share: &Value| Level::try_from(share.as_f64().unwrap()).unwrap();
            Task::Quantile {
                levels: levels.map(level).collect(),
            }
        }
        _ => Task::Binary {
            classes: vec!["no".into(), "yes".into()],
        },
    }
}

fn model_of(said: &Value, task: &Task, bias: f64) -> Arc<dyn Model> {
    if let Some(ms) = said["busy_ms"].as_u64() {
        return Arc::new(Busy::new(Duration::from_millis(ms)));
    }
    if let Some(ms) = said["call_ms"].as_u64() {
        return Arc::new(Slow(Sum(bias), Duration::from_millis(ms)));
    }
    match task {
        Task::Regression => Arc::new(Numbers(bias)),
        Task::Quantile { levels } => Arc::new(Spread(bias, levels.as_slice().into())),
        _ => Arc::new(Sum(bias)),
    }
}

/// Predicts as each quantile `bias + x`, moved by ten times the level.
struct Spread(f64, Arc<[Level]>);

impl Model for Spread {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let numbers = rows.number("x")?;
        let row = |row| {
            let levels = self.1.iter();
            levels.map(move |level| self.0 + numbers[row] + 10.0 * level.share())
        };
        Ok(Predictions::Quantiles {
            levels: Arc::clone(&self.1),
            values: rows.iter_rows().flat_map(row).collect(),
        })
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("spread", json!({ "bias": self.0 }))
    }
}

/// Predicts `bias + x`.
struct Numbers(f64);

impl Model for Numbers {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let numbers = rows.number("x")?;
        let values = rows.iter_rows().map(|row| self.0 + numbers[row]);
        Ok(Predictions::Numbers(values.collect()))
    }

    /// All that `x` is, is what it did.
    fn explain(
        &self,
        rows: &TableView<'_>,
        _threads: &Threads,
    ) -> Result<Explanation, ExplainError> {
        let numbers = rows.number("x")?;
        let values = rows.iter_rows().flat_map(|row| [numbers[row], self.0]);
        Ok(Explanation {
            columns: vec!["x".into()],
            n_outputs: 1,
            scale: Scale::Prediction,
            values: values.collect(),
        })
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("numbers", json!({ "bias": self.0 }))
    }
}

/// As wide as the probability is large, up to 0.9.
struct Narrow;

impl Bounds for Narrow {
    fn coverage_max(&self) -> f64 {
        0.9
    }

    fn around(&self, coverage: f64, predictions: &[f64]) -> Option<Vec<[f64; 2]>> {
        let ends = predictions
            .iter()
            .map(|one| [one - coverage, one + coverage]);
        (coverage <= 0.9).then(|| ends.collect())
    }
}

/// The probability of yes is `bias + x`, and one where the word is `yes`; it panics where the word is `panic`, and waits for the
/// file that is named behind `gate:`.
struct Sum(f64);

impl Model for Sum {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let table = rows.table();
        let numbers = table.column("x").and_then(Column::as_number).unwrap();
        let words = table.column("word").and_then(Column::as_text).unwrap();
        let mut values = Vec::new();
        for row in rows.iter_rows() {
            let word = words.get(row).unwrap_or_default();
            assert_ne!(word, "panic");
            if let Some(gate) = word.strip_prefix("gate:") {
                wait_at(Path::new(gate));
            }
            let x = if numbers[row].is_nan() {
                0.0
            } else {
                numbers[row]
            };
            let yes = if word == "yes" {
                1.0
            } else {
                (self.0 + x).clamp(0.0, 1.0)
            };
            values.extend([1.0 - yes, yes]);
        }
        Ok(Predictions::Probabilities {
            n_classes: 2,
            values,
        })
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("sum", json!({ "bias": self.0 }))
    }
}

/// The same, but each call takes so long, however many rows it has.
struct Slow(Sum, Duration);

impl Model for Slow {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        std::thread::sleep(self.1);
        self.0.predict(rows)
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("slow", json!({}))
    }
}

/// Each call takes so long, and says as the probability of yes how many hundredths of calls went on at once so far.
struct Busy {
    takes: Duration,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Busy {
    fn new(takes: Duration) -> Self {
        Self {
            takes,
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }
}

impl Model for Busy {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let most = self.most.fetch_max(now, Ordering::SeqCst).max(now);
        std::thread::sleep(self.takes);
        self.now.fetch_sub(1, Ordering::SeqCst);
        let yes = most as f64 / 100.0;
        Ok(Predictions::Probabilities {
            n_classes: 2,
            values: [1.0 - yes, yes].repeat(rows.n_rows()),
        })
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("busy", json!({}))
    }
}

struct Reader;

impl RowReader for Reader {
    fn start(&self) -> Box<dyn Rows> {
        Box::new(Two::default())
    }

    fn n_bytes(&self, body: &[u8], _form: TableForm) -> Result<u64, String> {
        // A stream says itself what it becomes.
        let text = std::str::from_utf8(body).unwrap_or_default();
        let said = text.split_once("bytes:").map(|(_, rest)| rest.trim());
        Ok(said.and_then(|said| said.parse().ok()).unwrap_or(0))
    }

    fn table(&self, body: Vec<u8>, form: TableForm) -> Result<SentTable, String> {
        // Streams of tests are text behind a mark.
        let text = match form {
            TableForm::Delimited => body,
            TableForm::Arrow => body.strip_prefix(b"stream:").ok_or("no stream")?.to_vec(),
        };
        let text = String::from_utf8(text).map_err(|_odd| "it is no text".to_owned())?;
        let text = text.strip_prefix("sep=,\n").unwrap_or(&text);
        let mut rows = Two::default();
        let mut n_rows = 0;
        let head = text.lines().next().unwrap_or_default();
        let unknown = head
            .split(',')
            .filter(|name| !["x", "word", "y"].contains(name));
        let unknown = unknown.map(str::to_owned).collect();
        for line in text.lines().skip(1) {
            let (x, word) = line.split_once(',').ok_or("a line has no comma")?;
            rows.push(0, Cell::Text(x))?;
            rows.push(1, Cell::Text(word))?;
            n_rows += 1;
        }
        Ok(SentTable {
            table: Box::new(rows).finish(n_rows),
            unknown,
        })
    }
}

#[derive(Default)]
struct Two {
    numbers: Vec<f64>,
    words: Vec<Option<String>>,
}

impl Rows for Two {
    fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<(), String> {
        let odd = || Err(format!("{cell:?} is of another kind"));
        match (column, cell) {
            (0, Cell::Missing) => self.numbers.push(f64::NAN),
            (0, Cell::Integer(value)) => self.numbers.push(value as f64),
            (0, Cell::Number(value)) if value.is_finite() => self.numbers.push(value),
            (0, Cell::Text(text)) => match text.parse() {
                Ok(value) => self.numbers.push(value),
                Err(_) => return odd(),
            },
            (1, Cell::Missing) => self.words.push(None),
            (1, Cell::Text(text)) => self.words.push(Some(text.into())),
            _ => return odd(),
        }
        Ok(())
    }

    fn finish(self: Box<Self>, n_rows: usize) -> Table {
        let words = (0..n_rows).map(|row| self.words[row].as_deref()).collect();
        Table::new(vec![
            ("x".into(), Column::Number(self.numbers)),
            ("word".into(), Column::Text(words)),
        ])
        .unwrap()
    }
}

impl Desk {
    /// Registers a version of `sum` whose manifest says so.
    pub(crate) async fn register(&self, mut manifest: Value) -> i64 {
        if manifest["task"].is_null() {
            manifest["task"] = json!(task_of(&manifest));
            manifest["inputs"] = json!({ "fields": [
                { "name": "x", "kind": "number", "role": "feature" },
                { "name": "word", "kind": "text", "role": "feature" },
            ] });
        }
        let (app, text) = (self.app.clone(), manifest.to_string());
        let registered = tokio::task::spawn_blocking(move || {
            let version = app.db.write(|sql| {
                if registered::get(sql, W, "sum").is_err() {
                    registered::create(sql, W, "sum", None, &[])?;
                }
                let new = versions::NewVersion {
                    name: "sum".into(),
                    source: "files".into(),
                    storage_location: String::new(),
                    ..Default::default()
                };
                let made = versions::create(sql, W, &new)?.version;
                sql.execute(
                    "UPDATE model_versions SET storage_location = 'mlflow-artifacts:/sum/' || version",
                    &[],
                )?;
                Ok::<_, TrackingError>(made)
            });
            let version = version.wait().unwrap();
            let path = format!("sum/{version}/manifest.json");
            let mut file = Cursor::new(text.into_bytes());
            assert!(app.artifacts.copy_from(&path, &mut file).is_ok());
            version
        });
        registered.await.unwrap()
    }

    /// An endpoint `e` with a version of `sum` for each bias, the first of which answers.
    async fn endpoint(biases: &[f64]) -> Self {
        let desk = Self::new();
        desk.api("POST", "", json!({ "name": "e", "max_at_once": 4 }))
            .await;
        for bias in biases {
            let version = desk.register(json!({ "bias": bias })).await;
            desk.api(
                "POST",
                "/e/deploy",
                json!({ "model": format!("sum/{version}") }),
            )
            .await;
        }
        desk
    }

    /// An endpoint `e` with a version of 100 bytes for each bias, on a server whose models may be so many bytes together.
    async fn crowded(n_bytes_max: u64, biases: &[f64]) -> Self {
        let desk = Self::with(|config| config.models.n_bytes_max = Some(n_bytes_max));
        desk.api("POST", "", json!({ "name": "e" })).await;
        for bias in biases {
            let version = desk.register(json!({ "bias": bias, "n_bytes": 100 })).await;
            let body = json!({ "model": format!("sum/{version}") });
            desk.api("POST", "/e/deploy", body).await;
        }
        desk
    }

    /// Of each deployment of `e`, whether its model is in memory.
    async fn in_memory(&self) -> Vec<bool> {
        let shown = self.api("GET", "/e", json!({})).await;
        let deployments = shown["endpoint"]["deployments"].as_array().unwrap();
        let states = deployments.iter().map(|one| one["is_in_memory"].as_bool());
        states.collect::<Option<_>>().unwrap()
    }

    /// A call that must be met.
    async fn api(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.any_api(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn any_api(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/api/endpoints{path}");
        self.call(method, &path, &body).await
    }

    /// A request for predictions, with headers.
    async fn ask(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let answer = self.router().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            headers,
            body: body.to_vec(),
        }
    }

    /// The version that answers one row.
    async fn version_met(&self, headers: &[(&str, &str)]) -> i64 {
        let body = json!({ "rows": [{ "x": 0, "word": "a" }] }).to_string();
        let answer = self.ask("/endpoints/e/predict", headers, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()["version"].as_i64().unwrap()
    }

    /// Lets the server look at the record, as it does every second.
    async fn sync(&self) {
        let fleet = self.app.fleet.clone();
        let looked = tokio::task::spawn_blocking(move || fleet.sync());
        looked.await.unwrap().unwrap();
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }
}
