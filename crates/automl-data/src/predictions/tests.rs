//! What the files of predictions hold, byte for byte and read back.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use super::*;
use crate::{ReadOptions, Source, read_table};
use automl_core::Task;
use expect_test::{Expect, expect};

fn write(format: PredictionFormat, classes: &[&str], predictions: &[Predictions]) -> Vec<u8> {
    let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
    let columns = PredictionColumns {
        kept: &[],
        classes: &classes,
        quantiles: &[],
        targets: &[],
        further: &[],
    };
    let mut writer = PredictionWriter::new(Vec::new(), "out", format, columns).unwrap();
    for batch in predictions {
        writer.write(batch, &[]).unwrap();
    }
    writer.finish().unwrap()
}

fn check_csv(classes: &[&str], predictions: &[Predictions], expected: &Expect) {
    let text = String::from_utf8(write(PredictionFormat::Csv, classes, predictions)).unwrap();
    expected.assert_eq(&text);
}

fn probabilities(n_classes: usize, values: &[f64]) -> Predictions {
    Predictions::Probabilities {
        n_classes,
        values: values.to_vec(),
    }
}

#[test]
fn numbers_are_the_shortest_that_read_back() {
    let numbers = Predictions::Numbers(vec![0.1 + 0.2, -3.0, 1e-300, 1e22, 0.0]);
    check_csv(
        &[],
        &[numbers],
        &expect![[r#"
            prediction
            0.30000000000000004
            -3
            1e-300
            1e22
            0
        "#]],
    );
}

#[test]
fn classes_come_with_their_probabilities_batch_after_batch() {
    check_csv(
        &["<=50K", ">50K"],
        &[
            probabilities(2, &[0.75, 0.25]),
            probabilities(2, &[0.5, 0.5, 0.125, 0.875]),
        ],
        &expect![[r#"
            prediction,probability_<=50K,probability_>50K
            <=50K,0.75,0.25
            <=50K,0.5,0.5
            >50K,0.125,0.875
        "#]],
    );
}

#[test]
fn classes_with_commas_quotes_and_line_ends_are_quoted() {
    check_csv(
        &["a,b", "say \"x\""],
        &[probabilities(2, &[0.0, 1.0])],
        &expect![[r#"
            prediction,"probability_a,b","probability_say ""x"""
            "say ""x""",0,1
        "#]],
    );
}

#[test]
fn no_rows_leave_a_header() {
    check_csv(
        &["no", "yes"],
        &[],
        &expect![[r#"
        prediction,probability_no,probability_yes
    "#]],
    );
}

#[test]
fn parquet_holds_the_same_table_as_csv() {
    let rows = [
        probabilities(3, &[0.1, 0.2, 0.7]),
        probabilities(3, &[0.8, 0.1, 0.1, 0.3, 0.4, 0.3]),
    ];
    let read = |format, name: &str| {
        let bytes = write(format, &["a", "b", "c"], &rows);
        let loaded = read_table(&Source::bytes(name, bytes), &ReadOptions::default(), None);
        format!("{:?}", loaded.unwrap().table)
    };
    assert_eq!(
        read(PredictionFormat::Csv, "p.csv"),
        read(PredictionFormat::Parquet, "p.parquet")
    );
}

/// Takes a few bytes, then has no space left.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for format in [PredictionFormat::Csv, PredictionFormat::Parquet] {
        let numbers = Predictions::Numbers((0..100_000).map(f64::from).collect());
        let none = PredictionColumns {
            kept: &[],
            classes: &[],
            quantiles: &[],
            targets: &[],
            further: &[],
        };
        let failed = PredictionWriter::new(Full(64), "out", format, none).and_then(|mut writer| {
            writer.write(&numbers, &[])?;
            writer.finish()
        });
        let Err(error) = failed else {
            panic!("{format:?} was written to a full disk");
        };
        assert_eq!(automl_core::Coded::code(&error), "output-full");
    }
}

#[test]
fn kept_columns_stand_first_and_are_quoted_where_needed() {
    let kept = ["id".to_owned()];
    let columns = PredictionColumns {
        kept: &kept,
        classes: &[],
        quantiles: &[],
        targets: &[],
        further: &[],
    };
    let ids = [Texts::from_iter([Some("007"), None, Some("a,b")])];
    let numbers = Predictions::Numbers(vec![1.0, 2.0, 3.0]);
    let mut writer =
        PredictionWriter::new(Vec::new(), "out", PredictionFormat::Csv, columns).unwrap();
    writer.write(&numbers, &ids).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert_eq!(text, "id,prediction\n007,1\n,2\n\"a,b\",3\n");

    let mut writer =
        PredictionWriter::new(Vec::new(), "out", PredictionFormat::Parquet, columns).unwrap();
    writer.write(&numbers, &ids).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.parquet");
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    let source = Source::parse(path.to_str().unwrap());
    let read = read_table(&source, &ReadOptions::default(), None).unwrap();
    assert_eq!(read.table.names().collect::<Vec<_>>(), ["id", "prediction"]);
    assert!(read.table.column("id").unwrap().is_missing(1));
}

#[test]
fn a_kept_column_cannot_be_called_as_a_written_one() {
    let kept = ["prediction".to_owned()];
    let columns = PredictionColumns {
        kept: &kept,
        classes: &[],
        quantiles: &[],
        targets: &[],
        further: &[],
    };
    let error =
        PredictionWriter::new(Vec::new(), "out", PredictionFormat::Csv, columns).unwrap_err();
    assert!(matches!(error, DataError::KeptName { name } if name == "prediction"));
}

/// Two classes of `a`, a number of `b`, three classes of `c`.
fn of_three_targets(format: PredictionFormat) -> Vec<u8> {
    let task = |classes: &[&str]| {
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        match classes.len() {
            0 => Task::Regression,
            2 => Task::Binary { classes },
            _ => Task::Multiclass { classes },
        }
    };
    let target = |name: &str, classes: &[&str]| TargetTask {
        target: name.to_owned(),
        task: task(classes),
    };
    let targets = [
        target("a", &["no", "yes"]),
        target("b", &[]),
        target("c", &["x", "y", "z"]),
    ];
    let columns = PredictionColumns {
        kept: &["id".to_owned()],
        classes: &[],
        quantiles: &[],
        targets: &targets,
        further: &[],
    };
    let parts = [
        probabilities(2, &[0.75, 0.25, 0.5, 0.5]),
        Predictions::Numbers(vec![1.5, -2.0]),
        probabilities(3, &[0.5, 0.25, 0.25, 0.0, 0.25, 0.75]),
    ];
    let above = Decision::Each(vec![
        Decision::Above(0.4),
        Decision::Likeliest,
        Decision::Likeliest,
    ]);
    let writer = PredictionWriter::new(Vec::new(), "out", format, columns).unwrap();
    let mut writer = writer.deciding_by(above);
    let kept: Texts = [Some("k1"), Some("k2")].into_iter().collect();
    writer
        .write(&Predictions::side_by_side(&parts), &[kept])
        .unwrap();
    writer.finish().unwrap()
}

#[test]
fn several_targets_have_columns_each() {
    let text = |format| String::from_utf8(of_three_targets(format)).unwrap();
    expect![[r#"
        id,a,probability_a_no,probability_a_yes,b,c,probability_c_x,probability_c_y,probability_c_z
        k1,no,0.75,0.25,1.5,x,0.5,0.25,0.25
        k2,yes,0.5,0.5,-2,z,0,0.25,0.75
    "#]]
    .assert_eq(&text(PredictionFormat::Csv));
    expect![[r#"
        {"id":"k1","a":"no","probability_a_no":0.75,"probability_a_yes":0.25,"b":1.5,"c":"x","probability_c_x":0.5,"probability_c_y":0.25,"probability_c_z":0.25}
        {"id":"k2","a":"yes","probability_a_no":0.5,"probability_a_yes":0.5,"b":-2,"c":"z","probability_c_x":0,"probability_c_y":0.25,"probability_c_z":0.75}
    "#]]
    .assert_eq(&text(PredictionFormat::JsonLines));
    let desk = tempfile::tempdir().unwrap();
    let path = desk.path().join("out.parquet");
    std::fs::write(&path, of_three_targets(PredictionFormat::Parquet)).unwrap();
    let source = Source::parse(path.to_str().unwrap());
    let table = read_table(&source, &ReadOptions::default(), None)
        .unwrap()
        .table;
    let names: Vec<&str> = table.names().collect();
    let csv = text(PredictionFormat::Csv);
    assert_eq!(names.join(","), csv.lines().next().unwrap());
    assert_eq!(table.column("b").unwrap().as_number().unwrap(), [1.5, -2.0]);
    let last = table.column("probability_c_z").unwrap();
    assert_eq!(last.as_number().unwrap(), [0.25, 0.75]);
}
