//! In what two sets of settings differ, by the name of the setting.

use serde_json::Value;

/// The first setting that differs: its name, what it was and what it is.
pub(crate) fn difference(
    name: &str,
    then: &Value,
    now: &Value,
) -> Option<(String, String, String)> {
    if then == now {
        return None;
    }
    if let (Value::Object(old), Value::Object(new)) = (then, now) {
        let keys = old.keys().chain(new.keys());
        let mut parts = keys.map(|key| {
            let name = if name.is_empty() {
                key.clone()
            } else {
                format!("{name}.{key}")
            };
            let value = |of: &Value| of.get(key).cloned().unwrap_or(Value::Null);
            difference(&name, &value(then), &value(now))
        });
        return parts.find_map(|found| found);
    }
    Some((name.to_owned(), then.to_string(), now.to_string()))
}

#[cfg(test)]
mod tests {
    use super::difference;
    use serde_json::json;

    #[test]
    fn the_first_setting_that_differs_is_named() {
        let one = json!({ "data": "a", "search": { "seed": 1, "metric": null } });
        assert_eq!(difference("", &one, &one), None);
        let other = json!({ "data": "a", "search": { "seed": 1, "metric": "f1" } });
        let (name, then, now) = difference("", &one, &other).unwrap();
        assert_eq!(
            (&name[..], &then[..], &now[..]),
            ("search.metric", "null", "\"f1\"")
        );
        let less = json!({ "search": { "seed": 1, "metric": null } });
        assert_eq!(difference("", &less, &one).unwrap().0, "data");
    }
}
