//! Other servers: one of MLflow as something to move in from, read by its REST protocol, and one of ours with studies that
//! workers here join.

mod http;
mod studies;

pub use http::Credentials;
pub use studies::StudyServer;

use automl_store::artifact_uri::ArtifactPlace;
use automl_store::moving::{
    Experiment, ImportError, LoggedModel, Owner, OwnerKind, RegisteredModel, Run, Source,
};
use automl_store::registry::ModelVersion;
use automl_store::tracking::KeyValue;
use automl_store::tracking::inputs::{Dataset, DatasetInput, ModelLink};
use automl_store::tracking::log::Metric;
use automl_store::tracking::logged_models::Status;
use http::Server;
use serde_json::{Value, json};
use std::io::Read;

const API: &str = "/api/2.0/mlflow";
const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// What is asked for at once.
const PAGE: u64 = 1000;
const POINTS_A_PAGE: &str = "25000";
const MODELS_A_PAGE: u64 = 50;

/// A server of MLflow's tracking and registry protocol.
pub struct ServerSource {
    server: Server,
    place: String,
}

impl ServerSource {
    /// Asks a server whether it is one.
    ///
    /// # Errors
    /// If it cannot be reached, refuses the credentials or is no server of MLflow.
    pub fn open(url: &str, credentials: &Credentials) -> Result<Self, ImportError> {
        let server = Server::new(url, credentials);
        let place = url.rsplit('@').next().unwrap_or(url).to_owned();
        let asked = server.post(
            &format!("{API}/experiments/search"),
            &json!({ "max_results": 1 }),
        );
        match asked {
            Ok(_) => Ok(Self { server, place }),
            Err(ImportError::Refused { status, reason, .. }) if !matches!(status, 401 | 403) => {
                let reason = format!("the server answered {status} {reason}");
                Err(ImportError::NotAStore { place, reason })
            }
            Err(ImportError::Malformed { reason, .. }) => {
                Err(ImportError::NotAStore { place, reason })
            }
            Err(error) => Err(error),
        }
    }

    /// All items of a search, page by page.
    fn pages(&self, path: &str, name: &str, mut body: Value) -> Result<Vec<Value>, ImportError> {
        let mut items = Vec::new();
        loop {
            let mut answer = self.server.post(&format!("{API}{path}"), &body)?;
            items.extend(list(&mut answer, name));
            match text(&answer, "next_page_token") {
                Some(token) if !token.is_empty() => body["page_token"] = token.into(),
                _ => return Ok(items),
            }
        }
    }

    /// The same, for searches by GET.
    fn query_pages(
        &self,
        path: &str,
        name: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<Value>, ImportError> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = query.to_vec();
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let mut answer = self.server.get(&format!("{API}{path}"), &query)?;
            items.extend(list(&mut answer, name));
            match text(&answer, "next_page_token") {
                Some(next) if !next.is_empty() => token = next,
                _ => return Ok(items),
            }
        }
    }

    fn wrong(&self, what: &str) -> ImportError {
        ImportError::Malformed {
            place: self.place.clone(),
            reason: format!("an answer has no {what}"),
        }
    }

    fn needed(&self, value: &Value, name: &str) -> Result<String, ImportError> {
        text(value, name).ok_or_else(|| self.wrong(name))
    }

    fn ids(&self, items: &[Value], path: [&str; 2]) -> Result<Vec<String>, ImportError> {
        items
            .iter()
            .map(|item| self.needed(&item[path[0]], path[1]))
            .collect()
    }

    /// The whole history of a run's metrics.
    fn history(&self, run: &str, keys: &[String]) -> Result<Vec<Metric>, ImportError> {
        let mut points = Vec::new();
        for key in keys {
            let query = [
                ("run_id", run),
                ("metric_key", key),
                ("max_results", POINTS_A_PAGE),
            ];
            for point in self.query_pages("/metrics/get-history", "metrics", &query)? {
                points.push(metric(&point).ok_or_else(|| self.wrong("value of a metric"))?);
            }
        }
        Ok(points)
    }

    fn datasets(&self, inputs: &mut Value) -> Result<Vec<DatasetInput>, ImportError> {
        let input = |input: Value| {
            let dataset = &input["dataset"];
            Ok(DatasetInput {
                dataset: Dataset {
                    name: self.needed(dataset, "name")?,
                    digest: self.needed(dataset, "digest")?,
                    source_type: self.needed(dataset, "source_type")?,
                    source: self.needed(dataset, "source")?,
                    schema: text(dataset, "schema"),
                    profile: text(dataset, "profile"),
                },
                tags: pairs(&input["tags"]),
            })
        };
        list(inputs, "dataset_inputs")
            .into_iter()
            .map(input)
            .collect()
    }

    fn version(&self, value: &Value) -> Result<ModelVersion, ImportError> {
        let (name, version) = (self.needed(value, "name")?, self.needed(value, "version")?);
        let source = text(value, "source").unwrap_or_default();
        let query = [("name", name.as_str()), ("version", version.as_str())];
        let download = self
            .server
            .get(&format!("{API}/model-versions/get-download-uri"), &query)?;
        let some = |name: &str| text(value, name).filter(|text| !text.is_empty());
        let version = version.parse();
        Ok(ModelVersion {
            name,
            version: version.map_err(|_not_a_number| self.wrong("number of a version"))?,
            created_ms: int(value, "creation_timestamp").unwrap_or(0),
            updated_ms: int(value, "last_updated_timestamp").unwrap_or(0),
            description: some("description"),
            user_id: some("user_id"),
            stage: some("current_stage").unwrap_or_else(|| "None".into()),
            storage_location: text(&download, "artifact_uri").unwrap_or_else(|| source.clone()),
            source,
            run_id: some("run_id"),
            run_link: some("run_link"),
            model_id: some("model_id"),
            tags: pairs(&value["tags"]),
            aliases: Vec::new(),
        })
    }

    /// What lies in a folder of an owner's artifacts, with paths below the owner's root.
    fn entries(&self, owner: Owner<'_>, below: &str) -> Result<Vec<(String, bool)>, ImportError> {
        let entries = if let Some(root) = proxied(owner.uri) {
            let path = if below.is_empty() {
                root
            } else {
                format!("{root}/{below}")
            };
            let mut answer = self.server.get(PROXY, &[("path", &path)])?;
            let entries = list(&mut answer, "files");
            let inside = |entry: &Value| {
                let name = text(entry, "path")?;
                let name = name.rsplit('/').next()?.to_owned();
                Some(if below.is_empty() {
                    name
                } else {
                    format!("{below}/{name}")
                })
            };
            entries
                .iter()
                .map(|entry| (inside(entry), is_dir(entry)))
                .collect()
        } else {
            let mut answer = match owner.kind {
                OwnerKind::Run => {
                    let query = [("run_id", owner.id), ("path", below)];
                    let n_used = if below.is_empty() { 1 } else { 2 };
                    self.server
                        .get(&format!("{API}/artifacts/list"), &query[..n_used])?
                }
                OwnerKind::Model => {
                    let query = [("artifact_directory_path", below)];
                    let n_used = usize::from(!below.is_empty());
                    let path = format!("{API}/logged-models/{}/artifacts/directories", owner.id);
                    self.server.get(&path, &query[..n_used])?
                }
            };
            let entries = list(&mut answer, "files");
            let entries = entries
                .iter()
                .map(|entry| (text(entry, "path"), is_dir(entry)));
            entries.collect::<Vec<_>>()
        };
        let named = |(path, is_dir): (Option<String>, bool)| {
            let path: String = path.ok_or_else(|| self.wrong("path of an artifact"))?;
            Ok((path, is_dir))
        };
        entries.into_iter().map(named).collect()
    }
}

impl Source for ServerSource {
    fn experiments(&mut self) -> Result<Vec<Experiment>, ImportError> {
        let body = json!({ "max_results": PAGE, "view_type": "ALL" });
        let items = self.pages("/experiments/search", "experiments", body)?;
        let experiment = |item: &Value| {
            Ok(Experiment {
                id: self.needed(item, "experiment_id")?,
                name: self.needed(item, "name")?,
                is_deleted: is_deleted(item),
                created_ms: int(item, "creation_time").unwrap_or(0),
                updated_ms: int(item, "last_update_time").unwrap_or(0),
                tags: pairs(&item["tags"]),
            })
        };
        items.iter().map(experiment).collect()
    }

    fn runs(&mut self, experiment: &str) -> Result<Vec<String>, ImportError> {
        let body = json!({
            "experiment_ids": [experiment], "max_results": PAGE, "run_view_type": "ALL",
            "order_by": ["attributes.start_time ASC"],
        });
        let items = self.pages("/runs/search", "runs", body)?;
        self.ids(&items, ["info", "run_id"])
    }

    fn run(&mut self, _experiment: &str, id: &str) -> Result<Run, ImportError> {
        let mut answer = self
            .server
            .get(&format!("{API}/runs/get"), &[("run_id", id)])?;
        let mut run = answer["run"].take();
        let metrics = list(&mut run["data"], "metrics");
        let keys: Vec<String> = metrics
            .iter()
            .filter_map(|metric| text(metric, "key"))
            .collect();
        let info = &run["info"];
        Ok(Run {
            id: id.to_owned(),
            name: text(info, "run_name").unwrap_or_default(),
            user_id: text(info, "user_id").unwrap_or_default(),
            status: self.needed(info, "status")?,
            start_ms: int(info, "start_time"),
            end_ms: int(info, "end_time"),
            is_deleted: is_deleted(info),
            deleted_ms: None,
            artifact_uri: self.needed(info, "artifact_uri")?,
            params: pairs(&run["data"]["params"]),
            tags: pairs(&run["data"]["tags"]),
            metrics: self.history(id, &keys)?,
            models_in: links(&run["inputs"]["model_inputs"]),
            models_out: links(&run["outputs"]["model_outputs"]),
            datasets: self.datasets(&mut run["inputs"])?,
        })
    }

    fn models(&mut self, experiment: &str) -> Result<Vec<String>, ImportError> {
        let body = json!({ "experiment_ids": [experiment], "max_results": MODELS_A_PAGE });
        let items = match self.pages("/logged-models/search", "models", body) {
            // Servers before 3.0 have none.
            Err(ImportError::Refused { status: 404, .. }) => Vec::new(),
            items => items?,
        };
        self.ids(&items, ["info", "model_id"])
    }

    fn model(&mut self, _experiment: &str, id: &str) -> Result<LoggedModel, ImportError> {
        let mut answer = self.server.get(&format!("{API}/logged-models/{id}"), &[])?;
        let mut model = answer["model"].take();
        let points = list(&mut model["data"], "metrics");
        let info = &model["info"];
        let status = self.needed(info, "status")?;
        let point = |point: &Value| {
            let mut metric = metric(point).ok_or_else(|| self.wrong("value of a metric"))?;
            metric.dataset_name = text(point, "dataset_name");
            metric.dataset_digest = text(point, "dataset_digest");
            Ok((metric, text(point, "run_id").unwrap_or_default()))
        };
        Ok(LoggedModel {
            id: id.to_owned(),
            name: self.needed(info, "name")?,
            artifact_uri: self.needed(info, "artifact_uri")?,
            created_ms: int(info, "creation_timestamp_ms").unwrap_or(0),
            updated_ms: int(info, "last_updated_timestamp_ms").unwrap_or(0),
            status: Status::of_wire(&status).ok_or_else(|| self.wrong("known status"))?,
            status_message: text(info, "status_message"),
            model_type: text(info, "model_type").filter(|kind| !kind.is_empty()),
            source_run_id: text(info, "source_run_id").filter(|id| !id.is_empty()),
            params: pairs(&model["data"]["params"]),
            tags: pairs(&info["tags"]),
            metrics: points
                .iter()
                .map(point)
                .collect::<Result<_, ImportError>>()?,
        })
    }

    fn registered(&mut self) -> Result<Vec<String>, ImportError> {
        let query = [("max_results", "1000")];
        let items = self.query_pages("/registered-models/search", "registered_models", &query)?;
        items.iter().map(|item| self.needed(item, "name")).collect()
    }

    fn registered_model(&mut self, name: &str) -> Result<RegisteredModel, ImportError> {
        let mut answer = self
            .server
            .get(&format!("{API}/registered-models/get"), &[("name", name)])?;
        let mut model = answer["registered_model"].take();
        let filter = format!("name='{}'", name.replace('\'', "''"));
        let query = [("filter", filter.as_str()), ("max_results", "1000")];
        let items = self.query_pages("/model-versions/search", "model_versions", &query)?;
        let mut versions = items
            .iter()
            .map(|item| self.version(item))
            .collect::<Result<Vec<_>, _>>()?;
        versions.sort_by_key(|version| version.version);
        let aliases = list(&mut model, "aliases");
        let alias = |alias: &Value| Some((text(alias, "alias")?, int(alias, "version")?));
        Ok(RegisteredModel {
            name: name.to_owned(),
            description: text(&model, "description").filter(|text| !text.is_empty()),
            created_ms: int(&model, "creation_timestamp").unwrap_or(0),
            updated_ms: int(&model, "last_updated_timestamp").unwrap_or(0),
            tags: pairs(&model["tags"]),
            aliases: aliases.iter().filter_map(alias).collect(),
            versions,
        })
    }

    fn files(&mut self, owner: Owner<'_>) -> Result<Option<Vec<String>>, ImportError> {
        let mut found = Vec::new();
        let mut waiting = vec![String::new()];
        while let Some(below) = waiting.pop() {
            for (path, is_dir) in self.entries(owner, &below)? {
                if is_dir {
                    waiting.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(Some(found))
    }

    fn open(&mut self, owner: Owner<'_>, path: &str) -> Result<Box<dyn Read>, ImportError> {
        if let Some(root) = proxied(owner.uri) {
            let whole = format!("{PROXY}/{}", encoded(&format!("{root}/{path}")));
            return self.server.download(&whole, &[]);
        }
        match owner.kind {
            OwnerKind::Run => {
                let query = [("run_id", owner.id), ("path", path)];
                self.server.download("/get-artifact", &query)
            }
            OwnerKind::Model => {
                let route = format!(
                    "/ajax-api/2.0/mlflow/logged-models/{}/artifacts/files",
                    owner.id
                );
                self.server
                    .download(&route, &[("artifact_file_path", path)])
            }
        }
    }
}

/// The path behind the server's own artifacts, if a URI is of them.
fn proxied(uri: &str) -> Option<String> {
    let is_proxied = uri.starts_with("mlflow-artifacts:") || uri.starts_with("http");
    match ArtifactPlace::of(uri) {
        Some(ArtifactPlace::Here(path)) if is_proxied => Some(path),
        _ => None,
    }
}

/// A path as it stands in a URL.
fn encoded(path: &str) -> String {
    let letter = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    path.bytes().map(letter).collect()
}

fn list(value: &mut Value, name: &str) -> Vec<Value> {
    match value.get_mut(name).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whole numbers may be texts.
fn int(value: &Value, name: &str) -> Option<i64> {
    text(value, name)?.parse().ok()
}

fn is_deleted(value: &Value) -> bool {
    text(value, "lifecycle_stage").is_some_and(|stage| stage == "deleted")
}

fn is_dir(entry: &Value) -> bool {
    entry
        .get("is_dir")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

fn pairs(value: &Value) -> Vec<KeyValue> {
    let pair = |pair: &Value| {
        Some(KeyValue {
            key: text(pair, "key")?,
            value: text(pair, "value").unwrap_or_default(),
        })
    };
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(pair)
        .collect()
}

fn links(value: &Value) -> Vec<ModelLink> {
    let link = |link: &Value| {
        Some(ModelLink {
            model_id: text(link, "model_id")?,
            step: int(link, "step").unwrap_or(0),
        })
    };
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(link)
        .collect()
}

/// A point; NaN and infinities are texts.
fn metric(value: &Value) -> Option<Metric> {
    let number = value.get("value")?;
    let number = match number.as_f64() {
        Some(number) => number,
        None => number.as_str()?.parse().ok()?,
    };
    Some(Metric {
        key: text(value, "key")?,
        value: number,
        timestamp_ms: int(value, "timestamp")?,
        step: int(value, "step").unwrap_or(0),
        ..Metric::default()
    })
}
