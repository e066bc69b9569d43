//! The grammar, and where it says that something is wrong.

use super::{Clause, Op, Operand, Order, Subject, parse, parse_order};
use proptest::prelude::*;

fn subject(entity: Option<&str>, key: &str, at: usize) -> Subject {
    Subject {
        entity: entity.map(str::to_owned),
        key: key.into(),
        at,
    }
}

#[test]
fn comparisons_are_joined_by_and() {
    let text =
        "metrics.loss < 0.5 AND params.`learning rate` = '0.1' and tags.\"team\" ILIKE 'VIS%'";
    let found = parse(text).unwrap();
    assert_eq!(
        found,
        [
            Clause {
                subject: subject(Some("metrics"), "loss", 1),
                op: Op::Less,
                operand: Operand::Number(0.5),
            },
            Clause {
                subject: subject(Some("params"), "learning rate", 24),
                op: Op::Equal,
                operand: Operand::Text("0.1".into()),
            },
            Clause {
                subject: subject(Some("tags"), "team", 59),
                op: Op::ILike,
                operand: Operand::Text("VIS%".into()),
            },
        ]
    );
    assert!(parse("").unwrap().is_empty() && parse("  ").unwrap().is_empty());
}

#[test]
fn keys_may_hold_dots_slashes_and_dashes() {
    for (text, entity, key) in [
        (
            "metrics.val/loss.mean > 1",
            Some("metrics"),
            "val/loss.mean",
        ),
        (
            "tags.mlflow.source.name = 'x'",
            Some("tags"),
            "mlflow.source.name",
        ),
        ("status = 'FINISHED'", None, "status"),
        ("`run name` = 'x'", None, "run name"),
        ("`metrics`.`a b` = 1", Some("metrics"), "a b"),
        ("metrics.m-1 >= -3e-2", Some("metrics"), "m-1"),
    ] {
        let clause = &parse(text).unwrap()[0];
        assert_eq!(clause.subject, subject(entity, key, 1), "{text}");
    }
}

#[test]
fn every_comparison_is_known() {
    for (text, op) in [
        ("a = 1", Op::Equal),
        ("a != 1", Op::NotEqual),
        ("a <> 1", Op::NotEqual),
        ("a <= 1", Op::LessOrEqual),
        ("a > 1", Op::Greater),
        ("a >= 1", Op::GreaterOrEqual),
        ("a LIKE 'x'", Op::Like),
        ("a in ('x', \"y\")", Op::In),
        ("a NOT IN ('x')", Op::NotIn),
        ("a is null", Op::IsNull),
        ("a IS NOT NULL", Op::IsNotNull),
    ] {
        assert_eq!(parse(text).unwrap()[0].op, op, "{text}");
    }
    let list = &parse("a IN ('x', 'it''s')").unwrap()[0].operand;
    assert_eq!(*list, Operand::List(vec!["x".into(), "it's".into()]));
}

#[test]
fn what_cannot_be_read_is_named_by_its_place() {
    for (text, at, reason) in [
        ("metrics.loss", 13, "expected a comparison"),
        ("metrics.loss <", 15, "expected a number"),
        ("metrics.loss < abc", 16, "must be in quotes"),
        ("metrics.loss < 1 OR metrics.a < 2", 18, "expected AND"),
        ("tags.a = 'open", 10, "not closed"),
        ("tags.a = 'x' AND", 17, "expected an identifier"),
        ("tags.a ! 'x'", 8, "'!='"),
        ("a IN 'x'", 6, "a list in parentheses"),
        ("a IN ('x'", 10, "a comma or a closing"),
        ("a ; b", 3, "inside quotes"),
        ("ä = 'é' AND ;", 13, "inside quotes"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn orders_rise_unless_they_say_otherwise() {
    let order = |text: &str| parse_order(text).unwrap();
    for (text, is_ascending) in [
        ("metrics.m", true),
        ("metrics.m ASC", true),
        ("metrics.m desc", false),
    ] {
        let expected = Order {
            subject: subject(Some("metrics"), "m", 1),
            is_ascending,
        };
        assert_eq!(order(text), expected);
    }
    assert_eq!(parse_order("a DESC b").unwrap_err().at, 8);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}") {
        drop(parse(&text));
        drop(parse_order(&text));
    }

    #[test]
    fn a_text_comes_back_as_it_was_quoted(value in "[^\0]{0,40}") {
        let text = format!("tags.k = '{}'", value.replace('\'', "''"));
        let found = parse(&text).unwrap();
        prop_assert_eq!(&found[0].operand, &Operand::Text(value));
    }
}

#[test]
fn the_fuzzers_corpus_is_read_or_refused_with_a_place() {
    let corpus = "../../fuzz/corpus/filter";
    let mut n_read = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        match super::parse(&text) {
            Ok(clauses) => n_read += clauses.len(),
            Err(error) => assert!(
                (1..=text.chars().count() + 1).contains(&error.at),
                "{error:?}"
            ),
        }
        if let Err(error) = super::parse_order(&text) {
            assert!(
                (1..=text.chars().count() + 1).contains(&error.at),
                "{error:?}"
            );
        }
    }
    assert!(n_read >= 8);
}
