//! What a schema file changes, how it is refused, and that a written one reads back.

use super::{load, load_with, show_error, show_result};
use crate::{ReadOptions, SchemaFile, Source, write_schema};
use expect_test::{Expect, expect};

fn check(schema: &str, text: &str, expected: &Expect) {
    let source = Source::bytes("t.csv", text.as_bytes());
    let result = load_with(&source, &ReadOptions::default(), Some(schema));
    expected.assert_eq(&show_result(result));
}

#[test]
fn kinds_roles_levels_and_formats_are_overridden() {
    check(
        "missing: ['', none]\n\
         columns:\n  zip: {kind: category}\n  size: {levels: [S, M, L]}\n  \
         sold: {format: '%y/%m/%d'}\n  weight: {role: weight}\n  note: {kind: text}\n",
        "zip,size,sold,weight,note\n10,L,13/08/14,1,a\n9,S,13/08/15,2,none\n10,none,13/08/14,1,b\n",
        &expect![[r#"
            zip: category [9|10] = 10 9 10
            size: category [S|M|L] = L S ·
            sold: timestamp %y/%m/%d = 2013-08-14 2013-08-15 2013-08-14
            weight: number Weight = 1 2 1
            note: text = "a" · "b"
        "#]],
    );
}

#[test]
fn roles_given_by_hand_are_not_warned_about() {
    check(
        "columns: {a: {role: feature}, b: {role: feature}}",
        "a,b,c\n1,1,2\n1,1,3\n",
        &expect![[r#"
            a: number = 1 1
            b: number = 1 1
            c: number = 2 3
        "#]],
    );
}

#[test]
fn day_first_can_be_said() {
    check(
        "columns: {a: {format: '%d/%m/%Y'}}",
        "a\n01/02/2013\n03/04/2013 10:00\n",
        &expect![[r#"
            a: timestamp %d/%m/%Y = 2013-02-01 2013-04-03T10:00:00Z
        "#]],
    );
}

#[test]
fn cells_that_do_not_fit_the_kind_given_are_named() {
    check(
        "columns: {a: {kind: number}}",
        "a,b\n1,x\n2,y\nmany,z\n",
        &expect![[r#"
            [data-cell] 'many' in column 'a' is not a number, line 4 of t.csv
            hint: correct the cell, give the column another kind with --schema, or add 'many' to the missing marks
        "#]],
    );
    check(
        "columns: {a: {kind: boolean}}",
        "a\nyes\nno\nmaybe\n",
        &expect![[r#"
            [data-cell] 'maybe' in column 'a' is not a boolean, line 4 of t.csv
            hint: correct the cell, give the column another kind with --schema, or add 'maybe' to the missing marks
        "#]],
    );
}

#[test]
fn levels_that_are_not_listed_count_as_unseen() {
    check(
        "columns: {a: {levels: [x, y]}}",
        "a,b\nx,1\nz,2\ny,4\n",
        &expect![[r#"
            a: category [x|y] = x unseen y
            b: number = 1 2 4
            ! 'a' holds values that are none of its levels, such as 'z' (line 3 of t.csv)
        "#]],
    );
}

#[test]
fn a_column_that_is_not_there_offers_its_neighbours() {
    check(
        "columns: {zipcod: {kind: category}}",
        "zipcode,b\n1,2\n3,4\n",
        &expect![[r#"
            [data-column-unknown] no column 'zipcod', which the schema file names: t.csv
            hint: did you mean 'zipcode'?
        "#]],
    );
}

fn check_refused(schema: &str, expected: &Expect) {
    expected.assert_eq(&show_error(
        &SchemaFile::parse(schema, "schema.yaml").unwrap_err(),
    ));
}

#[test]
fn unknown_keys_and_kinds_name_their_line() {
    check_refused(
        "missing: []\ncolums:\n  a: {kind: number}\n",
        &expect![[r#"
            [data-schema] no key is called 'colums', line 2 of schema.yaml
            hint: did you mean 'columns'?
        "#]],
    );
    check_refused(
        "columns:\n  a: {kind: number}\n  b: {knd: number}\n",
        &expect![[r#"
            [data-schema] no key is called 'knd', line 3 of schema.yaml
            hint: did you mean 'kind'?
        "#]],
    );
    check_refused(
        "columns:\n  a:\n    kind: numeric\n",
        &expect![[r#"
        [data-schema] no kind or role is called 'numeric', line 3 of schema.yaml
        hint: did you mean 'number'?
    "#]],
    );
    check_refused(
        "columns: [1, 2\n",
        &expect![[r#"
            [data-schema] expected mapping start, line 1 of schema.yaml
            hint: `automl profile DATA --write-schema schema.yaml` writes one to edit
        "#]],
    );
}

#[test]
fn a_written_schema_reads_back_to_the_same_table() {
    let text = "id,when,zip,flag,\"odd: name\",no,x\n\
        1,14/08/2013,00501,yes,\"a, b\",1,0.5\n2,15/08/2013,98178,no,\"c\"\"d\",2,x\n3,15/08/2013,00501,no,1,3,x\n";
    let first = load("t.csv", text.as_bytes()).unwrap();
    let written = write_schema(&first.schema);
    expect![[r##"
        # Kinds: number, boolean, category, text, timestamp.
        # Roles: feature, target, weight, group, time, id, ignored.
        missing: ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "null", "NULL", "None", "<NA>", "?", "-", "#N/A", "#N/A N/A", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?"]
        columns:
          id: {kind: number}
          when: {kind: timestamp, format: "%d/%m/%Y"}
          zip: {kind: category, levels: ["00501", "98178"]}
          flag: {kind: boolean, levels: ["no", "yes"]}
          "odd: name": {kind: category, levels: ["1", "a, b", "c\"d"]}
          "no": {kind: number, role: ignored}
          x: {kind: category, levels: ["0.5", "x"]}
    "##]]
    .assert_eq(&written);
    let source = Source::bytes("t.csv", text.as_bytes());
    let again = load_with(&source, &ReadOptions::default(), Some(&written)).unwrap();
    assert_eq!(first.schema, again.schema);
    assert_eq!(format!("{:?}", first.table), format!("{:?}", again.table));
}

#[test]
fn columns_that_a_table_may_lack_are_passed_over() {
    let schema = "columns: {a: {kind: text}, gone: {kind: number}}";
    let source = Source::bytes("t.csv", "a,b\n1,2\n3,5\n".as_bytes());
    let strict = ReadOptions::default();
    assert!(load_with(&source, &strict, Some(schema)).is_err());
    let options = ReadOptions {
        may_lack: true,
        ..strict
    };
    let result = load_with(&source, &options, Some(schema));
    let expected = expect![[r#"
        a: text = "1" "3"
        b: number = 2 5
    "#]];
    expected.assert_eq(&show_result(result));
}

#[test]
fn an_empty_file_says_nothing() {
    assert_eq!(
        SchemaFile::parse("{}", "s.yaml").unwrap(),
        SchemaFile::default()
    );
}
