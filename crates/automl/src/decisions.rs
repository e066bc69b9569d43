//! The thresholds of classes, in words and by their names.

use crate::text;
use automl_core::{Decision, Task};
use std::collections::BTreeMap;

/// Classes that are named; the others are counted.
const NAMED_MAX: usize = 8;
/// Characters of a class at most.
const NAME_WIDTH: usize = 24;

/// The threshold of each class by its name, if they decide.
pub(crate) fn by_class(task: &Task, decision: &Decision) -> Option<BTreeMap<String, f64>> {
    let values = decision.thresholds()?.values().iter().copied();
    Some(task.classes().iter().cloned().zip(values).collect())
}

/// The same for people: `a 0.2, b 0.45, c 0.35`.
pub(crate) fn words(task: &Task, decision: &Decision) -> Option<String> {
    let values = decision.thresholds()?.values();
    let classes = task.classes().iter().zip(values).take(NAMED_MAX);
    let mut named: Vec<String> = classes
        .map(|(class, &value)| {
            let class = text::clip(class, NAME_WIDTH);
            format!("{class} {}", text::probability(value))
        })
        .collect();
    if values.len() > NAMED_MAX {
        named.push(format!("and {} more", values.len() - NAMED_MAX));
    }
    Some(named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::ClassThresholds;

    #[test]
    fn thresholds_are_told_by_the_names_of_classes_and_of_many_not_all() {
        let told = |n_classes: usize| {
            let classes = (0..n_classes).map(|class| format!("c{class}")).collect();
            let values = (1..=n_classes).map(|place| place as f64 / 10.0).collect();
            let thresholds = ClassThresholds::new(values).unwrap();
            let (task, decision) = (Task::Multiclass { classes }, Decision::Relative(thresholds));
            (words(&task, &decision), by_class(&task, &decision).unwrap())
        };
        let (words, by_class) = told(3);
        assert_eq!(words.unwrap(), "c0 0.1, c1 0.2, c2 0.3");
        assert_eq!(by_class["c2"], 0.3);
        let (words, by_class) = told(10);
        assert!(words.unwrap().ends_with("c7 0.8, and 2 more"));
        assert_eq!(by_class.len(), 10);
    }

    #[test]
    fn without_thresholds_nothing_is_told() {
        let classes = vec!["no".to_owned(), "yes".to_owned()];
        let task = Task::Binary { classes };
        assert_eq!(words(&task, &Decision::Above(0.3)), None);
        assert_eq!(by_class(&task, &Decision::Likeliest), None);
    }
}
