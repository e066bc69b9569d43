//! What verbs write down of themselves, and what can be asked of it.

use crate::harness::{BINARY, Desk, Outcome, churn_model};
use automl_store::tracking::experiments::{self, DEFAULT_WORKSPACE};
use automl_store::tracking::{Stage, TrackingError};
use automl_store::workspace::Workspace;
use serde_json::Value;

/// A desk where verbs record.
struct Recorded(Desk);

impl Recorded {
    fn new() -> Self {
        Self(Desk::new())
    }

    fn run(&self, arguments: &str) -> Outcome {
        self.run_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    fn run_with(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.0.command(BINARY);
        command.env_remove("AUTOML_NO_RECORD").env("USER", "ada");
        let output = command.args(arguments).output().expect("the binary starts");
        Outcome {
            exit_code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn ok(&self, arguments: &str) -> String {
        let outcome = self.run(arguments);
        assert_eq!(
            outcome.exit_code,
            Some(0),
            "automl {arguments}\n{}",
            outcome.stderr
        );
        outcome.stdout
    }

    fn json(&self, arguments: &str) -> Value {
        let line = format!("{arguments} --format json");
        serde_json::from_str(&self.ok(&line)).expect("JSON")
    }

    fn refused(&self, arguments: &str, code: &str) {
        let outcome = self.run(arguments);
        assert_eq!(
            outcome.exit_code,
            Some(2),
            "automl {arguments}\n{}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.starts_with(&format!("error[{code}]")),
            "{}",
            outcome.stderr
        );
    }
}

/// Fit, predict, evaluate and register, once for the questions of one test.
fn story() -> Recorded {
    let desk = Recorded::new();
    desk.ok("fit datasets/churn.csv --target churned --max-trials 3 --quality fast --holdout 0.3 --output model --experiment churn --run-name first");
    desk.ok("predict model datasets/churn_test.csv --output predictions.csv");
    desk.ok("evaluate model datasets/churn_test.csv");
    desk.ok("models register churn model --alias champion");
    desk
}

#[test]
fn every_verb_is_a_run_with_what_it_took_and_gave() {
    let desk = story();
    let runs = desk.json("runs list");
    let runs = runs.as_array().unwrap();
    let verbs: Vec<&str> = runs
        .iter()
        .map(|run| run["tags"]["automl.verb"].as_str().unwrap())
        .collect();
    assert_eq!(verbs, ["evaluate", "predict", "fit"]);
    let [evaluate, predict, fit] = [&runs[0], &runs[1], &runs[2]];
    for run in runs {
        assert_eq!(
            (run["status"].as_str(), run["user"].as_str()),
            (Some("FINISHED"), Some("ada"))
        );
        assert!(run["end_ms"].as_i64() >= run["start_ms"].as_i64());
    }
    assert_eq!(fit["name"], "first");
    assert_eq!(fit["params"]["columns.target"], "churned");
    assert!(fit["metrics"]["roc_auc"].as_f64().unwrap() > 0.7);
    assert_eq!(fit["datasets"][0]["context"], "training");
    assert_eq!(fit["models_made"], predict["models_read"]);
    assert_eq!(fit["models_made"], evaluate["models_read"]);
    assert_eq!(predict["metrics"]["n_rows"], 300.0);
    assert!(evaluate["metrics"]["roc_auc"].is_number());
    let command = fit["tags"]["automl.command"].as_str().unwrap();
    assert!(
        command.starts_with("automl fit datasets/churn.csv --target churned"),
        "{command}"
    );

    let all = desk.json("runs list --all --experiment churn");
    let trials: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["tags"]["mlflow.parentRunId"] == fit["run_id"])
        .collect();
    assert_eq!(trials.len(), 3);
    assert!(
        trials
            .iter()
            .all(|trial| trial["metrics"]["roc_auc"].is_number())
    );
    assert!(
        trials
            .iter()
            .any(|trial| trial["params"]["learner"].is_string())
    );
}

#[test]
fn predictions_lead_back_to_the_data_and_forward_from_it() {
    let desk = story();
    let back = desk.json("lineage predictions.csv");
    let titles = |graph: &Value| -> Vec<String> {
        let nodes = graph["nodes"].as_array().unwrap().iter();
        nodes
            .map(|found| {
                format!(
                    "{} {}",
                    found["distance"],
                    found["about"]["title"].as_str().unwrap()
                )
            })
            .collect()
    };
    let found = titles(&back);
    assert_eq!(found[0], "-4 churn.csv");
    assert_eq!(found.last().unwrap(), "0 predictions.csv");
    let forward = titles(&desk.json("lineage datasets/churn.csv"));
    for expected in ["0 churn.csv", "1 first", "3 churn/1", "4 predictions.csv"] {
        assert!(
            forward.iter().any(|title| title == expected),
            "{expected} in {forward:?}"
        );
    }
    // A model directory is the model that its run made.
    assert!(titles(&desk.json("lineage model")).contains(&"0 churned".to_owned()));
    desk.refused("lineage nothing-of-this-name", "record-missing");
}

#[test]
fn a_composed_version_leads_to_its_models_and_their_data() {
    let desk = story();
    desk.0.write(
        "both.yaml",
        "steps:\n  - name: both\n    mean: [churn/1, {model: churn/1, weight: 2}]\n",
    );
    desk.ok("models compose both both.yaml");
    let graph = desk.json("lineage both/1");
    let nodes = graph["nodes"].as_array().unwrap();
    let text = |title: &str| nodes.iter().any(|node| node["about"]["title"] == title);
    assert!(text("churn.csv"), "{graph}");
    let model = nodes.iter().find(|node| node["distance"] == -3).unwrap();
    assert!(
        model["about"]["detail"]
            .as_str()
            .unwrap()
            .contains("churn/1"),
        "{graph}"
    );
}

#[test]
fn data_is_known_by_its_content_whatever_reads_it_and_whatever_it_is_called() {
    let desk = Recorded::new();
    let table = desk.0.read("datasets/churn.csv");
    desk.0.write("data.csv", &table);
    let fit =
        "fit data.csv --target churned --max-trials 1 --quality fast --output model --run-name";
    desk.ok(&format!("{fit} one"));
    desk.ok("predict model data.csv --output predicted.csv");
    let of = |name: &str| desk.json(&format!("lineage {name}"))["nodes"].to_string();
    let known = of("data.csv");
    assert!(
        known.contains("\"one\"") && known.contains("predicted.csv"),
        "{known}"
    );
    // Another file of the same name is not known, and a copy under another name is.
    desk.0.write("other/data.csv", "a,b\n1,2\n");
    desk.refused("lineage other/data.csv", "record-missing");
    desk.0.write("copy.csv", &table);
    assert!(of("copy.csv").contains("\"one\""));
}

#[test]
fn versions_are_promoted_rolled_back_exported_and_used_by_name() {
    let desk = story();
    desk.ok("models register churn model");
    desk.ok("models promote churn/2 --note better");
    assert_eq!(desk.json("models show churn@champion")["version"], 2);
    desk.ok("models rollback churn");
    assert_eq!(desk.json("models show churn@champion")["version"], 1);
    desk.ok("models reject churn/2 --note biased");
    desk.refused("models promote churn/2", "record-invalid");
    desk.refused("models alias churn/2 other", "record-invalid");
    assert!(
        desk.ok("models reject churn/1")
            .contains("rollback churn --alias champion")
    );
    let used = desk.run("predict churn datasets/churn_test.csv --output rejected.csv");
    assert!(used.stderr.contains("was rejected"), "{}", used.stderr);
    desk.ok("models approve churn/1");
    let decisions = desk.json("models show churn/2");
    assert_eq!(decisions["decisions"][1]["note"], "biased");

    desk.ok("models export churn/1 --output copy");
    desk.refused("models export churn/1 --output copy", "store-exists");
    for model in ["copy", "churn@champion", "churn/1", "models:/churn/1"] {
        desk.ok(&format!(
            "predict {model} datasets/churn_test.csv --output again.csv --overwrite"
        ));
        assert_eq!(
            desk.0.read("again.csv"),
            desk.0.read("predictions.csv"),
            "{model}"
        );
    }
    for verb in ["leaderboard", "importance"] {
        let of_directory = desk.ok(&format!("{verb} model"));
        for model in ["churn", "churn@champion", "churn/1"] {
            assert_eq!(
                desk.ok(&format!("{verb} {model}")),
                of_directory,
                "{verb} {model}"
            );
        }
    }
    desk.ok("importance churn/1 datasets/churn_test.csv --shuffles 1");
    for (typed, meant) in [("chrun", "churn"), ("chrun/1", "churn/1")] {
        let outcome = desk.run(&format!("predict {typed} datasets/churn_test.csv"));
        let hint = format!("hint: did you mean {meant}");
        assert!(outcome.stderr.contains(&hint), "{}", outcome.stderr);
    }
    assert!(desk.ok("models card churn/1").contains("## What it takes"));
    assert_eq!(desk.ok("models diff churn/1 churn/1"), "no difference\n");
    desk.refused("predict churn/9 datasets/churn_test.csv", "record-missing");
    desk.refused("runs import-events abcdef nowhere", "data-not-found");
    let outcome = desk.run("runs list --filter metrics.x>>1");
    assert!(
        outcome.stderr.contains("character 11 of"),
        "{}",
        outcome.stderr
    );
    let outcome = desk.run("runs list --filter metrics.roc_auc>0.8AND");
    assert!(
        !outcome.stderr.contains("parentRunId"),
        "{}",
        outcome.stderr
    );
    let outcome = desk.run_with(&["runs", "list", "--filter", "metrics.roc_auc > 0.8 AND"]);
    let told = "character 26 of 'metrics.roc_auc > 0.8 AND': ";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    desk.refused("models delete churn/1", "registry-would-lose");
    desk.refused("models delete churn", "registry-would-lose");
    desk.ok("models delete churn --force");
    assert_eq!(desk.json("models list").as_array().unwrap().len(), 0);
}

#[test]
fn a_version_that_takes_other_columns_is_refused() {
    let desk = story();
    desk.ok("fit datasets/churn.csv --target plan --drop churned --max-trials 1 --quality fast --holdout 0.3 --output other");
    desk.refused("models register churn other", "registry-signature");
    desk.ok("models register churn other --allow-signature-change");
}

#[test]
fn work_is_done_where_nothing_can_be_recorded() {
    let desk = Recorded::new();
    desk.0.copy_churn_model();
    // A file stands where the workspace would be.
    desk.0.write("taken", "");
    let outcome =
        desk.run("predict model datasets/churn_test.csv --output p.csv --workspace taken/w");
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    assert!(
        (outcome.stderr).contains("warning: this run is not recorded: ")
            && outcome.stderr.contains(": Not a directory"),
        "{}",
        outcome.stderr
    );
    desk.ok("predict model datasets/churn_test.csv --output q.csv --no-record");
    assert_eq!(desk.0.entries(), ["model", "p.csv", "q.csv", "taken"]);
}

#[test]
fn a_database_server_that_is_away_holds_up_nothing() {
    let desk = Recorded::new();
    desk.0.copy_churn_model();
    // Nobody listens at port 1.
    let place = "postgres://ada:secret@127.0.0.1:1/w";
    let outcome = desk.run(&format!(
        "predict model datasets/churn_test.csv --output p.csv --workspace {place}"
    ));
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("the workspace is away"),
        "{}",
        outcome.stderr
    );
    let spool = std::fs::read_dir(desk.0.path(".automl"))
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            path.is_dir().then_some(path)
        });
    let lines: String = spool
        .flat_map(|dir| std::fs::read_dir(dir).unwrap())
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    assert!(lines.contains("automl.verb"), "{lines}");
    assert!(!lines.contains("secret"), "{lines}");
}

#[test]
fn a_run_whose_verb_failed_says_so() {
    let desk = Recorded::new();
    desk.0.copy_churn_model();
    desk.0.write("wrong.csv", "a,b\n1,2\n");
    let outcome = desk.run("predict model wrong.csv --output p.csv");
    assert_eq!(outcome.exit_code, Some(2));
    let runs = desk.json("runs list");
    assert_eq!(runs[0]["status"], "FAILED");
    let code = runs[0]["tags"]["automl.error.code"].as_str().unwrap();
    let message = runs[0]["tags"]["automl.error.message"].as_str().unwrap();
    let told = outcome
        .stderr
        .contains(&format!("error[{code}]: {message}\n"));
    assert!(told, "{code}: {message}\n{}", outcome.stderr);
    let shown = desk.ok(&format!(
        "runs show {}",
        runs[0]["run_id"].as_str().unwrap()
    ));
    assert!(
        shown.contains(&format!("error   {code}: {message}\n")),
        "{shown}"
    );
}

/// Deletes or restores an experiment, as MLflow's clients do.
fn set_stage(desk: &Recorded, name: &'static str, stage: Stage) -> i64 {
    let place = desk.0.path(".automl").display().to_string();
    let record = Workspace::parse(&place)
        .open()
        .expect("the workspace opens");
    let done = record.db.write(move |sql| {
        let found = experiments::by_name(sql, DEFAULT_WORKSPACE, name)?.expect("it is there");
        experiments::set_stage(sql, DEFAULT_WORKSPACE, found.id, stage)?;
        Ok::<_, TrackingError>(found.id)
    });
    done.wait().expect("it is done")
}

#[test]
fn a_run_in_a_deleted_experiment_is_kept_and_the_verb_says_so() {
    let desk = Recorded::new();
    desk.0.copy_churn_model();
    let predict = "predict model datasets/churn_test.csv --output p.csv --overwrite";
    let demo = format!("{predict} --experiment demo");
    desk.ok(&demo);
    assert_eq!(desk.json("runs list").as_array().unwrap().len(), 1);
    for (name, line) in [("demo", demo.as_str()), ("Default", predict)] {
        let id = set_stage(&desk, name, Stage::Deleted);
        let outcome = desk.run(line);
        assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
        for told in [
            format!("experiment '{name}' is deleted"),
            format!("restore_experiment(\"{id}\")"),
        ] {
            assert!(outcome.stderr.contains(&told), "{told}: {}", outcome.stderr);
        }
        assert_eq!(desk.json("runs list").as_array().unwrap().len(), 0);
        desk.refused(&format!("runs list --experiment {name}"), "record-missing");
    }
    for (name, n_runs) in [("demo", 2), ("Default", 1)] {
        set_stage(&desk, name, Stage::Active);
        let runs = desk.json(&format!("runs list --experiment {name}"));
        assert_eq!(runs.as_array().unwrap().len(), n_runs, "{name}");
    }
    let spool = std::fs::read_dir(desk.0.path(".automl/spool")).unwrap();
    let left = spool.filter(|one| one.as_ref().unwrap().file_name() != ".lock");
    assert_eq!(left.count(), 0);
}

#[test]
fn a_run_that_cannot_be_taken_in_is_told_of_each_time() {
    let desk = Recorded::new();
    desk.0.copy_churn_model();
    desk.ok("predict model datasets/churn_test.csv --output p.csv");
    desk.ok("runs list");
    desk.0.write(".automl/spool/a0.bad", "what?\n");
    for _ in 0..2 {
        let outcome = desk.run("runs list");
        let told =
            "a run that was written down cannot be taken in and is kept as .automl/spool/a0.bad";
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    }
}

#[test]
fn a_workspace_that_is_not_there_is_named() {
    let desk = Recorded::new();
    desk.refused("runs list", "workspace-missing");
    desk.refused("models list --workspace elsewhere", "workspace-missing");
    assert!(desk.0.entries().is_empty());
}

#[test]
fn artifacts_of_a_model_are_kept_when_its_directory_is_gone() {
    let desk = story();
    std::fs::remove_dir_all(desk.0.path("model")).unwrap();
    desk.ok("predict churn datasets/churn_test.csv --output again.csv");
    assert_eq!(desk.0.read("again.csv"), desk.0.read("predictions.csv"));
}

/// The models of tests are not recorded: their lineage names no run.
#[test]
fn a_model_that_was_not_recorded_can_be_registered() {
    let desk = Recorded::new();
    let model = churn_model().display();
    desk.ok(&format!("models register churn {model}"));
    let version = desk.json("models show churn/1");
    assert!(version["run_id"].is_null() && version["model_id"].is_string());
    desk.ok("predict churn/1 datasets/churn_test.csv --output p.csv");
}

#[test]
fn named_data_is_used_by_its_version_as_long_as_it_is_the_same() {
    let desk = Recorded::new();
    desk.0.write(
        "data.csv",
        std::fs::read(desk.0.path("datasets/churn.csv")).unwrap(),
    );
    assert_eq!(desk.ok("datasets register churn data.csv"), "churn/1\n");
    assert_eq!(desk.ok("datasets register churn data.csv"), "churn/1\n");
    let fit =
        "fit churn/1 --target churned --max-trials 1 --quality fast --holdout 0.3 --output model";
    desk.ok(fit);
    let runs = desk.json("runs list");
    let listed = desk.json("datasets list churn");
    assert_eq!(runs[0]["datasets"][0]["digest"], listed[0]["digest"]);
    assert_eq!(listed[0]["kind"], "tabular");

    desk.0.write("data.csv", "a,churned\n1,yes\n2,no\n");
    desk.refused(&format!("{fit} --overwrite"), "data-changed");
    assert_eq!(desk.ok("datasets register churn data.csv"), "churn/2\n");
    desk.refused("fit churn/7 --target churned", "record-missing");
    desk.refused("datasets register photos none.tar --file", "data-not-found");
}
