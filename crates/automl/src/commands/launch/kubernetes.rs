//! A manifest for Kubernetes: an Indexed Job with a service by which its ranks find one another, or a `TrainJob`.
//!
//! Texts of the manifest are JSON strings, which YAML reads as they are.

use super::{Job, option};
use crate::cli::{KubernetesArgs, ManifestKind};
use crate::errors::LaunchError;
use serde_json::{Value, json};
use std::path::Path;

/// Where ranks see the configuration.
const CONFIG_FOLDER: &str = "/etc/automl";
/// Where rank 0 listens.
const PORT: u16 = 29_500;
/// The annotation that holds the index of a pod.
const INDEX: &str = "metadata.annotations['batch.kubernetes.io/job-completion-index']";

/// The manifest, one document a thing.
pub(super) fn manifest(job: &Job<'_>, args: &KubernetesArgs) -> Result<String, LaunchError> {
    let name = name(job)?;
    let mut things = vec![config_map(job, args, &name)?];
    match args.kind {
        ManifestKind::Job => things.extend([service(args, &name), indexed_job(job, args, &name)]),
        ManifestKind::TrainJob => {
            check_train_job(job, args)?;
            things.push(train_job(job, args, &name));
        }
    }
    let documents: Vec<String> = things.iter().map(|thing| yaml(thing, 0)).collect();
    Ok(documents.join("---\n"))
}

/// The job's name, which becomes a part of names of machines: small letters, digits and dashes.
fn name(job: &Job<'_>) -> Result<String, LaunchError> {
    // The name of a pod adds a dash and its index to it, of 63 letters in all.
    const MAX: usize = 52;
    let name = if job.args.name.is_some() {
        job.name.clone()
    } else {
        job.name.to_lowercase().replace(['_', '.', ' '], "-")
    };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && name.len() <= MAX && name.chars().all(is_plain) && !name.ends_with('-') {
        Ok(name)
    } else {
        Err(LaunchError::Name { name })
    }
}

fn metadata(args: &KubernetesArgs, name: &str) -> Value {
    let mut metadata = json!({
        "name": name,
        "labels": { "app.kubernetes.io/name": "automl", "app.kubernetes.io/instance": name },
    });
    if let Some(namespace) = &args.namespace {
        metadata["namespace"] = json!(namespace);
    }
    metadata
}

fn config_map(job: &Job<'_>, args: &KubernetesArgs, name: &str) -> Result<Value, LaunchError> {
    let mut files = serde_json::Map::new();
    for path in &job.args.config {
        let text = std::fs::read_to_string(path).map_err(|source| LaunchError::Config {
            path: path.clone(),
            source,
        })?;
        let file = file_name(path);
        if files.insert(file.clone(), json!(text)).is_some() {
            return Err(LaunchError::SameFile { name: file });
        }
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(args, name),
        "data": files,
    }))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Gives every rank a name before it is ready: ranks wait for one another before they are.
fn service(args: &KubernetesArgs, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(args, name),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": true,
            "selector": { "batch.kubernetes.io/job-name": name },
            "ports": [{ "name": "ranks", "port": PORT }],
        },
    })
}

/// What the ranks see, and where: the configuration and the volumes.
fn volumes(args: &KubernetesArgs, name: &str) -> (Vec<Value>, Vec<Value>) {
    let mut volumes = vec![json!({ "name": "config", "configMap": { "name": name } })];
    let mut mounts =
        vec![json!({ "name": "config", "mountPath": CONFIG_FOLDER, "readOnly": true })];
    for (index, (claim, path)) in args.volume.iter().enumerate() {
        let volume = format!("volume-{index}");
        volumes.push(json!({ "name": volume, "persistentVolumeClaim": { "claimName": claim } }));
        mounts.push(json!({ "name": volume, "mountPath": path }));
    }
    (volumes, mounts)
}

fn indexed_job(job: &Job<'_>, args: &KubernetesArgs, name: &str) -> Value {
    let ranks = job.ranks;
    let variables = json!([
        { "name": "RANK", "valueFrom": { "fieldRef": { "fieldPath": INDEX } } },
        { "name": "WORLD_SIZE", "value": ranks.to_string() },
        { "name": "MASTER_ADDR", "value": format!("{name}-0.{name}") },
        { "name": "MASTER_PORT", "value": PORT.to_string() },
        { "name": "AUTOML_JOB_ID", "value": name },
    ]);
    let (volumes, mounts) = volumes(args, name);
    let mut container = json!({
        "name": "rank",
        "image": args.image,
        "command": command(job),
        "env": variables,
        "resources": { "requests": resources(job), "limits": resources(job) },
        "volumeMounts": mounts,
    });
    if let Some(folder) = &args.folder {
        container["workingDir"] = json!(folder);
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(args, name),
        "spec": {
            "completionMode": "Indexed",
            "completions": ranks,
            "parallelism": ranks,
            // When one rank dies, all end and start again: each counts.
            "backoffLimit": ranks.saturating_mul(job.max_restarts()),
            "template": {
                "metadata": { "labels": metadata(args, name)["labels"] },
                "spec": {
                    "subdomain": name,
                    "restartPolicy": "OnFailure",
                    // Time to write a checkpoint when a machine is given up.
                    "terminationGracePeriodSeconds": 60,
                    "containers": [container],
                    "volumes": volumes,
                },
            },
        },
    })
}

/// Refuses what a `TrainJob` has no field for.
fn check_train_job(job: &Job<'_>, args: &KubernetesArgs) -> Result<(), LaunchError> {
    let of_runtime = [
        (
            args.folder.is_some(),
            "--folder",
            "workingDir of its container 'node'",
        ),
        (
            job.args.max_restarts.is_some(),
            "--max-restarts",
            "spec.template.spec.failurePolicy.maxRestarts",
        ),
    ];
    match of_runtime.into_iter().find(|(is_said, ..)| *is_said) {
        Some((_, option, key)) => Err(LaunchError::OfRuntime { option, key }),
        None => Ok(()),
    }
}

/// A word on a model and checkpoints that end with the pod of rank 0, as they are in no volume that is named.
pub(super) fn lost_output(args: &KubernetesArgs) -> Option<String> {
    let output = option(&args.job.options, &["--output", "-o"]).unwrap_or("automl-model");
    let folder = args.folder.as_deref().unwrap_or_default();
    let place = Path::new(folder).join(output);
    let is_kept = args.volume.iter().any(|(_, path)| place.starts_with(path));
    (!is_kept).then(|| {
        let place = place.display();
        format!(
            "the model and its checkpoints go to {place}, which is in no --volume: they end with the pod of rank 0; \
             say --volume CLAIM:/PATH and, after --, --output /PATH/NAME"
        )
    })
}

/// Kubeflow's trainer numbers its machines and says where the first one is; one rank runs on each.
fn train_job(job: &Job<'_>, args: &KubernetesArgs, name: &str) -> Value {
    let (volumes, mounts) = volumes(args, name);
    let pods = json!({ "template": { "spec": {
        "volumes": volumes,
        "containers": [{ "name": "node", "volumeMounts": mounts }],
    } } });
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": metadata(args, name),
        "spec": {
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org",
                "kind": "ClusterTrainingRuntime",
                "name": args.runtime,
            },
            "trainer": {
                "image": args.image,
                "command": command(job),
                "env": [{ "name": "AUTOML_JOB_ID", "value": name }],
                "numNodes": job.ranks,
                "numProcPerNode": 1,
                "resourcesPerNode": { "requests": resources(job), "limits": resources(job) },
            },
            "runtimePatches": [{
                "manager": "automl",
                "trainingRuntimeSpec": { "template": { "spec": {
                    "replicatedJobs": [{ "name": "node", "template": { "spec": pods } }],
                } } },
            }],
        },
    })
}

fn command(job: &Job<'_>) -> Vec<String> {
    job.command(|path| format!("{CONFIG_FOLDER}/{}", file_name(path)))
}

fn resources(job: &Job<'_>) -> Value {
    let mut resources = json!({ "cpu": job.args.cores.to_string() });
    if let Some(bytes) = job.memory {
        resources["memory"] = json!(format!("{}Ki", bytes.div_ceil(1 << 10)));
    }
    if let Some(gpus) = job.args.gpus {
        resources["nvidia.com/gpu"] = json!(gpus.to_string());
    }
    resources
}

/// A value as YAML in blocks, its lines moved in by so many steps.
fn yaml(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let nested = |value: &Value, depth: usize| match value {
        Value::Object(map) if !map.is_empty() => format!("\n{}", yaml(value, depth)),
        Value::Array(items) if !items.is_empty() => format!("\n{}", yaml(value, depth)),
        plain => format!(" {plain}\n"),
    };
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| format!("{indent}{}:{}", key_text(key), nested(value, depth + 1)))
            .collect::<Vec<_>>()
            .concat(),
        Value::Array(items) => items
            .iter()
            // The first line of an item stands behind the dash.
            .map(|item| format!("{indent}- {}", yaml(item, depth + 1).trim_start()))
            .collect::<Vec<_>>()
            .concat(),
        plain => format!("{indent}{plain}\n"),
    }
}

/// A key, in quotes where it is more than a word.
fn key_text(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(is_plain) {
        key.to_owned()
    } else {
        json!(key).to_string()
    }
}
