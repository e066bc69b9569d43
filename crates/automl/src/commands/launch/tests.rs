//! Scripts that a shell takes, and manifests of the shape that Kubernetes asks for.

use super::*;
use crate::cli::{Cli, LaunchVerb, Verb};
use clap::Parser as _;
use serde_json::Value;
use std::path::PathBuf;

fn verb(line: &[&str]) -> LaunchVerb {
    let words = ["automl", "launch"].iter().chain(line);
    match Cli::try_parse_from(words).unwrap().verb {
        Verb::Launch(verb) => *verb,
        _ => unreachable!("the line is of launch"),
    }
}

fn script(line: &[&str]) -> String {
    match verb(line) {
        LaunchVerb::Slurm(args) => slurm::script(&Job::new(&args.job).unwrap(), &args),
        LaunchVerb::Kubernetes(_) => unreachable!("the line is of Slurm"),
    }
}

fn manifest(line: &[&str]) -> Result<Vec<Value>, LaunchError> {
    let LaunchVerb::Kubernetes(args) = verb(line) else {
        unreachable!("the line is of Kubernetes");
    };
    let text = kubernetes::manifest(&Job::new(&args.job)?, &args)?;
    Ok(text
        .split("---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect())
}

/// A configuration on disk, with what YAML could take amiss.
fn config(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("Adult_1.yaml");
    std::fs::write(
        &path,
        "data: {path: 'a b.csv', target: y}\n# \"yes\"\n---x: 1\n",
    )
    .unwrap();
    path
}

/// What a field of a manifest may be: the part of the published schemas (Kubernetes 1.31 `batch/v1` and core `v1`,
/// Kubeflow Trainer 2.2 `TrainJob`) that manifests use.
enum Shape {
    Text,
    Number,
    Flag,
    /// Any keys, with texts.
    Texts,
    /// Keys that may be there, and whether they must.
    Fields(&'static [(&'static str, bool, Shape)]),
    Items(&'static Shape),
}

use Shape::{Fields, Flag, Items, Number, Text, Texts};

const METADATA: Shape = Fields(&[
    ("name", false, Text),
    ("namespace", false, Text),
    ("labels", false, Texts),
]);
const RESOURCES: Shape = Fields(&[("requests", false, Texts), ("limits", false, Texts)]);
const MOUNT: Shape = Fields(&[
    ("name", true, Text),
    ("mountPath", true, Text),
    ("readOnly", false, Flag),
]);
const VOLUME: Shape = Fields(&[
    ("name", true, Text),
    ("configMap", false, Fields(&[("name", true, Text)])),
    (
        "persistentVolumeClaim",
        false,
        Fields(&[("claimName", true, Text)]),
    ),
]);
const VARIABLE: Shape = Fields(&[
    ("name", true, Text),
    ("value", false, Text),
    (
        "valueFrom",
        false,
        Fields(&[("fieldRef", false, Fields(&[("fieldPath", true, Text)]))]),
    ),
]);
const CONTAINER: Shape = Fields(&[
    ("name", true, Text),
    ("image", true, Text),
    ("command", false, Items(&Text)),
    ("env", false, Items(&VARIABLE)),
    ("resources", false, RESOURCES),
    ("volumeMounts", false, Items(&MOUNT)),
    ("workingDir", false, Text),
]);
const POD: Shape = Fields(&[
    ("subdomain", false, Text),
    ("restartPolicy", true, Text),
    ("terminationGracePeriodSeconds", false, Number),
    ("containers", true, Items(&CONTAINER)),
    ("volumes", false, Items(&VOLUME)),
]);
const JOB: Shape = Fields(&[
    ("apiVersion", true, Text),
    ("kind", true, Text),
    ("metadata", true, METADATA),
    (
        "spec",
        true,
        Fields(&[
            ("completionMode", true, Text),
            ("completions", true, Number),
            ("parallelism", true, Number),
            ("backoffLimit", true, Number),
            (
                "template",
                true,
                Fields(&[("metadata", false, METADATA), ("spec", true, POD)]),
            ),
        ]),
    ),
]);
const SERVICE: Shape = Fields(&[
    ("apiVersion", true, Text),
    ("kind", true, Text),
    ("metadata", true, METADATA),
    (
        "spec",
        true,
        Fields(&[
            ("clusterIP", false, Text),
            ("publishNotReadyAddresses", false, Flag),
            ("selector", true, Texts),
            (
                "ports",
                false,
                Items(&Fields(&[("name", false, Text), ("port", true, Number)])),
            ),
        ]),
    ),
]);
const CONFIG_MAP: Shape = Fields(&[
    ("apiVersion", true, Text),
    ("kind", true, Text),
    ("metadata", true, METADATA),
    ("data", true, Texts),
]);
const TRAIN_JOB: Shape = Fields(&[
    ("apiVersion", true, Text),
    ("kind", true, Text),
    ("metadata", true, METADATA),
    (
        "spec",
        true,
        Fields(&[
            (
                "runtimeRef",
                true,
                Fields(&[
                    ("name", true, Text),
                    ("apiGroup", false, Text),
                    ("kind", false, Text),
                ]),
            ),
            (
                "trainer",
                false,
                Fields(&[
                    ("image", false, Text),
                    ("command", false, Items(&Text)),
                    ("env", false, Items(&VARIABLE)),
                    ("numNodes", false, Number),
                    ("numProcPerNode", false, Number),
                    ("resourcesPerNode", false, RESOURCES),
                ]),
            ),
            ("runtimePatches", false, Items(&PATCH)),
        ]),
    ),
]);
/// A patch of a runtime: what of its pods a `TrainJob` may change.
const PATCH: Shape = Fields(&[
    ("manager", true, Text),
    (
        "trainingRuntimeSpec",
        false,
        Fields(&[(
            "template",
            false,
            Fields(&[(
                "spec",
                false,
                Fields(&[("replicatedJobs", false, Items(&PATCHED_JOB))]),
            )]),
        )]),
    ),
]);
const PATCHED_JOB: Shape = Fields(&[
    ("name", true, Text),
    (
        "template",
        false,
        Fields(&[(
            "spec",
            false,
            Fields(&[("template", false, Fields(&[("spec", false, PATCHED_POD)]))]),
        )]),
    ),
]);
const PATCHED_POD: Shape = Fields(&[
    ("volumes", false, Items(&VOLUME)),
    (
        "containers",
        false,
        Items(&Fields(&[
            ("name", true, Text),
            ("volumeMounts", false, Items(&MOUNT)),
        ])),
    ),
]);

fn check(value: &Value, shape: &Shape, path: &str) {
    match shape {
        Text => assert!(value.is_string(), "{path} is {value}"),
        Number => assert!(value.is_u64(), "{path} is {value}"),
        Flag => assert!(value.is_boolean(), "{path} is {value}"),
        Texts => {
            for (key, value) in value.as_object().expect(path) {
                check(value, &Text, &format!("{path}.{key}"));
            }
        }
        Items(shape) => {
            for value in value.as_array().expect(path) {
                check(value, shape, &format!("{path}[]"));
            }
        }
        Fields(fields) => {
            let map = value.as_object().expect(path);
            for (key, value) in map {
                let field = fields.iter().find(|(name, _, _)| name == key);
                let (_, _, shape) = field.unwrap_or_else(|| panic!("{path} has no {key}"));
                check(value, shape, &format!("{path}.{key}"));
            }
            for (name, is_needed, _) in *fields {
                assert!(!is_needed || map.contains_key(*name), "{path} lacks {name}");
            }
        }
    }
}

#[test]
fn an_indexed_job_has_the_shape_that_kubernetes_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    let things = manifest(&[
        "kubernetes",
        config.to_str().unwrap(),
        "--image=registry/automl:1",
        "--nodes=2",
        "--ranks=4",
        "--memory=8G",
        "--volume=data:/data",
        "--folder=/data",
        "--namespace=ml",
        "--",
        "--output=/data/it's",
    ])
    .unwrap();
    for (thing, shape) in things.iter().zip([CONFIG_MAP, SERVICE, JOB]) {
        check(thing, &shape, thing["kind"].as_str().unwrap());
    }
    let text = std::fs::read_to_string(&config).unwrap();
    assert_eq!(things[0]["data"]["Adult_1.yaml"], text.as_str());
    assert_eq!(things[1]["spec"]["clusterIP"], "None");
    let spec = &things[2]["spec"];
    assert_eq!(
        (&spec["completions"], &spec["backoffLimit"]),
        (&json!(4), &json!(12))
    );
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(
        container["command"],
        json!([
            "automl",
            "train",
            "/etc/automl/Adult_1.yaml",
            "--resume",
            "--threads",
            "1",
            "--output=/data/it's"
        ])
    );
    assert_eq!(container["resources"]["limits"]["memory"], "8388608Ki");
    // The ranks find rank 0 by the name that the service gives to the first pod.
    assert_eq!(container["env"][2]["value"], "adult-1-0.adult-1");
    assert_eq!(
        spec["template"]["spec"]["subdomain"],
        things[1]["metadata"]["name"]
    );
}

#[test]
fn a_train_job_has_the_shape_of_kubeflows_definition() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    let things = manifest(&[
        "kubernetes",
        config.to_str().unwrap(),
        "--image=i",
        "--ranks=3",
        "--kind=train-job",
        "--volume=data:/data",
    ])
    .unwrap();
    check(&things[0], &CONFIG_MAP, "ConfigMap");
    check(&things[1], &TRAIN_JOB, "TrainJob");
    let spec = &things[1]["spec"];
    assert_eq!(spec["trainer"]["numNodes"], 3);
    let job =
        &spec["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0];
    let pod = &job["template"]["spec"]["template"]["spec"];
    assert_eq!(
        (&job["name"], &pod["containers"][0]["name"]),
        (&json!("node"), &json!("node"))
    );
    assert_eq!(
        pod["containers"][0]["volumeMounts"][1]["mountPath"],
        "/data"
    );
    assert_eq!(
        pod["volumes"][1]["persistentVolumeClaim"]["claimName"],
        "data"
    );
}

#[test]
fn what_the_runtime_of_a_train_job_says_is_refused_and_taken_by_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    let base = ["kubernetes", config.to_str().unwrap(), "--image=i"];
    for (option, key) in [
        ("--folder=/data", "workingDir"),
        ("--max-restarts=2", "failurePolicy.maxRestarts"),
    ] {
        let line = [&base[..], &[option, "--kind=train-job"]].concat();
        let error = manifest(&line).unwrap_err();
        let name = option.split('=').next().unwrap();
        assert_eq!(
            error.to_string(),
            format!("a TrainJob has no {name}: its runtime says it")
        );
        let hint = automl_core::Coded::hint(&error).unwrap();
        assert!(hint.contains(key), "{hint}");
        let things = manifest(&[&base[..], &[option]].concat()).unwrap();
        check(&things[2], &JOB, "Job");
    }
}

#[test]
fn gpus_are_asked_for_and_the_ranks_are_told_to_train_on_them() {
    let text = script(&["slurm", "a.yaml", "--nodes=2", "--ranks=8", "--gpus=1"]);
    for line in [
        // Four ranks a machine.
        "#SBATCH --gres=gpu:4",
        "    srun --kill-on-bad-exit=1 --cpus-per-task=1 automl train a.yaml --resume --threads 1 --device cuda",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    for kind in ["--kind=job", "--kind=train-job"] {
        let line = [
            "kubernetes",
            config.to_str().unwrap(),
            "--image=i",
            "--gpus=2",
            kind,
        ];
        let things = manifest(&line).unwrap();
        let spec = &things.last().unwrap()["spec"];
        let (container, resources) = match kind {
            "--kind=job" => (&spec["template"]["spec"]["containers"][0], "resources"),
            _ => (&spec["trainer"], "resourcesPerNode"),
        };
        for part in ["requests", "limits"] {
            assert_eq!(container[resources][part]["nvidia.com/gpu"], "2", "{kind}");
        }
        let words = container["command"].as_array().unwrap();
        assert!(
            words.ends_with(&[json!("--device"), json!("cuda")]),
            "{words:?}"
        );
    }
    // What is said of the device is left as it is.
    for said in [&["--device", "auto"][..], &["--device=cuda:1"]] {
        let line = [&["slurm", "a.yaml", "--gpus=1", "--"][..], said].concat();
        assert!(!script(&line).contains("--device cuda "), "{said:?}");
        assert_eq!(script(&line).matches("--device").count(), 1, "{said:?}");
    }
}

#[test]
fn a_model_that_would_end_with_the_pod_of_rank_0_is_told_of() {
    let lost = |line: &[&str]| {
        let line = [&["kubernetes", "a.yaml", "--image=i"][..], line].concat();
        let LaunchVerb::Kubernetes(args) = verb(&line) else {
            unreachable!("the line is of Kubernetes");
        };
        kubernetes::lost_output(&args)
    };
    let told = lost(&[]).expect("there is no volume");
    assert!(
        told.starts_with(
            "the model and its checkpoints go to automl-model, which is in no --volume"
        ),
        "{told}"
    );
    let volume = "--volume=data:/data";
    for line in [
        &[volume][..],
        &[volume, "--", "--output", "/database/m"],
        &[volume, "--folder=/work"],
    ] {
        assert!(lost(line).is_some(), "{line:?}");
    }
    for line in [
        &[volume, "--folder=/data"][..],
        &[volume, "--", "--output", "/data/m"],
        &[volume, "--folder=/work", "--", "-o=/data/m"],
    ] {
        assert_eq!(lost(line), None, "{line:?}");
    }
}

#[test]
fn a_script_is_one_that_a_shell_reads_and_its_ranks_start_again() {
    let text = script(&[
        "slurm",
        "my config.yaml",
        "--nodes=2",
        "--ranks=8",
        "--cores=4",
        "--memory=2G",
        "--time=1d2h",
        "--partition=gpu",
        "--max-restarts=1",
    ]);
    for line in [
        "#SBATCH --nodes=2",
        "#SBATCH --ntasks-per-node=4",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=8388608K",
        "#SBATCH --time=1-02:00:00",
        "#SBATCH --signal=TERM@60",
        "#SBATCH --partition=gpu",
        "    srun --kill-on-bad-exit=1 --cpus-per-task=4 automl train 'my config.yaml' --resume --threads 4",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    // With programs in place of Slurm's: the first start fails, the second does its work.
    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, body: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("scontrol", "echo node1; echo node2");
    program(
        "srun",
        "echo \"$MASTER_ADDR:$MASTER_PORT\"\ntest -e \"$STATE\" && exit \"$LATER\"\ntouch \"$STATE\"\nexit 1",
    );
    let run = |state: &str, later: &str| {
        let mut shell = Command::new("bash");
        shell.args(["-c", &text]);
        shell.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
        shell
            .env("SLURM_JOB_ID", "17")
            .env("SLURM_JOB_NODELIST", "node[1-2]");
        shell
            .env("STATE", folder.path().join(state))
            .env("LATER", later);
        let output = shell.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(
        run("a", "0"),
        (Some(0), "node1:15017\nnode1:15017\n".into())
    );
    // One restart is allowed, no second one.
    assert_eq!(run("b", "1").0, Some(1));
    assert_eq!(run("c", "2").0, Some(2));
}

#[test]
fn jobs_that_cannot_be_are_refused() {
    let text = |line: &[&str]| manifest(line).unwrap_err().to_string();
    let base = ["kubernetes", "no-such.yaml", "--image=i"];
    let with = |more: &[&'static str]| text(&[&base[..], more].concat());
    assert_eq!(
        with(&["--nodes=2", "--ranks=3"]),
        "3 ranks cannot be dealt evenly to 2 machines"
    );
    assert_eq!(
        with(&["--name=Big_Job"]),
        "'Big_Job' cannot be the name of a job of Kubernetes"
    );
    assert_eq!(with(&["--memory=lots"]), "'lots' is not a size of memory");
    assert_eq!(with(&[]), "cannot read the configuration: no-such.yaml");
}
