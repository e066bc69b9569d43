//! What waits for a better score, where no rows are held out to score on.

use super::{ConfigError, Family, TrainConfig};
use crate::train::ScheduleKind;
use serde_json::Value;

/// Refuses what a file says in vain where no rows are held out: a plateau, as Lightning does, and a patience, as its early
/// stopping does. A patience that is not said is none there. `trainer` is what the file says of that.
pub(super) fn check(config: &mut TrainConfig, trainer: Option<&Value>) -> Result<(), ConfigError> {
    if has_scores(config) {
        return Ok(());
    }
    let refused = |path: &[&str], value: &str| {
        let reason = format!(
            "= {value} waits for a better score, and no rows are held out to score on: set data.validation_share above 0, or \
             leave it out"
        );
        Err(ConfigError::value(path, reason))
    };
    if config.schedule.r#type == ScheduleKind::Plateau {
        return refused(&["schedule", "type"], "plateau");
    }
    let is_said = trainer.is_some_and(|section| section.get("patience").is_some());
    let patience = config.trainer.patience;
    if is_said && patience > 0 {
        return refused(&["trainer", "patience"], &patience.to_string());
    }
    config.trainer.patience = 0;
    Ok(())
}

/// Whether any rows are scored while training. What a command watches is its own matter.
fn has_scores(config: &TrainConfig) -> bool {
    config.data.validation_share > 0.0
        || match config.model.family() {
            Family::Series => config.series.validation_rows > 0,
            Family::Command => true,
            Family::Table | Family::Image | Family::Text => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(mut file: Value, share: f64) -> Result<TrainConfig, ConfigError> {
        file["data"] = json!({ "validation_share": share });
        TrainConfig::from_value(&file)
    }

    #[test]
    fn what_waits_for_a_better_score_is_refused_where_there_are_no_scores() {
        for (file, path) in [
            (
                json!({ "schedule": { "type": "plateau" } }),
                "schedule.type",
            ),
            (json!({ "trainer": { "patience": 16 } }), "trainer.patience"),
        ] {
            assert!(read(file.clone(), 0.1).is_ok(), "{path}");
            let error = read(file.clone(), 0.0).unwrap_err();
            assert_eq!(error.path().join("."), path);
            assert!(
                error.to_string().contains("waits for a better score"),
                "{error}"
            );
            let mut series = file.clone();
            series["model"] = json!({ "type": "dlinear" });
            assert!(read(series.clone(), 0.0).is_err(), "{path}");
            series["series"] = json!({ "validation_rows": 10 });
            assert!(read(series, 0.0).is_ok(), "{path}");
            let mut command = file;
            command["model"] = json!({ "type": "command", "run": ["fit"] });
            assert!(read(command, 0.0).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_patience_that_is_not_said_is_none_there_and_the_whole_reads_back() {
        assert_eq!(read(json!({}), 0.1).unwrap().trainer.patience, 16);
        let unwatched = read(json!({}), 0.0).unwrap();
        assert_eq!(unwatched.trainer.patience, 0);
        assert_eq!(
            TrainConfig::from_value(&unwatched.to_value()),
            Ok(unwatched)
        );
        assert!(read(json!({ "trainer": { "patience": 0 } }), 0.0).is_ok());
    }
}
