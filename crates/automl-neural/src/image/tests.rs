//! Images are learned from, and what is read back is bounded by its arrays.

use super::*;
use crate::Device;
use crate::network::CnnParams;
use crate::train::{NoWatch, TrainRun, TrainerParams};
use automl_core::{
    Artifact, Budget, Column, Dataset, Model as _, Solo, Table, Target, Task, Texts, Threads,
};
use base64::Engine as _;

/// Grey images of 6 × 4 pixels, dark and bright in turn.
fn dataset() -> Dataset {
    let image = |n: u8| {
        let mut file = b"P5 4 6 255\n".to_vec();
        file.extend((0..24).map(|at| if n.is_multiple_of(2) { at } else { 255 - at }));
        base64::engine::general_purpose::STANDARD.encode(file)
    };
    let cells: Vec<String> = (0..24).map(image).collect();
    let texts: Texts = cells.iter().map(|cell| Some(cell.as_str())).collect();
    let table = Table::new(vec![("image".into(), Column::Text(texts))]).expect("it is a table");
    let task = Task::Binary {
        classes: vec!["dark".into(), "bright".into()],
    };
    let codes: Vec<u32> = (0..24).map(|n| n % 2).collect();
    Dataset::new(table, task, Target::Classes(codes.into())).expect("it is a dataset")
}

fn learned(data: &Dataset) -> Learned {
    let settings = ImageSettings {
        network: ImageNetworkParams::Cnn(CnnParams {
            channels: 2,
            stages: 2,
            dropout: 0.0,
        }),
        images: ImageParams::default(),
        loss: LossParams::default(),
        train: TrainSettings {
            trainer: TrainerParams {
                epochs: 2,
                batch_size: 8,
                ..TrainerParams::default()
            },
            ..TrainSettings::default()
        },
        metrics: Vec::new(),
    };
    let run = TrainRun {
        learner: crate::NETWORK,
        seed: Seed(1),
        threads: &Threads::one(),
        budget: &Budget::unlimited(),
        training: "test",
        from: None,
        ranks: &Solo,
        device: Device::Cpu,
    };
    let rows = data.all_rows();
    let data = TrainingData {
        train: data.view(&rows),
        valid: None,
    };
    train(&data, &settings, &run, &mut NoWatch).expect("it can be learned")
}

#[test]
fn a_model_that_is_read_back_predicts_the_same() {
    let data = dataset();
    let model = learned(&data).model;
    let again = crate::load(&model.artifact()).expect("it is sound");
    let predict = |model: &dyn automl_core::Model| {
        let predicted = model.predict(&data.table().view());
        predicted.expect("the column is there").values().to_vec()
    };
    assert_eq!(predict(model.as_ref()), predict(again.as_ref()));
}

#[test]
fn a_network_that_is_larger_than_its_file_or_no_images_can_be_made_for_is_refused() {
    let artifact = learned(&dataset()).model.artifact();
    let refused = |change: &dyn Fn(&mut Artifact)| {
        let mut artifact = artifact.clone();
        change(&mut artifact);
        crate::load(&artifact)
            .err()
            .expect("it is altered")
            .to_string()
    };
    let told = refused(&|artifact| artifact.meta["network"]["channels"] = 512.into());
    assert!(
        told.contains("its shape is not that of the network"),
        "{told}"
    );
    let told = refused(&|artifact| artifact.meta["form"]["height"] = 0.into());
    assert!(told.contains("images cannot be made to it"), "{told}");
    let told = refused(&|artifact| artifact.meta["family"] = "sound".into());
    assert!(told.contains("no network is of it"), "{told}");
    let told = refused(&|artifact| artifact.arrays.clear());
    assert!(told.contains("they are not there"), "{told}");
}

#[test]
fn a_cell_that_is_no_image_is_told_by_its_row() {
    let cells: Texts = [Some("AAAA"), None].into_iter().collect();
    let table = Table::new(vec![("image".into(), Column::Text(cells))]).expect("it is a table");
    let model = learned(&dataset()).model;
    let told = |row: u32| {
        let predicted = model.predict(&table.rows(&[row]));
        predicted.expect_err("there is no image").to_string()
    };
    assert!(told(0).starts_with("row 1 of column 'image' cannot be read as an image"));
    assert_eq!(told(1), "row 2 of column 'image' is missing");
}

#[test]
fn an_image_is_the_same_to_a_network_whatever_its_batch() {
    let data = dataset();
    let model = ImageModel::load(&learned(&data).model.artifact()).expect("it is sound");
    let all = model
        .predict(&data.table().view())
        .expect("they are images");
    let one = model.predict(&data.table().rows(&[5])).expect("it is one");
    for (together, alone) in all.values()[10..12].iter().zip(one.values()) {
        assert!((together - alone).abs() < 1e-6);
    }
}
