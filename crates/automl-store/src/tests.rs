//! What a model directory promises: all or nothing when written, a typed answer to anything when read.

use crate::*;
use automl_core::{Array, ArrayData, Artifact, Coded, Field, Kind, Role, Schema, Task};
use proptest::prelude::*;
use serde_json::json;
use std::fs;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// A model with every element type, children, a file in a subdirectory and numbers that are hard to write.
fn sample(mark: f64) -> ModelContents {
    let mut artifact = Artifact::new("ensemble", json!({"weights": [0.1, 1e-300, mark]}));
    artifact.push_f64("values", vec![mark, -0.0, f64::NAN, f64::INFINITY, 5e-324]);
    let mut tree = Artifact::new("trees", json!({"depth": 3}));
    tree.push_u8("flags", vec![0, 255]);
    tree.push_u32("features", vec![0, u32::MAX]);
    tree.push_i32("left", vec![i32::MIN, 7]);
    tree.push_i64("times", vec![i64::MIN, 1]);
    tree.push_f32("leaves", vec![0.1, f32::MAX]);
    tree.push_f64("empty", vec![]);
    let matrix = Array {
        shape: vec![2, 3],
        data: ArrayData::F64(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    };
    tree.arrays.insert("matrix".into(), matrix);
    artifact.children = vec![Artifact::new("constant", json!(null)), tree];
    let task = Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    };
    let manifest = Manifest {
        created: rfc3339(1_376_472_600_000_000),
        outputs: prediction_schema(&task),
        task,
        inputs: Schema {
            fields: vec![Field {
                name: "ünïcode \"name\"".into(),
                kind: Kind::Category,
                role: Role::Feature,
                levels: vec!["a".into(), "b".into()],
                format: None,
            }],
            missing: vec!["?".into()],
        },
        metric: "roc_auc".into(),
        scores: [("roc_auc".to_owned(), 0.925_000_000_000_000_1)].into(),
        threshold: None,
        thresholds: None,
        costs: None,
        lineage: Lineage {
            data: "adult.csv".into(),
            data_fingerprint: "00ff".into(),
            n_rows_read: 12,
            n_rows: 10,
            n_features: 1,
            config: json!({"time_limit": 60.0, "folds": null}),
            seed: u64::MAX,
            git: Some(Git {
                commit: "0123abcd".into(),
                is_dirty: true,
            }),
            record: None,
            version: "0.1.0".into(),
            machine: Machine {
                os: "linux".into(),
                arch: "x86_64".into(),
                n_threads: 2,
            },
        },
    };
    let files = vec![
        ("leaderboard.json".into(), b"[]".to_vec()),
        ("events.jsonl".into(), Vec::new()),
        ("tensorboard/events.out".into(), vec![0, 159, 146, 150]),
    ];
    ModelContents {
        manifest,
        artifact,
        files,
    }
}

/// As bits, so that NaN and -0 count.
fn bits(artifact: &Artifact) -> Vec<u64> {
    let mut all: Vec<u64> = artifact
        .arrays
        .values()
        .filter_map(|array| match &array.data {
            ArrayData::F64(values) => Some(values.iter().map(|value| value.to_bits())),
            _ => None,
        })
        .flatten()
        .collect();
    artifact
        .children
        .iter()
        .for_each(|child| all.extend(bits(child)));
    all
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn files_of(directory: &Path) -> Vec<PathBuf> {
    [
        "manifest.json",
        "weights.safetensors",
        "leaderboard.json",
        "tensorboard/events.out",
    ]
    .map(|name| directory.join(name))
    .to_vec()
}

fn mark_of(directory: &Path) -> f64 {
    read_model(directory)
        .unwrap()
        .artifact
        .f64s("values")
        .unwrap()[0]
}

fn write(directory: &Path, mark: f64) -> Result<(), StoreError> {
    write_model(directory, &sample(mark), Overwrite::Replace)
}

#[test]
fn a_model_reads_back_as_it_was_written() {
    let parent = temporary();
    let directory = parent.path().join("deep/down/model");
    let contents = sample(2.5);
    write_model(&directory, &contents, Overwrite::Refuse).unwrap();
    let read = read_model(&directory).unwrap();
    assert_eq!(read.manifest, contents.manifest);
    assert_eq!(read.artifact.meta, contents.artifact.meta);
    assert_eq!(bits(&read.artifact), bits(&contents.artifact));
    assert_eq!(read.artifact.children, contents.artifact.children);
    for (name, bytes) in &contents.files {
        assert_eq!(&read.dir.file(name).unwrap(), bytes);
    }
    verify(&read.dir).unwrap();
    assert_eq!(names(directory.parent().unwrap()), ["model"]);
}

/// Reads every file, and so checks its content.
fn verify(dir: &ModelDir) -> Result<(), StoreError> {
    for entry in dir.files() {
        dir.file(&entry.path)?;
    }
    dir.artifact().map(|_| ())
}

#[test]
fn the_same_model_is_the_same_bytes() {
    let parent = temporary();
    let (a, b) = (parent.path().join("a"), parent.path().join("b"));
    write(&a, 1.0).unwrap();
    write(&b, 1.0).unwrap();
    for (a, b) in files_of(&a).iter().zip(files_of(&b)) {
        assert_eq!(fs::read(a).unwrap(), fs::read(b).unwrap());
    }
}

#[test]
fn the_golden_model_of_each_format_loads_for_ever() {
    let golden = Path::new("tests/golden/format-1");
    let read = read_model(golden).unwrap();
    verify(&read.dir).unwrap();
    let expected = sample(2.5);
    assert_eq!(read.manifest, expected.manifest);
    assert_eq!(bits(&read.artifact), bits(&expected.artifact));
    assert_eq!(read.artifact.children, expected.artifact.children);
}

#[test]
fn replacing_needs_leave_and_leaves_nothing_of_the_old_model() {
    let parent = temporary();
    let directory = parent.path().join("model");
    fs::create_dir(&directory).unwrap();
    write(&directory, 1.0).unwrap();
    let error = write_model(&directory, &sample(2.0), Overwrite::Refuse).unwrap_err();
    assert_eq!(error.code(), "store-exists");
    assert_eq!(
        error.hint().unwrap(),
        "replace it with --overwrite, or choose another directory"
    );
    assert_eq!(mark_of(&directory), 1.0);
    let mut contents = sample(2.0);
    contents.files.clear();
    write_model(&directory, &contents, Overwrite::Replace).unwrap();
    assert_eq!(mark_of(&directory), 2.0);
    assert_eq!(names(&directory), ["manifest.json", "weights.safetensors"]);
    assert_eq!(names(parent.path()), ["model"]);
}

#[test]
fn a_target_is_checked_before_the_work_and_left_as_it_was() {
    let temporary = temporary();
    let directory = temporary.path().join("new/model");
    check_target(&directory, Overwrite::Refuse).unwrap();
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    write(&directory, 1.0).unwrap();
    let refused = check_target(&directory, Overwrite::Refuse).unwrap_err();
    assert_eq!(refused.code(), "store-exists");
    check_target(&directory, Overwrite::Replace).unwrap();
    let foreign = temporary.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.txt"), "years of work").unwrap();
    assert_eq!(
        check_target(&foreign, Overwrite::Replace)
            .unwrap_err()
            .code(),
        "store-exists"
    );
    assert!(check_target(&foreign.join("thesis.txt/model"), Overwrite::Refuse).is_err());
}

#[test]
fn nothing_but_a_model_is_ever_replaced() {
    let parent = temporary();
    let holiday = parent.path().join("holiday");
    fs::create_dir(&holiday).unwrap();
    fs::write(holiday.join("photo.jpg"), "x").unwrap();
    assert_eq!(write(&holiday, 1.0).unwrap_err().code(), "store-exists");
    fs::write(holiday.join("manifest.json"), r#"{"name": "a web page"}"#).unwrap();
    assert_eq!(write(&holiday, 1.0).unwrap_err().code(), "store-exists");
    assert_eq!(names(&holiday), ["manifest.json", "photo.jpg"]);

    let file = parent.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(write(&file, 1.0).unwrap_err().code(), "store-exists");

    let model = parent.path().join("model");
    write(&model, 1.0).unwrap();
    fs::write(model.join("notes.txt"), "mine").unwrap();
    let error = write(&model, 2.0).unwrap_err();
    assert!(error.to_string().contains("'notes.txt'"), "{error}");
    assert_eq!(mark_of(&model), 1.0);
    assert_eq!(names(parent.path()), ["file", "holiday", "model"]);
}

/// The steps that a write takes.
fn steps() -> Vec<String> {
    let parent = temporary();
    let seen = std::cell::RefCell::new(Vec::new());
    let watch = |step: &str| {
        seen.borrow_mut().push(step.to_owned());
        Ok(())
    };
    let directory = parent.path().join("model");
    write::write_watched(&directory, (&sample(0.0), &[]), Overwrite::Replace, &watch).unwrap();
    seen.into_inner()
}

#[test]
fn a_kill_at_any_step_leaves_the_old_model_or_the_new_one() {
    assert_eq!(steps().len(), 7);
    for fatal in steps() {
        for has_old in [false, true] {
            let parent = temporary();
            let directory = parent.path().join("model");
            if has_old {
                write(&directory, 1.0).unwrap();
            }
            let watch = |step: &str| {
                if step == fatal {
                    resume_unwind(Box::new("killed"));
                }
                Ok(())
            };
            let run = AssertUnwindSafe(|| {
                write::write_watched(&directory, (&sample(2.0), &[]), Overwrite::Replace, &watch)
            });
            catch_unwind(run).unwrap_err();
            match (fatal.as_str(), has_old) {
                ("swapped", _) => assert_eq!(mark_of(&directory), 2.0),
                (_, true) => assert_eq!(mark_of(&directory), 1.0),
                (_, false) => assert!(!directory.exists()),
            }
            write(&directory, 3.0).unwrap();
            assert_eq!(mark_of(&directory), 3.0);
            assert_eq!(
                names(parent.path()),
                ["model"],
                "swept after a kill before {fatal}"
            );
        }
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_behind() {
    for fatal in steps().iter().filter(|step| *step != "swapped") {
        let parent = temporary();
        let directory = parent.path().join("new/model");
        let watch = |step: &str| {
            if step == fatal {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        };
        let error =
            write::write_watched(&directory, (&sample(2.0), &[]), Overwrite::Replace, &watch)
                .unwrap_err();
        assert_eq!(error.code(), "output-full");
        assert!(error.hint().unwrap().contains("the disk is full"));
        assert!(names(parent.path()).is_empty(), "after {fatal}");
    }
}

#[test]
fn the_work_of_a_living_writer_is_not_swept() {
    let parent = temporary();
    let directory = parent.path().join("model");
    let inner = |step: &str| {
        if step == "swap" {
            write(&directory, 1.0).unwrap();
        }
        Ok(())
    };
    write::write_watched(&directory, (&sample(2.0), &[]), Overwrite::Replace, &inner).unwrap();
    assert_eq!(mark_of(&directory), 2.0);
    assert_eq!(names(parent.path()), ["model"]);
}

#[test]
fn only_names_that_a_writer_makes_are_swept() {
    let parent = temporary();
    let kept = [
        ".model.tmp-mine",
        ".model.tmp-1",
        ".model.tmp-1-2-3",
        ".other.tmp-1-1",
    ];
    for name in kept {
        fs::create_dir(parent.path().join(name)).unwrap();
    }
    fs::create_dir(parent.path().join(".model.tmp-99999999-0")).unwrap();
    write(&parent.path().join("model"), 1.0).unwrap();
    assert_eq!(names(parent.path()).len(), kept.len() + 1);
}

#[test]
fn what_is_not_a_model_says_what_it_is() {
    let parent = temporary();
    let code = |path: &str| read_model(&parent.path().join(path)).unwrap_err().code();
    write(&parent.path().join("titanic-model"), 1.0).unwrap();
    fs::create_dir(parent.path().join("empty")).unwrap();
    fs::write(parent.path().join("file"), "x").unwrap();
    assert_eq!(code("empty"), "store-not-a-model");
    assert_eq!(code("file"), "store-not-a-model");
    fs::create_dir(parent.path().join("sklearn")).unwrap();
    fs::write(parent.path().join("sklearn/MLmodel"), "flavors: {}").unwrap();
    assert_eq!(code("sklearn"), "store-foreign-model");
    assert_eq!(code("file/below"), "store-not-found");
    let error = read_model(&parent.path().join("titanic-modle")).unwrap_err();
    assert_eq!(error.code(), "store-not-found");
    assert_eq!(error.hint().unwrap(), "did you mean titanic-model?");
}

#[test]
fn a_newer_format_asks_for_an_upgrade() {
    let parent = temporary();
    let directory = parent.path().join("model");
    write(&directory, 1.0).unwrap();
    let newer = r#"{"format": "automl-model", "format_version": 2, "anything": {}}"#;
    fs::write(directory.join("manifest.json"), newer).unwrap();
    let error = read_model(&directory).unwrap_err();
    assert_eq!(error.code(), "store-newer-format");
    assert!(
        error
            .to_string()
            .contains("format 2, this version reads up to 1"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("upgrade"));
}

#[test]
fn a_missing_file_is_named_by_who_reads_it() {
    for name in [
        "weights.safetensors",
        "leaderboard.json",
        "tensorboard/events.out",
    ] {
        let parent = temporary();
        write(parent.path(), 1.0).unwrap();
        fs::remove_file(parent.path().join(name)).unwrap();
        let read = read_model(parent.path());
        assert_eq!(read.is_ok(), name != "weights.safetensors", "{name}");
        let dir = ModelDir::open(parent.path()).unwrap();
        let error = dir.file(name).unwrap_err();
        assert_eq!(error.code(), "store-damaged");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn contents_that_would_not_read_back_are_not_written() {
    let check = |change: &dyn Fn(&mut ModelContents)| {
        let parent = temporary();
        let mut contents = sample(1.0);
        change(&mut contents);
        let directory = parent.path().join("model");
        let error = write_model(&directory, &contents, Overwrite::Refuse).unwrap_err();
        assert_eq!(error.code(), "store-contents", "{error}");
        assert!(names(parent.path()).is_empty());
    };
    for name in [
        "../up",
        "/abs",
        "a//b",
        "",
        ".hidden",
        "manifest.json",
        "events.jsonl",
        "a\\b",
    ] {
        check(&|contents| contents.files.push((name.into(), Vec::new())));
    }
    check(&|contents| {
        contents
            .manifest
            .scores
            .extend([("bad".to_owned(), f64::NAN)]);
    });
    check(&|contents| contents.artifact.push_u8("1.flags", vec![1]));
    check(&|contents| {
        let data = ArrayData::U8(vec![1, 2, 3]);
        let array = Array {
            shape: vec![2],
            data,
        };
        contents.artifact.arrays.insert("short".into(), array);
    });
    check(&|contents| {
        for _ in 0..40 {
            let inner = std::mem::take(&mut contents.artifact);
            contents.artifact.children = vec![inner];
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn altered_or_cut_bytes_are_an_error_that_names_the_file(
        file in 0_usize..4,
        place in 0.0_f64..1.0,
        flip in 1_u8..=255,
        is_cut in any::<bool>(),
    ) {
        let parent = temporary();
        write(parent.path(), 1.0).unwrap();
        let path = &files_of(parent.path())[file];
        let mut bytes = fs::read(path).unwrap();
        let position = (place * bytes.len() as f64) as usize;
        if is_cut {
            bytes.truncate(position);
        } else {
            bytes[position] ^= flip;
        }
        fs::write(path, &bytes).unwrap();
        let error = read_model(parent.path())
            .and_then(|model| verify(&model.dir))
            .unwrap_err();
        let expected = ["store-damaged", "store-not-a-model", "store-newer-format"];
        prop_assert!(expected.contains(&error.code()), "{error}");
        if file > 0 {
            let name = path.file_name().unwrap().to_str().unwrap();
            prop_assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn any_bytes_with_a_right_digest_are_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        n_header in 0_u64..300,
    ) {
        let node = manifest::Node {
            kind: "x".into(),
            meta: json!(null),
            arrays: [("a".to_owned(), "a".to_owned())].into(),
            children: Vec::new(),
        };
        let with_length = [&n_header.to_le_bytes()[..], &bytes].concat();
        let path = Path::new("w");
        prop_assert!(weights::decode(&node, &bytes, path).is_err());
        prop_assert!(weights::decode(&node, &with_length, path).is_err());
    }
}

#[test]
fn a_threshold_is_read_back_and_is_not_written_where_there_is_none() {
    let parent = temporary();
    let dir = parent.path().join("model");
    let text = |threshold| {
        let mut contents = sample(0.0);
        contents.manifest.threshold = threshold;
        write_model(&dir, &contents, Overwrite::Replace).unwrap();
        let read = read_model(&dir).unwrap();
        assert_eq!(read.manifest.threshold, threshold);
        fs::read_to_string(dir.join("manifest.json")).unwrap()
    };
    assert!(text(Some(0.3)).contains("\"threshold\": 0.3"));
    assert!(!text(None).contains("threshold"));
}

#[test]
fn an_atomic_file_appears_on_commit_only() {
    let parent = temporary();
    let path = parent.path().join("out.csv");
    write_atomic(&path, b"old").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    file.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(file);
    assert_eq!(names(parent.path()), ["out.csv"]);
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(parent.path()), ["out.csv"]);
}

#[test]
fn a_writer_that_gives_up_does_not_take_the_place_of_another_one() {
    let directory = temporary();
    let place = |name: &str| directory.path().join("new/folder").join(name);
    let writer = |name: &'static str| {
        for _ in 0..200 {
            drop(AtomicFile::create(&place(name)).unwrap());
        }
    };
    std::thread::scope(|scope| {
        let others = ["a", "b"].map(|name| scope.spawn(move || writer(name)));
        for one in others {
            one.join().unwrap();
        }
    });
    let folder = directory.path().join("new/folder");
    assert!(!folder.exists() || names(&folder).is_empty());
}

#[test]
fn an_atomic_file_goes_where_it_can() {
    let parent = temporary();
    assert_eq!(
        write_atomic(parent.path(), b"x").unwrap_err().code(),
        "store-exists"
    );
    let absent = parent.path().join("absent/below/out.csv");
    drop(AtomicFile::create(&absent).unwrap());
    assert!(names(parent.path()).is_empty(), "directories go with it");
    write_atomic(&absent, b"x").unwrap();
    assert_eq!(fs::read(&absent).unwrap(), b"x");
    let below_a_file = absent.join("out.csv");
    assert_eq!(
        write_atomic(&below_a_file, b"x").unwrap_err().code(),
        "store-not-a-directory"
    );
    if cfg!(unix) {
        write_atomic(Path::new("/dev/null"), b"x").unwrap();
    }
    if cfg!(target_os = "linux") {
        let error = write_atomic(Path::new("/dev/full"), b"x").unwrap_err();
        assert!(error.hint().unwrap().contains("the disk is full"));
    }
}

#[test]
fn moments_are_written_in_utc() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
    assert_eq!(rfc3339(1_376_472_600_000_000), "2013-08-14T09:30:00Z");
    assert!(rfc3339(i64::MIN).starts_with('-'));
}

#[test]
fn a_model_that_has_others_below_it_is_checked_as_one() {
    let desk = tempfile::tempdir().unwrap();
    let (one, whole) = (desk.path().join("one"), desk.path().join("whole"));
    let mut contents = sample(1.0);
    contents
        .files
        .push(("tensorboard/events.1".into(), vec![1, 2]));
    write_model(&one, &contents, Overwrite::Refuse).unwrap();
    let part = |path: &str| ModelPart {
        path: path.to_owned(),
        from: one.clone(),
    };
    let parts = [part("targets/a"), part("targets/b")];
    write_model_of(&whole, &sample(2.0), &parts, Overwrite::Refuse).unwrap();
    let below = whole.join("targets/a");
    // Its numbers are told by their digits, as one of them is none.
    let told = |artifact: &Artifact| format!("{artifact:?}");
    let read = read_model(&below).unwrap().artifact;
    assert_eq!(told(&read), told(&contents.artifact));
    let dir = ModelDir::open(&whole).unwrap();
    assert_eq!(dir.file("targets/b/tensorboard/events.1").unwrap(), [1, 2]);
    let manifest = std::fs::read(one.join("manifest.json")).unwrap();
    assert_eq!(dir.file("targets/a/manifest.json").unwrap(), manifest);
    // Nothing of it is foreign, so it can be replaced.
    write_model_of(&whole, &sample(3.0), &parts[..1], Overwrite::Replace).unwrap();
    assert!(!whole.join("targets/b").exists());
    let twice = [part("a"), part("a")];
    let error = write_model_of(&whole, &sample(3.0), &twice, Overwrite::Replace).unwrap_err();
    assert!(error.to_string().contains("a/manifest.json"), "{error}");
    std::fs::write(whole.join("targets/a/weights.safetensors"), "altered").unwrap();
    assert!(matches!(
        read_model(&below),
        Err(StoreError::Damaged { .. })
    ));
}
