//! Networks of images: folders and IDX files are learned from and predicted for, and what is no image is refused by name.

use crate::harness::Desk;

/// A small network, a few steps.
const SMALL: &str = "data: {path: pictures}
model: {type: cnn, channels: 4, stages: 2}
trainer: {epochs: 12, batch_size: 16, shard_rows: 8}
optimizer: {learning_rate: 0.02}
metrics: log_loss
";

/// A BMP of one colour, with a corner of another.
fn bmp(side: u32, color: [u8; 3], corner: u32) -> Vec<u8> {
    let row_bytes = (side * 3).next_multiple_of(4);
    let n_bytes = 54 + row_bytes * side;
    let mut file = b"BM".to_vec();
    for word in [n_bytes, 0, 54, 40, side, side] {
        file.extend(word.to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    for word in [0, row_bytes * side, 2835, 2835, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for y in 0..side {
        for x in 0..side {
            let is_corner = x < corner && y < corner;
            file.extend(if is_corner { [255, 255, 255] } else { color });
        }
        file.extend(vec![0; (row_bytes - side * 3) as usize]);
    }
    file
}

/// Forty images of two classes that differ in their colour.
fn desk() -> Desk {
    let desk = Desk::new();
    for (class, color) in [("blue", [200, 30, 20]), ("red", [20, 30, 200])] {
        for n in 0..20 {
            desk.write(&format!("pictures/{class}/{n}.bmp"), bmp(8, color, n % 5));
        }
    }
    desk.write("small.yaml", SMALL);
    desk
}

#[test]
fn a_folder_of_images_is_learned_from_predicted_and_scored() {
    let desk = desk();
    desk.automl_ok("train small.yaml --output model");
    let scores = desk.automl_ok("evaluate model pictures --format json");
    let scores: serde_json::Value = serde_json::from_str(&scores).expect("the result is JSON");
    assert_eq!(scores["metrics"]["accuracy"], 1.0, "{scores}");
    // Without classes, and of another size.
    desk.write("new/first.bmp", bmp(12, [190, 40, 30], 0));
    desk.write("new/second.bmp", bmp(12, [30, 40, 190], 0));
    let predictions = desk.automl_ok("predict model new --keep file");
    let lines: Vec<&str> = predictions.lines().collect();
    assert!(lines[1].contains("new/first.bmp") && lines[1].contains("blue"));
    assert!(lines[2].contains("new/second.bmp") && lines[2].contains("red"));
}

#[test]
fn weights_of_a_network_of_images_do_not_depend_on_threads() {
    let desk = desk();
    for threads in [1, 2] {
        let sets = "--set trainer.epochs=2 --set images.flip=true";
        desk.automl_ok(&format!(
            "train small.yaml {sets} --threads {threads} --output m{threads}"
        ));
    }
    let weights = |n: u8| desk.read(&format!("m{n}/weights.safetensors"));
    assert!(weights(1) == weights(2));
}

#[test]
fn what_is_no_image_is_refused_by_name() {
    let desk = desk();
    let told = |arguments: &str| {
        let outcome = desk.automl(arguments);
        assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
        outcome.stderr
    };
    desk.write("pictures/red/text.png", "this is no image");
    let error = told("train small.yaml --output model");
    assert!(
        error.contains("cannot be read as an image") && error.contains("pictures/red/text.png"),
        "{error}"
    );
    let mut cut = bmp(8, [1, 2, 3], 0);
    cut.truncate(80);
    desk.write("pictures/red/text.png", cut);
    let error = told("train small.yaml --output model");
    assert!(
        error.contains("cannot be read as an image") && error.contains("pictures/red/text.png"),
        "{error}"
    );
    desk.write("pictures/red/text.png", bmp(9, [1, 2, 3], 0));
    let error = told("train small.yaml --output model");
    assert!(
        error.contains("is 9 × 9 pixels, others are 8 × 8: set images.height and images.width")
            && error.contains("pictures/red/text.png"),
        "{error}"
    );
    desk.automl_ok("train small.yaml --output model --set images.height=8 --set images.width=8 --set trainer.epochs=1");
}

#[test]
fn an_idx_file_that_ends_early_or_late_or_has_other_labels_is_refused() {
    let desk = Desk::new();
    let idx = |dimensions: &[u32], bytes: usize| {
        let mut file = vec![0, 0, 8, dimensions.len() as u8];
        for n in dimensions {
            file.extend(n.to_be_bytes());
        }
        file.extend((0..bytes).map(|n| (n % 2) as u8));
        file
    };
    desk.write("a-images-idx3-ubyte", idx(&[6, 4, 4], 90));
    desk.write("a-labels-idx1-ubyte", idx(&[6], 6));
    let train = "train --set data.path=a-images-idx3-ubyte --set model.type=cnn base.yaml";
    desk.write("base.yaml", "");
    let outcome = desk.automl(train);
    assert_eq!(outcome.exit_code, Some(2));
    assert!(
        outcome.stderr.contains("it ends in image 6 of 6"),
        "{}",
        outcome.stderr
    );
    desk.write("a-labels-idx1-ubyte", idx(&[5], 5));
    let outcome = desk.automl(train);
    assert_eq!(outcome.exit_code, Some(2));
    assert!(
        outcome.stderr.contains("it has 5 labels of 6 images"),
        "{}",
        outcome.stderr
    );
    desk.write("a-labels-idx1-ubyte", idx(&[6], 7));
    let outcome = desk.automl(train);
    assert_eq!(outcome.exit_code, Some(2));
    assert!(
        outcome.stderr.contains("it goes on after 6 labels"),
        "{}",
        outcome.stderr
    );
    desk.write("a-labels-idx1-ubyte", idx(&[6], 6));
    desk.write("a-images-idx3-ubyte", idx(&[6, 4, 4], 97));
    let outcome = desk.automl(train);
    assert_eq!(outcome.exit_code, Some(2));
    assert!(
        outcome.stderr.contains("it goes on after 6 images"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn one_side_of_images_alone_is_refused_with_the_name_of_the_other() {
    let desk = desk();
    for (said, lacks) in [("height", "width"), ("width", "height")] {
        let outcome = desk.automl(&format!("train small.yaml --set images.{said}=8"));
        assert_eq!(outcome.exit_code, Some(2));
        let told = format!("says images.{said} and not images.{lacks}");
        assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    }
}

#[test]
fn folders_that_are_called_like_missing_cells_are_classes() {
    let desk = Desk::new();
    for (class, color) in [("NA", [200, 30, 20]), ("None", [20, 30, 200])] {
        for n in 0..20 {
            desk.write(
                &format!("pictures/{class}/in/{n}.bmp"),
                bmp(8, color, n % 5),
            );
        }
    }
    desk.write("small.yaml", SMALL);
    desk.automl_ok("train small.yaml --output model");
    let scores = desk.automl_ok("evaluate model pictures --format json");
    let scores: serde_json::Value = serde_json::from_str(&scores).expect("the result is JSON");
    assert_eq!(scores["metrics"]["accuracy"], 1.0, "{scores}");
    assert_eq!(scores["n_rows"], 40, "{scores}");
}

#[test]
fn a_section_for_other_networks_is_refused_with_its_line() {
    let desk = Desk::new();
    desk.write("mixed.yaml", "model: {type: cnn}\nfeatures:\n  pieces: 4\n");
    let outcome = desk.automl("train mixed.yaml");
    assert_eq!(outcome.exit_code, Some(2));
    let told = "'features' is for networks of tables, and model.type = cnn is one of images: line 2 of mixed.yaml";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
}
