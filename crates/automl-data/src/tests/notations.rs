//! How numbers and moments may be written, and what is kept of those that are written otherwise.

use super::{cells, check, load, show};
use crate::{BatchOptions, ReadOptions, Source, open_batches, write_schema};
use automl_core::{Kind, Role, WarningKind};
use expect_test::expect;
use std::fmt::Write as _;

/// One quoted column called `x`, beside another.
fn column(cells: impl IntoIterator<Item = impl AsRef<str>>) -> crate::Loaded {
    let text = cells.into_iter().fold("row;x\n".to_owned(), |text, cell| {
        text + &format!("a;\"{}\"\n", cell.as_ref())
    });
    load("data.csv", text.as_bytes()).unwrap()
}

/// Kind, role, and the kinds of the warnings about `x`.
fn told(loaded: &crate::Loaded) -> (Kind, Role, Vec<WarningKind>) {
    let field = loaded.schema.field("x").unwrap();
    let about_x = loaded.warnings.iter().filter(|w| w.columns == ["x"]);
    (field.kind, field.role, about_x.map(|w| w.kind).collect())
}

#[test]
fn whole_numbers_that_a_double_would_round_keep_their_digits() {
    check(
        "a,b,c\n9007199254740993,12345678901234567,9007199254740994\n9007199254740992,12345678901234567,1e300\n9007199254740993,12345678901234567,100000000000000000000\n",
        &expect![[r#"
            a: category [9007199254740992|9007199254740993] = 9007199254740993 9007199254740992 9007199254740993
            b: category Ignored [12345678901234567] = 12345678901234567 12345678901234567 12345678901234567
            c: number = 9007199254740994 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 100000000000000000000
            ! 'a' is read as a category so that no digit is lost: 2 of its 3 cells are whole numbers that a number would round, such as '9007199254740993' (line 2 of data.csv); kind: number in a schema file rounds them
            ! 'b' is read as a category so that no digit is lost: 3 of its 3 cells are whole numbers that a number would round, such as '12345678901234567' (line 2 of data.csv); kind: number in a schema file rounds them
            ! 'b' holds only '12345678901234567' and cannot help; it is left out
        "#]],
    );
}

#[test]
fn long_numbers_that_name_their_rows_are_ids() {
    let ids = (0..40_u64).map(|row| (1 << 60) + row);
    let loaded = column(ids.clone().map(|id| id.to_string()));
    assert_eq!(
        told(&loaded),
        (
            Kind::Text,
            Role::Id,
            vec![WarningKind::LongIntegers, WarningKind::IdLikeColumn]
        )
    );
    let json: String = ids.fold(String::new(), |text, id| {
        text + &format!("{{\"x\": {}, \"y\": 1}}\n", id + (1 << 63))
    });
    let loaded = load("data.jsonl", json.as_bytes()).unwrap();
    assert_eq!(told(&loaded).0, Kind::Text, "beyond 64 bits with a sign");
    assert!(show(&loaded).contains("10376293541461622785"));
}

#[test]
fn a_level_of_many_digits_is_met_only_by_itself() {
    let loaded = column(["9007199254740993", "1", "9007199254740993", "1"]);
    let score = Source::bytes("new.csv", *b"x\n9007199254740993\n9007199254740992\n1\n");
    let batches = open_batches(
        &score,
        &ReadOptions::default(),
        &loaded.schema,
        |field| field.name == "x",
        &BatchOptions::default(),
    );
    let batch = batches.unwrap().next().unwrap().unwrap();
    let (_, column) = batch.table.iter().next().unwrap();
    assert_eq!(cells(column), "9007199254740993 unseen 1");
}

#[test]
fn thousands_may_be_set_apart_by_blanks_and_apostrophes() {
    check(
        "space;narrow;hard;swiss;comma\n1 000;12\u{202f}345,5;1\u{a0}000\u{a0}000;1'234.5;1 234,5\n-12 345.5;7;999;12’000;+1\n;;5;1000;0,5\n",
        &expect![[r#"
            space: number space thousands = 1000 -12345.5 ·
            narrow: number space thousands, decimal comma = 12345.5 7 ·
            hard: number space thousands = 1000000 999 5
            swiss: number apostrophe thousands = 1234.5 12000 1000
            comma: number space thousands, decimal comma = 1234.5 1 0.5
        "#]],
    );
}

#[test]
fn thousands_apart_are_numbers_only_where_the_whole_column_agrees() {
    for odd in [
        ["1 000", "12 34"],
        ["1 000", "12345"],
        ["044 668", "044 181"],
        ["1 000", "1'000"],
        ["1 000", "1 000.000 1"],
        ["1 000", "1  000"],
        ["1 000", "1 000 Fr"],
    ] {
        assert_ne!(told(&column(odd)).0, Kind::Number, "{odd:?}");
    }
}

#[test]
fn a_model_reads_thousands_as_the_table_that_it_learned_from() {
    let loaded = column(["1 000", "12 345", "7", "1 000"]);
    let score = Source::bytes("new.csv", *b"x\n2 000\n2000\n31\n");
    let batches = open_batches(
        &score,
        &ReadOptions::default(),
        &loaded.schema,
        |field| field.name == "x",
        &BatchOptions::default(),
    );
    let batch = batches.unwrap().next().unwrap().unwrap();
    let (_, column) = batch.table.iter().next().unwrap();
    assert_eq!(cells(column), "2000 2000 31");
    assert!(write_schema(&loaded.schema).contains(r#"kind: number, format: "space thousands""#));
}

#[test]
fn years_of_two_digits_are_of_this_century_or_the_last() {
    check(
        "us,german,named\n1/1/13,01.02.13,14-Aug-13\n12/31/69,28.02.68,1 May 69\n",
        &expect![[r#"
            us: timestamp %m/%d/%Y = 2013-01-01 1969-12-31
            german: timestamp %d/%m/%Y = 2013-02-01 2068-02-28
            named: timestamp = 2013-08-14 1969-05-01
        "#]],
    );
    assert_eq!(
        told(&column(["1.2.13", "1.2.14"])).0,
        Kind::Category,
        "versions"
    );
}

#[test]
fn zones_are_read_in_their_usual_forms() {
    let noon = "2013-08-14T12:00:00Z";
    for text in [
        "2013-08-14 12:00:00Z",
        "2013-08-14 07:00:00 -05:00",
        "2013-08-14T12:00:00+0000",
        "2013-08-14 12:00 UTC",
        "2013-08-14 12:00 GMT",
        "2013-08-14 14:00 GMT+02",
        "2013-08-14 07:00 EST",
        "2013-08-14 08:00:00.000 EDT",
        "2013-08-14 14:00 CEST",
        "2013-08-14T14:00:00+02:00[Europe/Paris]",
        "2013-08-14T14:00:00[Europe/Paris]",
        "2013-08-14 14:00 Europe/Paris",
        "Wed, 14 Aug 2013 12:00:00 +0000",
        "14 Aug 2013 07:00:00 -0500 (EST)",
        "Wed, 14 Aug 2013 12:00:00 GMT",
        "Wed Aug 14 12:00:00 +0000 2013",
        "Wed Aug 14 12:00:00 2013",
        "Wednesday, August 14, 2013 12:00 PM",
    ] {
        let loaded = column([text, text]);
        let (_, x) = loaded.table.iter().nth(1).unwrap();
        assert_eq!(cells(x), format!("{noon} {noon}"), "{text}");
    }
    for odd in [
        "2013-08-14 12:00 CST",
        "2013-08-14 12:00 Mars/Olympus",
        "2013-08-14T12:00:00+02:00[Mars/Olympus]",
        "2013-08-14 12:00 +02:00x",
    ] {
        assert_ne!(told(&column([odd, odd])).0, Kind::Timestamp, "{odd}");
    }
}

#[test]
fn what_looks_like_dates_is_no_id_and_told_of() {
    let days = |n| (1..=n).map(|day| format!("2013-08-{day:02}T12:00"));
    let odd = |more: &str| told(&column(days(30).chain([more.to_owned()])));
    let kept = (Kind::Text, Role::Feature, vec![WarningKind::UnreadCells]);
    assert_eq!(odd("2013-02-30T12:00"), kept);
    assert_eq!(odd("0000-00-00"), kept);
    assert_eq!(odd("unknown"), kept);
    let zoned = (1..=30).map(|day| format!("2013-08-{day:02}T12:00CST"));
    assert_eq!(told(&column(zoned)), kept);
    let keys = (0..30).map(|row| format!("2013-08-14-{row:04}"));
    assert_eq!(told(&column(keys)).1, Role::Id, "keys that hold a date");

    let mut text = String::from("x;y\n");
    for day in 1..=30 {
        writeln!(text, "{day}/1/13;{}", day % 2).unwrap();
    }
    text += "31/2/13;1\n";
    let loaded = load("data.csv", text.as_bytes()).unwrap();
    expect!["'x' looks like dates but is read as text because 1 of its 31 cells cannot be read with the others, such as '31/2/13' (line 32 of data.csv); add them to the missing marks, or give the column a format in a schema file"]
        .assert_eq(&loaded.warnings[0].message);
}
