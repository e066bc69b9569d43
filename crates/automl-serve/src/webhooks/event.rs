//! What happened, as webhooks are told it.

use automl_store::registry::PROMPT_TAG;
use automl_store::registry::webhooks::Event;
use automl_store::tracking::KeyValue;
use serde_json::{Map, Value, json};
use std::fmt;

/// An event with what it is about.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) event: Event,
    pub(crate) data: Value,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.event.entity, self.event.action)
    }
}

fn of(is_prompt: bool, model: &str, prompt: &str, action: &str, data: Value) -> Happening {
    let entity = if is_prompt { prompt } else { model };
    Happening {
        event: Event {
            entity: entity.to_owned(),
            action: action.to_owned(),
        },
        data,
    }
}

/// Tags that say what a thing is, rather than what someone says of it.
const MARKS: [&str; 3] = [PROMPT_TAG, "_mlflow_prompt_type", PROMPT_TEXT];
const PROMPT_TEXT: &str = "mlflow.prompt.text";

fn tags(tags: &[KeyValue], is_prompt: bool) -> Value {
    let told = tags
        .iter()
        .filter(|tag| !(is_prompt && MARKS.contains(&tag.key.as_str())))
        .map(|tag| (tag.key.clone(), Value::from(tag.value.clone())));
    told.collect::<Map<_, _>>().into()
}

impl Happening {
    /// A model or a prompt was made.
    pub(crate) fn model(
        is_prompt: bool,
        name: &str,
        all: &[KeyValue],
        description: Option<&str>,
    ) -> Self {
        let data = json!({
            "name": name,
            "tags": tags(all, is_prompt),
            "description": description.unwrap_or_default(),
        });
        of(is_prompt, "registered_model", "prompt", "created", data)
    }

    /// A version was registered.
    pub(crate) fn version(is_prompt: bool, version: &automl_store::registry::ModelVersion) -> Self {
        let mut data = json!({ "name": version.name, "version": version.version.to_string() });
        if is_prompt {
            let text = version.tags.iter().find(|tag| tag.key == PROMPT_TEXT);
            data["template"] = text.map(|tag| tag.value.clone()).into();
        } else {
            data["source"] = version.source.clone().into();
            data["run_id"] = version.run_id.clone().into();
        }
        data["tags"] = tags(&version.tags, is_prompt);
        data["description"] = version.description.clone().into();
        of(
            is_prompt,
            "model_version",
            "prompt_version",
            "created",
            data,
        )
    }

    /// A prompt was given a tag, or lost it; models tell no such thing.
    pub(crate) fn prompt_tag(name: &str, key: &str, value: Option<&str>) -> Self {
        let mut data = json!({ "name": name, "key": key });
        of(
            true,
            "",
            "prompt_tag",
            set_or_deleted(&mut data, value),
            data,
        )
    }

    /// A version was given a tag, or lost it.
    pub(crate) fn version_tag(
        is_prompt: bool,
        (name, version): (&str, i64),
        key: &str,
        value: Option<&str>,
    ) -> Self {
        let mut data = json!({ "name": name, "version": version.to_string(), "key": key });
        let action = set_or_deleted(&mut data, value);
        of(
            is_prompt,
            "model_version_tag",
            "prompt_version_tag",
            action,
            data,
        )
    }

    /// A version was given an alias, or an alias was taken away.
    pub(crate) fn alias(is_prompt: bool, name: &str, alias: &str, version: Option<i64>) -> Self {
        let mut data = json!({ "name": name, "alias": alias });
        let action = match version {
            Some(version) => {
                data["version"] = version.to_string().into();
                "created"
            }
            None => "deleted",
        };
        of(
            is_prompt,
            "model_version_alias",
            "prompt_alias",
            action,
            data,
        )
    }
}

fn set_or_deleted(data: &mut Value, value: Option<&str>) -> &'static str {
    match value {
        Some(value) => {
            data["value"] = value.into();
            "set"
        }
        None => "deleted",
    }
}

/// An event that did not happen, to try a webhook with.
pub(crate) fn example(event: Event) -> Happening {
    let thing = if event.entity.starts_with("prompt") {
        "prompt"
    } else {
        "model"
    };
    let what = event.entity.replace('_', " ").replace("registered ", "");
    let mut data = json!({ "name": format!("example_{thing}") });
    let has = |part: &str| event.entity.contains(part);
    if has("version") && !(has("alias") && event.action == "deleted")
        || (has("alias") && event.action == "created")
    {
        data["version"] = "1".into();
    }
    if has("tag") {
        data["key"] = "example_key".into();
        if event.action == "set" {
            data["value"] = "example_value".into();
        }
    } else if has("alias") {
        data["alias"] = "example_alias".into();
    } else {
        if has("prompt_version") {
            data["template"] = "Hello {{name}}!".into();
        } else if has("version") {
            data["source"] = "models:/123".into();
            data["run_id"] = "abcd1234abcd5678".into();
        }
        data["tags"] = json!({ "example_key": "example_value" });
        let article = if what == "model" && thing == "model" {
            "registered model"
        } else {
            &what
        };
        data["description"] = format!("An example {article}").into();
    }
    Happening { event, data }
}
