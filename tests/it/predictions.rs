//! Predictions depend on the values of the named columns alone: not on their order, the file's format or its length.

use crate::harness::{Desk, repository};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A table as text: what the reader of a CSV file sees.
#[derive(Clone)]
struct Cells {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Cells {
    fn churn_test() -> Self {
        let path = repository().join("datasets/churn_test.csv");
        Self::parse(&std::fs::read(path).expect("the table can be read"))
    }

    fn parse(text: &[u8]) -> Self {
        let mut reader = csv::Reader::from_reader(text);
        let own = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = own(reader.headers().expect("the table has a header"));
        let rows = reader
            .records()
            .map(|record| own(&record.expect("the table is valid")))
            .collect();
        Self { header, rows }
    }

    /// The columns at these places, in this order.
    fn select(&self, columns: &[usize]) -> Self {
        let pick = |row: &Vec<String>| columns.iter().map(|&column| row[column].clone()).collect();
        Self {
            header: pick(&self.header),
            rows: self.rows.iter().map(pick).collect(),
        }
    }

    fn without(&self, name: &str) -> Self {
        let kept: Vec<usize> = (0..self.header.len())
            .filter(|&column| self.header[column] != name)
            .collect();
        self.select(&kept)
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut more = self.clone();
        more.header.push(name.to_owned());
        more.rows
            .iter_mut()
            .for_each(|row| row.push(value.to_owned()));
        more
    }

    fn to_csv(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header).expect("memory takes all");
        for row in &self.rows {
            writer.write_record(row).expect("memory takes all");
        }
        writer.into_inner().expect("memory takes all")
    }

    fn is_number(&self, column: usize) -> bool {
        let is_number = |cell: &str| cell.is_empty() || cell == "NA" || cell.parse::<f64>().is_ok();
        self.rows.iter().all(|row| is_number(&row[column]))
    }

    fn to_json_lines(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let mut object = Map::new();
            for (column, name) in self.header.iter().enumerate() {
                let cell = &row[column];
                let value = match cell.parse::<f64>() {
                    _ if cell.is_empty() || cell == "NA" => Value::Null,
                    Ok(number) if self.is_number(column) => number.into(),
                    _ => cell.as_str().into(),
                };
                object.insert(name.clone(), value);
            }
            text.push_str(&Value::Object(object).to_string());
            text.push('\n');
        }
        text
    }

    fn to_parquet(&self) -> Vec<u8> {
        let columns = self.header.iter().enumerate().map(|(column, name)| {
            let cells = self.rows.iter().map(|row| &row[column]);
            let array: ArrayRef = if self.is_number(column) {
                Arc::new(
                    cells
                        .map(|cell| cell.parse::<f64>().ok())
                        .collect::<Float64Array>(),
                )
            } else {
                Arc::new(
                    cells
                        .map(|cell| Some(cell.as_str()).filter(|cell| !cell.is_empty()))
                        .collect::<StringArray>(),
                )
            };
            (name, array, true)
        });
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("the schema is plain");
        writer.write(&batch).expect("memory takes all");
        writer.close().expect("memory takes all");
        bytes
    }
}

fn desk_with_expected() -> (Desk, String) {
    let desk = Desk::new();
    desk.copy_churn_model();
    let expected = desk.automl_ok("predict model datasets/churn_test.csv");
    (desk, expected)
}

#[test]
fn predictions_have_one_row_for_each_row_in_its_order() {
    let (desk, expected) = desk_with_expected();
    let mut lines = expected.lines();
    assert_eq!(
        lines.next(),
        Some("prediction,probability_no,probability_yes")
    );
    for line in lines.by_ref() {
        let cells: Vec<&str> = line.split(',').collect();
        let probability = |column: usize| {
            cells[column]
                .parse::<f64>()
                .expect("a probability is a number")
        };
        assert!(
            (probability(1) + probability(2) - 1.0).abs() < 1e-6,
            "{line}"
        );
        assert_eq!(
            cells[0],
            if probability(2) > probability(1) {
                "yes"
            } else {
                "no"
            },
            "{line}"
        );
    }
    let mut backwards = Cells::churn_test();
    backwards.rows.reverse();
    desk.write("backwards.csv", backwards.to_csv());
    let mut reversed: Vec<String> = desk
        .automl_ok("predict model backwards.csv")
        .lines()
        .map(str::to_owned)
        .collect();
    reversed[1..].reverse();
    assert_eq!(reversed, expected.lines().collect::<Vec<_>>());
}

#[test]
fn columns_are_matched_by_name() {
    let (desk, expected) = desk_with_expected();
    let cells = Cells::churn_test();
    let backwards: Vec<usize> = (0..cells.header.len()).rev().collect();
    desk.write("shuffled.csv", cells.select(&backwards).to_csv());
    assert_eq!(desk.automl_ok("predict model shuffled.csv"), expected);
}

#[test]
fn the_target_is_not_needed() {
    let (desk, expected) = desk_with_expected();
    desk.write("new.csv", Cells::churn_test().without("churned").to_csv());
    assert_eq!(desk.automl_ok("predict model new.csv"), expected);
}

#[test]
fn extra_columns_are_ignored_with_one_warning() {
    let (desk, expected) = desk_with_expected();
    desk.write(
        "wide.csv",
        Cells::churn_test()
            .with("mood", "fine")
            .with("weather", "12")
            .to_csv(),
    );
    let outcome = desk.automl("predict model wide.csv");
    assert_eq!((outcome.exit_code, outcome.stdout), (Some(0), expected));
    let warnings: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("warning"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", outcome.stderr);
    assert!(
        warnings[0].contains("mood") && warnings[0].contains("weather"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_missing_column_is_named_and_can_be_allowed() {
    let (desk, expected) = desk_with_expected();
    desk.write(
        "narrow.csv",
        Cells::churn_test().without("last_login").to_csv(),
    );
    let refused = desk.automl("predict model narrow.csv");
    assert_eq!((refused.exit_code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused
            .stderr
            .starts_with("error[data-column-missing]: no column 'last_login'"),
        "{}",
        refused.stderr
    );
    let allowed = desk.automl("predict model narrow.csv --allow-missing-columns");
    assert_eq!(allowed.exit_code, Some(0), "{}", allowed.stderr);
    assert!(allowed.stderr.contains("last_login"), "{}", allowed.stderr);
    assert_eq!(allowed.stdout.lines().count(), expected.lines().count());
    assert_ne!(allowed.stdout, expected, "the column has a say");
}

#[test]
fn a_cell_of_the_wrong_kind_is_named_with_its_line() {
    let (desk, _) = desk_with_expected();
    let mut cells = Cells::churn_test();
    let seats = cells
        .header
        .iter()
        .position(|name| name == "seats")
        .expect("the table has seats");
    cells.rows[4][seats] = "many".to_owned();
    desk.write("wrong.csv", cells.to_csv());
    let outcome = desk.automl("predict model wrong.csv --output predictions.csv");
    assert_eq!(outcome.exit_code, Some(2));
    for part in ["'many'", "'seats'", "line 6"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert_eq!(
        desk.entries(),
        ["model", "wrong.csv"],
        "no predictions are left behind"
    );
}

#[test]
fn csv_parquet_json_lines_and_stdin_give_equal_predictions() {
    let (desk, expected) = desk_with_expected();
    let cells = Cells::churn_test();
    desk.write("new.parquet", cells.to_parquet());
    desk.write("new.jsonl", cells.to_json_lines());
    for line in [
        "automl predict model new.parquet",
        "automl predict model new.jsonl",
        "automl predict model - < datasets/churn_test.csv",
        "gzip -c datasets/churn_test.csv > new.csv.gz && automl predict model new.csv.gz",
        "automl predict model datasets/churn_test.csv --output out.csv && cat out.csv",
    ] {
        let outcome = desk.shell(line);
        assert_eq!(outcome.exit_code, Some(0), "{line}: {}", outcome.stderr);
        assert!(outcome.stdout == expected, "{line} gives other predictions");
    }
}

#[test]
fn every_kind_of_output_holds_the_same_predictions() {
    let (desk, expected) = desk_with_expected();
    let tabs = expected.replace(',', "\t");
    let predict = "automl predict model datasets/churn_test.csv --output";
    for (line, wanted) in [
        (
            format!("{predict} out.csv.gz && gzip -dc out.csv.gz"),
            &expected,
        ),
        (format!("{predict} out.tsv && cat out.tsv"), &tabs),
        (
            format!("{predict} new/folder/out.tsv.gz && gzip -dc new/folder/out.tsv.gz"),
            &tabs,
        ),
    ] {
        let outcome = desk.shell(&line);
        assert_eq!(outcome.exit_code, Some(0), "{line}: {}", outcome.stderr);
        assert!(outcome.stdout == *wanted, "{line} gives other predictions");
    }
    let outcome = desk.shell(&format!(
        "{predict} out.jsonl --keep customer_id && cat out.jsonl"
    ));
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    for (line, wanted) in outcome.stdout.lines().zip(expected.lines().skip(1)) {
        let object: Map<String, Value> = serde_json::from_str(line).expect("a line is an object");
        let names: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert!(object["customer_id"].is_string());
        let cells = [
            object["prediction"].as_str().map(str::to_owned),
            Some(object["probability_no"].to_string()),
            Some(object["probability_yes"].to_string()),
        ];
        let cells: Vec<String> = cells.into_iter().flatten().collect();
        assert_eq!(cells.join(","), wanted);
    }
    let refused = desk.automl("predict model nowhere.csv --output missing/out.csv");
    assert_eq!(refused.exit_code, Some(2));
    assert!(
        !desk.path("missing").exists(),
        "no directory is left behind"
    );
}

#[test]
fn a_file_predicts_like_its_rows_one_by_one() {
    let (desk, expected) = desk_with_expected();
    let cells = Cells::churn_test();
    for (row, wanted) in expected.lines().skip(1).enumerate().step_by(60) {
        let one = Cells {
            header: cells.header.clone(),
            rows: vec![cells.rows[row].clone()],
        };
        desk.write("one.csv", one.to_csv());
        let got = desk.automl_ok("predict model one.csv");
        assert_eq!(got.lines().nth(1), Some(wanted), "row {row}");
    }
}

/// The table of rents, cut into rows to learn from and rows to look at.
#[test]
fn intervals_hold_as_many_targets_as_they_say() {
    let desk = Desk::new();
    let all = Cells::parse(&desk.read("datasets/rents.csv"));
    let (mut learn, mut look) = (all.clone(), all.clone());
    learn.rows = all.rows.iter().step_by(2).cloned().collect();
    look.rows = all.rows.iter().skip(1).step_by(2).cloned().collect();
    desk.write("learn.csv", learn.to_csv());
    desk.write("look.csv", look.to_csv());
    desk.automl_ok("fit learn.csv --target rent_eur --max-trials 3 --folds 5 --output model");
    let text = desk.automl_ok("predict model look.csv --interval 0.8,95%");
    let bounds = Cells::parse(text.as_bytes());
    assert_eq!(
        bounds.header,
        ["prediction", "lower_80", "upper_80", "lower_95", "upper_95"]
    );
    let position = |cells: &Cells, name: &str| {
        let found = cells.header.iter().position(|known| known == name);
        found.expect("the column is there")
    };
    let rent = position(&look, "rent_eur");
    for (percents, asked) in [(80, 0.8), (95, 0.95)] {
        let [low, high] =
            ["lower", "upper"].map(|side| position(&bounds, &format!("{side}_{percents}")));
        let number = |cell: &String| cell.parse::<f64>().expect("it is a number");
        let rows = bounds.rows.iter().zip(&look.rows);
        let n_in = rows
            .filter(|(bounds, row)| {
                let range = number(&bounds[low])..=number(&bounds[high]);
                range.contains(&number(&row[rent]))
            })
            .count();
        let share = n_in as f64 / look.rows.len() as f64;
        assert!((share - asked).abs() < 0.07, "{percents} %: {share}");
    }
    let too_rare = desk.automl("predict model look.csv --interval 0.9999");
    assert_eq!(too_rare.exit_code, Some(2));
    assert!(
        too_rare.stderr.contains("error[predict-coverage]: "),
        "{}",
        too_rare.stderr
    );
    std::fs::remove_dir_all(desk.path("model")).expect("it can be removed");
    desk.copy_churn_model();
    let classes = desk.automl("predict model datasets/churn_test.csv --interval 0.9");
    assert!(
        classes.stderr.contains("error[predict-no-intervals]: "),
        "{}",
        classes.stderr
    );
}

#[test]
fn what_is_exported_as_a_graph_and_imported_again_says_the_same() {
    let desk = Desk::new();
    let churn = repository().join("datasets/churn.csv");
    desk.automl_ok(&format!(
        "fit {} --target churned --drop signup_date,last_login,last_note --max-trials 8 --holdout 0.3 --output ours",
        churn.display()
    ));
    desk.automl_ok("export ours --format onnx --output ours.onnx");
    desk.automl_ok("models import ours.onnx --output again");
    // Cells are missing there, too.
    desk.write("rows.csv", Cells::churn_test().to_csv());
    let told = |model: &str| {
        desk.automl_ok(&format!("predict {model} rows.csv --output {model}.csv"));
        Cells::parse(&desk.read(&format!("{model}.csv")))
    };
    let (ours, again) = (told("ours"), told("again"));
    assert_eq!(ours.header, again.header);
    for (one, other) in ours.rows.iter().zip(&again.rows) {
        assert_eq!(one[0], other[0]);
        let probability = |row: &[String]| row[1].parse::<f64>().expect("it is a number");
        let gap = (probability(one) - probability(other)).abs();
        assert!(gap < 1e-9, "{one:?} {other:?}");
    }
}
