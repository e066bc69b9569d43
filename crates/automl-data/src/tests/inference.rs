//! Which cells make which kind and role.

use super::{check, load, load_with, show, show_result};
use crate::{ReadOptions, Source};
use automl_core::{Kind, Role};
use expect_test::expect;
use std::fmt::Write as _;

/// One column called `x` of the given cells.
fn column(cells: &[&str]) -> (Kind, Role) {
    named("x", cells.iter().map(|&cell| cell.to_owned()))
}

fn named(name: &str, cells: impl IntoIterator<Item = String>) -> (Kind, Role) {
    let quoted = cells
        .into_iter()
        .fold(format!("row,{name}\n"), |text, cell| {
            text + &format!("a,\"{}\"\n", cell.replace('"', "\"\""))
        });
    let loaded = load("data.csv", quoted.as_bytes()).unwrap();
    let field = &loaded.schema.fields[1];
    (field.kind, field.role)
}

#[test]
fn numbers_are_read_as_people_write_them() {
    check(
        "a,b,c,d\n 1 ,\"1,234,567\",1e3,.5\n-2,\"1,000.5\",-2.5E-2,+7.\n+3,12,3,0\n",
        &expect![[r#"
            a: number = 1 -2 3
            b: number = 1234567 1000.5 12
            c: number = 1000 -0.025 3
            d: number = 0.5 7 0
        "#]],
    );
}

#[test]
fn commas_that_group_no_thousands_make_no_number() {
    assert_eq!(column(&["1,2", "3,4", "1,2"]).0, Kind::Category);
    assert_eq!(column(&["1,2345", "3", "3"]).0, Kind::Category);
    assert_eq!(column(&["12,345", "1,234.5", "3"]).0, Kind::Number);
}

#[test]
fn missing_marks_are_blank_or_the_usual_words() {
    check(
        "a,b\n1,x\nNA,?\nN/A,-\nNaN,null\nnan,NULL\nNone,y\n ,x\n2,\n",
        &expect![[r#"
            a: number = 1 · · · · · · 2
            b: category [x|y] = x · · · · y x ·
        "#]],
    );
}

#[test]
fn what_programs_and_spreadsheets_write_for_nothing_is_missing() {
    check(
        "a,b\n1,x\n#N/A,#NULL!\nn/a,-nan\n#DIV/0!,<NA>\n#VALUE!,y\n2,#REF!\n",
        &expect![[r#"
            a: number = 1 · · · · 2
            b: category [x|y] = x · · · y ·
        "#]],
    );
}

#[test]
fn missing_marks_can_be_chosen() {
    let options = ReadOptions {
        missing: vec!["-999".into()],
        ..ReadOptions::default()
    };
    let source = Source::bytes("data.csv", *b"a,b\n1,NA\n-999,-999\n,x\n3,x\n");
    expect![[r#"
        a: number = 1 · · 3
        b: category [NA|x] = NA · x x
    "#]]
    .assert_eq(&show_result(load_with(&source, &options, None)));
}

#[test]
fn two_truth_values_of_one_pair_are_boolean_false_first() {
    check(
        "a,b,c,d,e,f\ntrue,yes,Y,t,1,True\nfalse,no,N,f,0,FALSE\n,no,Y,f,1,true\n",
        &expect![[r#"
            a: boolean [false|true] = true false ·
            b: boolean [no|yes] = yes no no
            c: boolean [N|Y] = Y N Y
            d: boolean [f|t] = t f f
            e: boolean [0|1] = 1 0 1
            f: boolean [FALSE|True] = True FALSE True
        "#]],
    );
}

#[test]
fn words_of_two_pairs_or_a_third_value_are_categories() {
    assert_eq!(column(&["yes", "false", "yes"]).0, Kind::Category);
    assert_eq!(column(&["yes", "no", "maybe"]).0, Kind::Category);
    assert_eq!(column(&["0", "1", "2"]).0, Kind::Number);
}

#[test]
fn levels_are_sorted_whatever_the_order_of_rows() {
    check(
        "a,b\nz,x10\nb,9\nz,x10\na,10\n",
        &expect![[r#"
            a: category [a|b|z] = z b z a
            b: category [10|9|x10] = x10 9 x10 10
        "#]],
    );
}

#[test]
fn dates_are_read_in_their_usual_forms() {
    check(
        "iso,us,german,compact,zoned,month,named,clock\n\
         2013-08-14,08/14/2013,14.08.2013,20141013T000000,2013-08-14T10:00:00+02:00,1949-01,14-Aug-2013,8/14/2013 1:05 PM\n\
         2016-07-01 00:30:00,01/02/2013,01.02.2013,20141231T235959,2013-08-14T08:00:00.25Z,1949-12,2 December 2014,1/2/2013 12:00:00 AM\n",
        &expect![[r#"
            iso: timestamp = 2013-08-14 2016-07-01T00:30:00Z
            us: timestamp %m/%d/%Y = 2013-08-14 2013-01-02
            german: timestamp %d/%m/%Y = 2013-08-14 2013-02-01
            compact: timestamp = 2014-10-13 2014-12-31T23:59:59Z
            zoned: timestamp = 2013-08-14T08:00:00Z 2013-08-14T08:00:00.25Z
            month: timestamp = 1949-01-01 1949-12-01
            named: timestamp = 2013-08-14 2014-12-02
            clock: timestamp %m/%d/%Y = 2013-08-14T13:05:00Z 2013-01-02
        "#]],
    );
}

#[test]
fn a_date_that_fits_two_orders_is_read_the_usual_way_and_told() {
    check(
        "a,b\n01/02/2013,01.02.2013\n03/04/2013,03.04.2013\n",
        &expect![[r#"
            a: timestamp %m/%d/%Y = 2013-01-02 2013-03-04
            b: timestamp %d/%m/%Y = 2013-02-01 2013-04-03
            ! the dates of 'a' fit two orders of day and month; read month first
            ! the dates of 'b' fit two orders of day and month; read day first
        "#]],
    );
}

#[test]
fn dates_that_do_not_exist_are_no_dates() {
    assert_eq!(column(&["2013-02-30", "2013-02-01"]).0, Kind::Category);
    assert_eq!(column(&["13/13/2013", "01/01/2013"]).0, Kind::Category);
    assert_eq!(
        column(&["2013-02-01 25:00", "2013-02-01"]).0,
        Kind::Category
    );
}

#[test]
fn eight_digits_are_dates_only_when_there_are_many_and_all_are_valid() {
    let days = |n: usize| (1..=n).map(|day| format!("201410{day:02}"));
    assert_eq!(named("sold", days(20)).0, Kind::Timestamp);
    assert_eq!(named("sold", days(5)).0, Kind::Number);
    let with_amount = days(20).chain(["20149999".to_owned()]);
    assert_eq!(named("sold", with_amount).0, Kind::Number);
}

#[test]
fn codes_with_leading_zeros_keep_them() {
    check(
        "zip,amount\n00501,007\n98178,12\n00501,1\n",
        &expect![[r#"
            zip: category [00501|98178] = 00501 98178 00501
            amount: number = 7 12 1
        "#]],
    );
}

#[test]
fn sentences_and_names_are_text_and_labels_are_not() {
    let sentences = (0..60).map(|i| format!("this film is number {i} of its kind"));
    assert_eq!(named("review", sentences), (Kind::Text, Role::Feature));
    let names = (0..200).map(|i| format!("Person{} Family{}", i % 150, i % 7));
    assert_eq!(named("name", names), (Kind::Text, Role::Feature));
    let tickets = (0..200).map(|i| format!("A{}", i % 140));
    assert_eq!(named("ticket", tickets), (Kind::Text, Role::Feature));
    let labels = (0..200).map(|i| format!("credit card (automatic) {}", i % 4));
    assert_eq!(named("payment", labels), (Kind::Category, Role::Feature));
    let many = (0..1000).map(|i| format!("V{}", i % 300));
    assert_eq!(named("diagnosis", many), (Kind::Category, Role::Feature));
}

#[test]
fn serial_numbers_and_unique_words_are_ids() {
    let serial = (0..50).map(|i| (i * 7 % 50 + 1).to_string());
    assert_eq!(named("instant", serial), (Kind::Number, Role::Id));
    let sparse = |name| named(name, (0..50).map(|i| (i * i * 1000 + 5).to_string()));
    assert_eq!(sparse("IDpol"), (Kind::Number, Role::Id));
    assert_eq!(sparse("customerID"), (Kind::Number, Role::Id));
    assert_eq!(sparse("paid"), (Kind::Number, Role::Feature));
    let keys = (0..50).map(|i| format!("{i}-VHVEG"));
    assert_eq!(named("customer", keys), (Kind::Text, Role::Id));
    let years = (1950..2000).map(|year| year.to_string());
    assert_eq!(named("year", years), (Kind::Number, Role::Feature));
    let decimals = (0..50).map(|i| format!("{i}.0"));
    assert_eq!(named("height", decimals), (Kind::Number, Role::Feature));
}

#[test]
fn constant_and_empty_columns_are_left_out() {
    check(
        "a,b,c,d\nx,,1,x\nx,?,2,\nx,NA,3,x\n",
        &expect![[r#"
            a: category Ignored [x] = x x x
            b: number Ignored = · · ·
            c: number = 1 2 3
            d: category [x] = x · x
            ! 'a' holds only 'x' and cannot help; it is left out
            ! 'b' holds no value and cannot help; it is left out
        "#]],
    );
}

#[test]
fn a_column_that_repeats_another_is_left_out() {
    check(
        "a,b,c\n1,1,1\n2,2,2\n3,3,4\n",
        &expect![[r#"
            a: number = 1 2 3
            b: number Ignored = 1 2 3
            c: number = 1 2 4
            ! 'b' repeats 'a' in every row; it is left out
        "#]],
    );
}

#[test]
fn the_target_keeps_its_role() {
    let options = ReadOptions {
        targets: vec!["y".into()],
        ..ReadOptions::default()
    };
    let source = Source::bytes("data.csv", *b"x,y\n1,1\n2,2\n3,3\n");
    let loaded = load_with(&source, &options, None).unwrap();
    expect![[r#"
        x: number = 1 2 3
        y: number Target = 1 2 3
    "#]]
    .assert_eq(&show(&loaded));
}

#[test]
fn a_few_words_among_many_numbers_are_told() {
    let mut text = String::from("x,y\n");
    for i in 0..40 {
        writeln!(text, "{i}.5,{}", i % 2).unwrap();
    }
    text += "unknown,1\n";
    let loaded = load("data.csv", text.as_bytes()).unwrap();
    assert_eq!(loaded.schema.fields[0].kind, Kind::Category);
    expect!["'x' is read as a category because 1 of its 41 cells are no numbers, such as 'unknown' (line 42 of data.csv); if they mean that the value is missing, add them to the missing marks"]
        .assert_eq(&loaded.warnings[0].message);
}

#[test]
fn facts_count_cells() {
    let loaded = load("data.csv", b"a,b\n1,x\n2,\n2,x\n").unwrap();
    let facts: Vec<_> = loaded
        .facts
        .iter()
        .map(|facts| (facts.n_missing, facts.n_distinct, facts.is_integer))
        .collect();
    assert_eq!(facts, [(0, 2, true), (1, 1, false)]);
    assert_eq!(loaded.n_rows, 3);
}

#[test]
fn names_are_trimmed_and_the_nameless_named() {
    check(
        " a ,,c\n1,2,3\n4,5,6\n",
        &expect![[r#"
            a: number = 1 4
            column_2: number = 2 5
            c: number = 3 6
            ! column 2 has no name and is called 'column_2'
        "#]],
    );
}

#[test]
fn decimal_commas_are_numbers_where_semicolons_stand_between_cells() {
    check(
        "a;b;c;d\n1,5;1.234,5;1.5;1,2\n-2;12,25;2.25;3.4\n;1.000;3;x\n",
        &expect![[r#"
            a: number decimal comma = 1.5 -2 ·
            b: number decimal comma = 1234.5 12.25 1000
            c: number = 1.5 2.25 3
            d: category [1,2|3.4|x] = 1,2 3.4 x
        "#]],
    );
    assert_eq!(
        column(&["1,5", "2,5", "1,5"]).0,
        Kind::Category,
        "commas stand between the cells of this file"
    );
}

#[test]
fn a_first_line_of_data_is_told() {
    let told = |text: &str| {
        let loaded = load("data.csv", text.as_bytes()).unwrap();
        let warnings = loaded.warnings.into_iter();
        warnings.map(|w| w.message).find(|m| m.contains("header"))
    };
    assert_eq!(
        told("39,Private,Male,>50K\n50,State,Male,<=50K\n38,Private,Female,>50K\n").unwrap(),
        "the column names look like a row of data ('39', 'Private', 'Male', …); if data.csv has no header, put a line of names before its first row"
    );
    assert!(told("5.1,3.5,1.4\n4.9,3.0,1.3\n").is_some());
    assert!(
        told("a;1,5;3,5\na;4,9;3,0\n").is_some(),
        "with decimal commas"
    );
    assert!(told("5,1,5.5\n5,2,5.6\n").is_some());
    for fine in [
        "a,b\n1,2\n",
        "city,2019,2020\nParis,1,2\n",
        "2019,2020,2021\n4,5,6\n",
        "0,1\n3,4\n",
        "400,402,404\n0.1,0.2,0.3\n",
    ] {
        assert_eq!(told(fine), None, "{fine}");
    }
}
