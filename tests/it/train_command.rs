//! A program of the user's as a training: what it is told, what is made of what it prints, and how it ends.

use crate::harness::{BINARY, Desk, repository};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A configuration that runs a line of a shell.
fn config(line: &str) -> String {
    let line = serde_json::Value::from(line);
    format!("model: {{type: command, run: [sh, -c, {line}]}}\n")
}

fn result(desk: &Desk, output: &str) -> serde_json::Value {
    let text = desk.read(&format!("{output}/result.json"));
    serde_json::from_slice(&text).expect("it is JSON")
}

#[test]
fn the_example_fits_its_line_and_leaves_its_files_and_what_it_told() {
    let desk = Desk::new();
    let example = repository().join("configs/train/command.yaml");
    let told = desk.automl_ok(&format!("train {} --output line", example.display()));
    assert!(told.starts_with("score   rmse"), "{told}");
    assert!(told.contains(", best "), "{told}");
    let result = result(&desk, "line");
    assert_eq!(result["history"].as_array().map(Vec::len), Some(30));
    let line = String::from_utf8(desk.read("line/files/line.txt")).expect("it is a text");
    assert_eq!(line.split_whitespace().count(), 2, "{line}");
    for kept in ["train.yaml", "stdout.log", "stderr.log"] {
        assert!(desk.path("line").join(kept).exists(), "{kept}");
    }
    assert!(
        !desk.path("line.run").exists(),
        "nothing is left to go on with"
    );
}

#[test]
fn a_program_finds_its_configuration_its_data_and_its_places() {
    let desk = Desk::new();
    let line = r#"test -f "$AUTOML_DATA" && test -d "$AUTOML_CHECKPOINTS" && test "$AUTOML_RESUME" = 0 && test "$AUTOML_SEED" = 7 && cp "$AUTOML_CONFIG" "$AUTOML_OUTPUT/seen.json" && echo loss=1"#;
    let data = "data: {path: datasets/churn.csv}\ntrainer: {seed: 7, batch_size: 99}\n";
    desk.write("job.yaml", config(line) + data);
    desk.automl_ok("train job.yaml --output out");
    let seen: serde_json::Value =
        serde_json::from_slice(&desk.read("out/files/seen.json")).expect("it is JSON");
    assert_eq!(seen["trainer"]["batch_size"], 99);
}

#[test]
fn values_of_keys_stand_in_its_words_and_on_the_command_line() {
    let desk = Desk::new();
    desk.write("job.yaml", config("echo loss={optimizer.learning_rate}"));
    desk.automl_ok("train job.yaml --set optimizer.learning_rate=0.25 --output out");
    assert_eq!(result(&desk, "out")["value"], 0.25);
}

#[test]
fn what_goes_wrong_has_a_code_and_leaves_no_output() {
    let desk = Desk::new();
    let cases = [
        ("model: {type: command}\n".to_owned(), 2, "model.run"),
        (
            "model: {type: command, run: [no-such-program]}\n".to_owned(),
            2,
            "there is no program no-such-program",
        ),
        (
            config("echo loss={optimizer.rate}"),
            2,
            "model.run names '{optimizer.rate}'",
        ),
        (
            config("echo loss=1; echo too little memory >&2; exit 3"),
            1,
            "the command failed: exit status 3: too little memory",
        ),
        (config("echo accuracy=0.5"), 2, "printed no value of 'loss'"),
        (
            config("echo loss=nan"),
            1,
            "the command's last 'loss' is NaN",
        ),
        (
            config("echo loss=1") + "data: {path: gone.csv}\n",
            2,
            "there is nothing to give to the command at data.path: gone.csv",
        ),
        (
            config("echo loss=1") + "optimizer: {learning_rate: auto}\n",
            2,
            "auto is not for commands",
        ),
        (
            config("ln -s gone $AUTOML_OUTPUT/model && echo loss=1"),
            2,
            "a link among what the command wrote leads to no file",
        ),
        (
            config("echo loss=1"),
            2,
            "a training that did not end has left something",
        ),
    ];
    for (text, exit_code, told) in cases {
        desk.write("job.yaml", &text);
        let outcome = desk.automl("train job.yaml --output out");
        assert_eq!(
            outcome.exit_code,
            Some(exit_code),
            "{text}{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(told), "{text}{}", outcome.stderr);
        assert!(!desk.path("out").exists(), "{text}");
    }
}

#[test]
fn what_a_program_linked_to_among_its_states_is_kept() {
    let desk = Desk::new();
    let line = "cd $AUTOML_OUTPUT && echo w > ../checkpoints/best && ln -s ../checkpoints/best model && echo loss=1";
    desk.write("job.yaml", config(line));
    desk.automl_ok("train job.yaml --output out");
    assert_eq!(desk.read("out/files/model"), b"w\n");
    assert!(!desk.path("out/files/model").is_symlink());
}

#[test]
fn a_program_that_is_asked_to_end_is_gone_on_with() {
    let desk = Desk::new();
    let line = r#"
state="$AUTOML_CHECKPOINTS/state"
if [ "$AUTOML_RESUME" = 1 ]; then
  echo "epoch=2 loss=0.5"
  exit 0
fi
trap 'echo asked > "$state.asked"; exit 0' TERM
echo "epoch=1 loss=0.75"
echo 1 > "$state"
while true; do sleep 0.05; done
"#;
    desk.write("job.yaml", config(line));
    let mut child = desk
        .command(BINARY)
        .args(["train", "job.yaml", "--output", "out"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    let state = desk.path("out.run/checkpoints/state");
    while !state.exists() {
        let ended = child.try_wait().expect("the child can be asked");
        assert!(ended.is_none(), "it ended before it could be asked to");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(asked.expect("kill can be started").success());
    let ended = child.wait().expect("the child can be waited for");
    assert_eq!(ended.code(), Some(130));
    assert!(desk.path("out.run/checkpoints/state.asked").exists());
    let refused = desk.automl("train job.yaml --output out");
    assert_eq!(refused.exit_code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--resume goes on"),
        "{}",
        refused.stderr
    );
    let other = desk.automl("train job.yaml --output out --resume --set trainer.epochs=7");
    assert_eq!(other.exit_code, Some(2), "{}", other.stderr);
    assert!(other.stderr.contains("\"epochs\": 100"), "{}", other.stderr);
    desk.automl_ok("train job.yaml --output out --resume");
    let result = result(&desk, "out");
    assert_eq!(result["history"], serde_json::json!([[1, 0.75], [2, 0.5]]));
    let again = desk.automl_ok("train job.yaml --output out --resume");
    assert!(again.contains("has ended already"), "{again}");
}
