//! Configurations are read strictly and printed whole.

use super::*;
use crate::train::OptimizerKind;

fn config(value: &Value) -> Result<TrainConfig, ConfigError> {
    TrainConfig::from_value(value)
}

#[test]
fn nothing_is_the_defaults_and_they_read_back() {
    let defaults = config(&Value::Null).expect("everything has a default");
    assert_eq!(defaults, TrainConfig::default());
    assert_eq!(config(&defaults.to_value()), Ok(defaults));
}

#[test]
fn every_network_reads_back_with_its_parameters() {
    for model in &MODELS {
        let read = config(&json!({ "model": { "type": model.name } })).expect("it is known");
        assert_eq!(read.model.name(), model.name);
        assert_eq!(config(&read.to_value()), Ok(read));
    }
}

#[test]
fn values_are_taken_in_the_forms_that_people_write() {
    let read = config(&json!({
        "optimizer": { "lr": "3e-4", "type": "lion" },
        "data": { "drop": ["a", "b"] },
        "metrics": "rmse, mae",
        "features": { "columns": { "age": "standard" } },
    }))
    .expect("all of it is known");
    assert_eq!(read.optimizer.learning_rate, 3e-4);
    assert_eq!(read.optimizer.r#type, OptimizerKind::Lion);
    assert_eq!(read.data.drop, "a, b");
    assert_eq!(read.metrics, [Metric::Rmse, Metric::Mae]);
    assert_eq!(read.columns["age"], "standard");
    let items = ["load, MW", "wind", "\"so\" called", "a,\"b\""];
    let listed = config(&json!({ "data": { "target": items } })).expect("all of it is known");
    assert_eq!(list_items(&listed.data.target), items);
    for items in [&["prog", "--tag", "", " a", "b "][..], &["./fit,v2"]] {
        let run = json!({ "model": { "type": "command", "run": items } });
        let ModelParams::Command(Program::Command(command)) = config(&run).unwrap().model else {
            panic!("it is a command");
        };
        assert_eq!(command.words(), items);
    }
}

#[test]
fn what_is_left_to_the_training_reads_back_and_is_settled_by_what_it_chose() {
    let left = json!({ "optimizer": { "lr": "auto" }, "trainer": { "batch_size": "auto" } });
    let left = config(&left).expect("both may be left to it");
    assert!(left.auto.learning_rate && left.auto.batch_size);
    assert_eq!(config(&left.to_value()).as_ref(), Ok(&left));
    assert!(left.to_yaml().contains("learning_rate: auto\n"));
    let mut settled = left.clone();
    settled.settle(&crate::train::Chosen {
        learning_rate: Some(0.02),
        batch_size: Some(64),
        range_steps: None,
    });
    let said = json!({ "optimizer": { "lr": 0.02 }, "trainer": { "batch_size": 64 } });
    assert_eq!(config(&said).as_ref(), Ok(&settled));
    assert!(left.may_have_become(&settled));
    settled.trainer.epochs += 1;
    assert!(!left.may_have_become(&settled));
    let error = config(&json!({ "trainer": { "epochs": "auto" } })).unwrap_err();
    assert!(error.to_string().contains("epochs"), "{error}");
}

#[test]
fn a_network_with_settings_of_its_own_has_them_where_a_file_says_nothing() {
    let plain = config(&json!({ "model": { "type": "realmlp" } })).expect("it is known");
    assert!(plain.auto.learning_rate);
    assert_eq!((plain.optimizer.beta2, plain.trainer.epochs), (0.95, 256));
    let said = json!({ "model": { "type": "realmlp" }, "optimizer": { "lr": 0.1 } });
    let said = config(&said).expect("it is known");
    assert!(!said.auto.learning_rate);
    assert_eq!(
        (said.optimizer.learning_rate, said.optimizer.beta2),
        (0.1, 0.95)
    );
}

#[test]
fn an_optimiser_with_values_of_its_own_has_them_where_a_file_says_nothing() {
    let beta2 = |file: Value| config(&file).expect("all of it is known").optimizer.beta2;
    let lion = json!({ "type": "lion" });
    assert_eq!(beta2(json!({ "optimizer": lion })), 0.99);
    assert_eq!(
        beta2(json!({ "optimizer": { "type": "lion", "beta2": 0.999 } })),
        0.999
    );
    assert_eq!(beta2(json!({ "optimizer": { "type": "adam" } })), 0.999);
    // RealMLP's own value is for AdamW.
    let model = json!({ "type": "realmlp" });
    assert_eq!(beta2(json!({ "model": model, "optimizer": lion })), 0.99);
    assert_eq!(beta2(json!({ "model": model })), 0.95);
    assert_eq!(
        beta2(json!({ "model": model, "optimizer": { "lr": 0.1 } })),
        0.95
    );
}

#[test]
fn what_is_not_known_is_refused_with_its_place_and_what_was_meant() {
    let told = |value: Value| {
        let error = config(&value).unwrap_err();
        let hint = automl_core::Coded::hint(&error).unwrap_or_default();
        format!("{error}; {hint}")
    };
    assert_eq!(
        told(json!({ "optimiser": {} })),
        "no key is called 'optimiser'; did you mean optimizer?"
    );
    assert_eq!(
        told(json!({ "objectives": [], "space": {}, "run": {} })),
        "'space' is of a study, not of a training; `automl tune FILE` works through a study; the configuration of one \
         training is what its run.train names"
    );
    assert_eq!(
        told(json!({ "trainer": { "epoch": 3 } })),
        "no key is called 'trainer.epoch'; did you mean epochs?"
    );
    assert_eq!(
        told(json!({ "model": { "type": "tabn" } })),
        "model.type = 'tabn' is not known; did you mean tabm?"
    );
    for others in [json!({}), json!({ "type": "linear" })] {
        let mut model = others;
        model["typ"] = "tabm".into();
        assert_eq!(
            told(json!({ "model": model })),
            "no key is called 'model.typ'; did you mean type?"
        );
    }
    assert_eq!(
        told(json!({ "optimizer": { "type": "adamm" } })),
        "optimizer.type = 'adamm' is not known; did you mean adam or adamw?"
    );
    assert_eq!(
        told(json!({ "trainer": { "epochs": 0 } })),
        "'trainer.epochs' = 0 is outside 1 to 1000000 (whole numbers); "
    );
    assert_eq!(
        told(json!({ "model": { "type": "linear", "width": 3 } })),
        "no key is called 'model.width'; `automl train --print-config` shows all keys"
    );
}

#[test]
fn the_printed_file_has_every_key_of_every_section_with_a_comment() {
    for (section, model) in all_sections() {
        let read = config(&json!({ "model": { "type": model } })).expect("it is known");
        let text = read.to_yaml();
        for spec in section.specs {
            let line = line_of(&text, &[section.name.to_owned(), spec.name.to_owned()]);
            let line = line.unwrap_or_else(|| panic!("{}.{}", section.name, spec.name));
            let above = text.lines().nth(line - 2).expect("a comment is above");
            assert!(above.trim_start().starts_with('#'), "{}", spec.name);
        }
    }
}

/// Every section with a network that has it.
fn all_sections() -> impl Iterator<Item = (&'static Section, &'static str)> {
    SECTIONS.iter().map(|section| {
        let has_it = |model: &&family::Model| section.family.is_none_or(|one| one == model.family);
        let model = MODELS.iter().find(has_it).expect("some network has it");
        (section, model.name)
    })
}

#[test]
fn a_section_of_another_family_is_refused() {
    let file = json!({ "model": { "type": "cnn" }, "features": { "pieces": 4 } });
    let error = config(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "'features' is for networks of tables, and model.type = cnn is one of images"
    );
    let printed = config(&json!({ "model": { "type": "cnn" } })).expect("it is known");
    assert!(!printed.to_yaml().contains("features:"));
}

#[test]
fn the_schema_knows_every_key() {
    let schema = json_schema();
    for section in &SECTIONS {
        let known = &schema["properties"][section.name]["properties"];
        for spec in section.specs {
            assert!(known[spec.name]["description"].is_string(), "{}", spec.name);
        }
    }
}
