//! Networks give what PyTorch's layers give with the same weights and inputs: `scripts/network_reference.py` writes the values.

use super::parameters::floats;
use super::*;
use burn::tensor::{Int, TensorData};
use burn_flex::{Flex, FlexDevice};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// How far a float32 may be from PyTorch's float64, beside numbers of the size of 1.
const TOLERANCE: f64 = 1e-5;

/// Numbers from -0.5 to 0.5, each a function of a name and a place, as in the script.
fn numbers(name: &str, n: usize) -> Vec<f32> {
    let start = name.bytes().fold(2_166_136_261_u32, |state, byte| {
        (state ^ u32::from(byte)).wrapping_mul(16_777_619)
    });
    let is_scale = name.rsplit('.').next() == Some("scale");
    let number = |place: usize| {
        let x = start.wrapping_add((place as u32).wrapping_mul(2_654_435_761));
        let x = (x ^ (x >> 16)).wrapping_mul(0x045d_9f3b);
        let x = x ^ (x >> 16);
        let value = (x >> 16) as f32 / 65536.0 - 0.5;
        if is_scale { 1.0 + value / 2.0 } else { value }
    };
    (0..n).map(number).collect()
}

/// A tensor of such numbers, each times a factor.
fn tensor<const D: usize>(name: &str, factor: f32, shape: [usize; D]) -> Tensor<Flex, D> {
    let values = numbers(name, shape.iter().product());
    let values: Vec<f32> = values.into_iter().map(|value| value * factor).collect();
    Tensor::from_data(TensorData::new(values, shape), &FlexDevice)
}

/// A part of a case, as what it is.
fn part<T: DeserializeOwned>(case: &Value, name: &str) -> T {
    let value = case[name].clone();
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{name} of {case}: {error}"))
}

/// What draws the graph of a network.
type Graph<'a> = &'a dyn Fn(&Layout) -> Vec<GraphNode>;

/// A network whose parameters are the numbers of their names; they are those that PyTorch's has.
fn with_weights<M: Module<Flex>>(case: &Value, network: M, graph: Graph<'_>) -> M {
    let layout = Layout::of(&network);
    let wanted: BTreeMap<String, Vec<usize>> = part(case, "parameters");
    let slots = layout.slots.iter();
    let found: BTreeMap<String, Vec<usize>> = slots
        .map(|slot| (slot.name.clone(), slot.shape.clone()))
        .collect();
    assert_eq!(found, wanted, "{}", case["params"]);
    graph::tests::check(&layout, &graph(&layout));
    let of = |slot: &Slot| numbers(&slot.name, slot.range.len());
    let values: Vec<f32> = layout.slots.iter().flat_map(of).collect();
    layout.write(network, &values)
}

/// Numbers, flags and a category, as the script makes them.
fn table(case: &Value, n_rows: usize) -> (InputShape, InputBatch<Flex>) {
    let input = &case["input"];
    let shape = InputShape {
        n_numbers: part(input, "n_numbers"),
        n_flags: part(input, "n_flags"),
        n_levels: part(input, "n_levels"),
        n_pieces: part(input, "n_pieces"),
        number_embedding: match part::<String>(input, "number_embedding").as_str() {
            "none" => NumberEmbedding::None,
            "linear" => NumberEmbedding::Linear,
            "piecewise_linear" => NumberEmbedding::PiecewiseLinear,
            "periodic" => NumberEmbedding::Periodic,
            other => panic!("{other} is no embedding"),
        },
        embedding_size: part(input, "embedding_size"),
        n_waves: part(input, "n_waves"),
        wave_deviation: 1.0,
    };
    let flags = numbers("input.flags", n_rows * shape.n_flags);
    let flags = flags.iter().map(|&flag| f32::from(u8::from(flag >= 0.0)));
    let flags = TensorData::new(flags.collect::<Vec<f32>>(), [n_rows, shape.n_flags]);
    let codes: Vec<i32> = part(input, "codes");
    let codes = Tensor::<Flex, 2, Int>::from_data(TensorData::new(codes, [n_rows, 1]), &FlexDevice);
    let pieces = [shape.n_numbers, n_rows, shape.n_pieces];
    let batch = InputBatch {
        n_rows,
        numbers: Some(tensor("input.numbers", 4.0, [n_rows, shape.n_numbers])),
        pieces: (shape.n_pieces > 0).then(|| tensor("input.pieces", 1.0, pieces)),
        flags: Some(Tensor::from_data(flags, &FlexDevice)),
        categories: vec![codes],
    };
    (shape, batch)
}

fn of_table(case: &Value, n_rows: usize) -> Vec<f32> {
    let (shape, batch) = table(case, n_rows);
    let params: NetworkParams = part(case, "params");
    let mut init = Init::shapes(&FlexDevice);
    let network = Network::new(&mut init, &params, &shape, part(case, "n_outputs"));
    let network = with_weights(case, network, &|layout| params.graph(layout, &shape));
    floats(network.forward(&batch, &mut Draw::evaluating()))
}

fn of_images(case: &Value, n_rows: usize) -> Vec<f32> {
    let [channels, height, width]: [usize; 3] = part(case, "input");
    let shape = ImageShape {
        height,
        width,
        channels,
    };
    let params: ImageNetworkParams = part(case, "params");
    let mut init = Init::shapes(&FlexDevice);
    let network = ImageNetwork::new(&mut init, &params, &shape, part(case, "n_outputs"));
    let network = with_weights(case, network, &|layout| params.graph(layout));
    let x = tensor("input.images", 2.0, [n_rows, channels, height, width]);
    floats(network.forward(x, &mut Draw::evaluating()))
}

fn of_texts(case: &Value, n_rows: usize) -> Vec<f32> {
    let params: TextTransformerParams = part(case, "params");
    let tokens: Vec<Vec<i32>> = part(case, "tokens");
    let counts: Vec<usize> = part(case, "counts");
    let longest = tokens[0].len();
    let mask = counts.iter().flat_map(|&count| {
        let is_token = move |place: usize| if place < count { 1.0 } else { 0.0 };
        (0..longest).map(is_token)
    });
    let mask: Vec<f32> = mask.collect();
    let shape = [n_rows, longest];
    let batch = TextBatch {
        tokens: Tensor::from_data(TensorData::new(tokens.concat(), shape), &FlexDevice),
        mask: Tensor::from_data(TensorData::new(mask, shape), &FlexDevice),
    };
    let mut init = Init::shapes(&FlexDevice);
    let lengths = part(case, "input");
    let network = TextTransformer::new(&mut init, &params, lengths, part(case, "n_outputs"));
    let network = with_weights(case, network, &|layout| params.graph(layout));
    floats(network.forward(&batch, &mut Draw::evaluating()))
}

fn of_series(case: &Value, n_rows: usize) -> Vec<f32> {
    let params: SeriesNetworkParams = part(case, "params");
    let lengths: [usize; 2] = part(case, "input");
    let mut init = Init::shapes(&FlexDevice);
    let network = SeriesNetwork::new(&mut init, &params, lengths);
    let x = tensor("input.series", 3.0, [n_rows, lengths[0]]);
    let network = with_weights(case, network, &|layout| params.graph(layout));
    floats(network.forward(x, &mut Draw::evaluating()))
}

#[test]
fn every_network_gives_what_pytorch_gives() {
    let reference: Value =
        serde_json::from_str(include_str!("reference.json")).expect("the script wrote it");
    let n_rows: usize = part(&reference, "rows");
    let cases: Vec<Value> = part(&reference, "cases");
    for case in &cases {
        let found = match part::<String>(case, "kind").as_str() {
            "table" => of_table(case, n_rows),
            "image" => of_images(case, n_rows),
            "text" => of_texts(case, n_rows),
            "series" => of_series(case, n_rows),
            other => panic!("{other} is of no family"),
        };
        let wanted: Vec<f64> = part(case, "outputs");
        assert_eq!(found.len(), wanted.len(), "{}", case["params"]);
        for (found, wanted) in found.iter().zip(&wanted) {
            let distance = (f64::from(*found) - wanted).abs();
            let is_near = distance <= TOLERANCE * wanted.abs().max(1.0);
            assert!(is_near, "{}: {found} {wanted}", case["params"]);
        }
    }
}
