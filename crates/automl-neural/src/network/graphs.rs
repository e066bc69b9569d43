//! The graph of each network.

use super::graph::Drawing;
use super::{
    Activation, GraphNode, ImageNetworkParams, InputShape, Layout, MlpParams, NetworkParams,
    RealActivation, RealMlpParams, SeriesNetworkParams, Stacks, nbeats,
};

impl NetworkParams {
    /// What the network computes of what.
    pub fn graph(&self, layout: &Layout, shape: &InputShape) -> Vec<GraphNode> {
        let mut drawing = Drawing::new(layout);
        let d = &mut drawing;
        match self {
            Self::Linear => {
                let x = flat(d, "Linear", shape);
                d.layer("Linear.head", "Linear", &[&x]);
            }
            Self::Mlp(params) => mlp(d, params, shape),
            Self::Realmlp(params) => realmlp(d, params, shape),
            Self::Resnet(_) => resnet(d, shape),
            Self::Tabm(params) => {
                let mut x = flat(d, "Tabm", shape);
                for index in 0..d.count("Tabm.layers") {
                    let layer = format!("Tabm.layers.{index}");
                    x = d.layer(&layer, "SharedLinear", &[&x]);
                    x = d.put(
                        &format!("{layer}.activation"),
                        named(params.activation),
                        &[&x],
                    );
                }
                let head = ["Tabm.head", "Tabm.head_bias"].map(|own| d.parameter(own));
                d.put("Tabm.heads", "Linear", &[&x, &head[0], &head[1]]);
            }
            Self::FtTransformer(_) => {
                let mut x = tokens(d, "FtTransformer", shape);
                for index in 0..d.count("FtTransformer.blocks") {
                    x = d.encoder_block(&format!("FtTransformer.blocks.{index}"), &x, "ReGLU");
                }
                let x = d.put("FtTransformer.first_token", "Slice", &[&x]);
                let x = d.layer("FtTransformer.norm", "LayerNorm", &[&x]);
                let x = d.put("FtTransformer.activation", "Relu", &[&x]);
                d.layer("FtTransformer.head", "Linear", &[&x]);
            }
        }
        drawing.into_nodes()
    }
}

fn named(activation: Activation) -> &'static str {
    match activation {
        Activation::Relu => "Relu",
        Activation::Gelu => "Gelu",
        Activation::Silu => "Silu",
    }
}

/// The columns of a table, each as its vectors.
fn columns(d: &mut Drawing<'_>, network: &str, shape: &InputShape) -> Vec<String> {
    let mut parts = Vec::new();
    if shape.n_numbers > 0 {
        let numbers = d.input("numbers");
        let (vectors, waves) = (
            format!("{network}.input.numbers"),
            format!("{network}.input.waves"),
        );
        parts.push(if d.has(&waves) {
            d.layer(&waves, "WaveVectors", &[&numbers])
        } else if d.has(&vectors) && shape.n_pieces > 0 {
            let pieces = d.input("pieces");
            d.layer(&vectors, "NumberVectors", &[&numbers, &pieces])
        } else if d.has(&vectors) {
            d.layer(&vectors, "NumberVectors", &[&numbers])
        } else {
            numbers
        });
    }
    for index in 0..shape.n_levels.len() {
        let codes = d.input(&format!("category_{index}"));
        let vectors = format!("{network}.input.categories.{index}");
        parts.push(d.layer(&vectors, "Embedding", &[&codes]));
    }
    parts
}

fn joined(d: &mut Drawing<'_>, network: &str, parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    d.put(&format!("{network}.input.joined"), "Concat", &parts)
}

fn flat(d: &mut Drawing<'_>, network: &str, shape: &InputShape) -> String {
    let mut parts = columns(d, network, shape);
    if shape.n_flags > 0 {
        parts.push(d.input("flags"));
    }
    joined(d, network, &parts)
}

fn tokens(d: &mut Drawing<'_>, network: &str, shape: &InputShape) -> String {
    let mut parts = vec![d.parameter(&format!("{network}.input.summary"))];
    parts.extend(columns(d, network, shape));
    if shape.n_flags > 0 {
        let flags = d.input("flags");
        parts.push(d.layer(&format!("{network}.input.flags"), "Linear", &[&flags]));
    }
    joined(d, network, &parts)
}

fn mlp(d: &mut Drawing<'_>, params: &MlpParams, shape: &InputShape) {
    let mut x = flat(d, "Mlp", shape);
    for index in 0..d.count("Mlp.layers") {
        let layer = format!("Mlp.layers.{index}");
        x = d.layer(&layer, "Linear", &[&x]);
        if params.norm {
            x = d.layer(&format!("Mlp.norms.{index}"), "LayerNorm", &[&x]);
        }
        let activation = named(params.activation);
        x = d.put(&format!("{layer}.activation"), activation, &[&x]);
    }
    d.layer("Mlp.head", "Linear", &[&x]);
}

fn realmlp(d: &mut Drawing<'_>, params: &RealMlpParams, shape: &InputShape) {
    let x = flat(d, "Realmlp", shape);
    let scale = d.parameter("Realmlp.scale");
    let mut x = d.put("Realmlp.scaled", "Mul", &[&x, &scale]);
    let activation = match params.activation {
        RealActivation::Mish => "MixedMish",
        RealActivation::Auto | RealActivation::Selu => "MixedSelu",
    };
    for index in 0..d.count("Realmlp.layers") {
        let layer = format!("Realmlp.layers.{index}");
        let own = |name: &str| format!("{layer}.{name}");
        let [weight, bias] = ["weight", "bias"].map(|name| d.parameter(&own(name)));
        x = d.put(&own("linear"), "Linear", &[&x, &weight, &bias]);
        let mix = d.parameter(&own("mix"));
        x = d.put(&own("activation"), activation, &[&x, &mix]);
    }
    d.layer("Realmlp.head", "Linear", &[&x]);
}

fn resnet(d: &mut Drawing<'_>, shape: &InputShape) {
    let x = flat(d, "Resnet", shape);
    let mut x = d.layer("Resnet.first", "Linear", &[&x]);
    for index in 0..d.count("Resnet.blocks") {
        let block = format!("Resnet.blocks.{index}");
        let normed = d.layer(&format!("{block}.norm"), "LayerNorm", &[&x]);
        let inner = d.layer(&format!("{block}.first"), "Linear", &[&normed]);
        let inner = d.put(&format!("{block}.activation"), "Relu", &[&inner]);
        let inner = d.layer(&format!("{block}.second"), "Linear", &[&inner]);
        x = d.put(&format!("{block}.sum"), "Add", &[&x, &inner]);
    }
    let x = d.layer("Resnet.norm", "LayerNorm", &[&x]);
    let x = d.put("Resnet.activation", "Relu", &[&x]);
    d.layer("Resnet.head", "Linear", &[&x]);
}

impl ImageNetworkParams {
    /// What the network computes of what.
    pub fn graph(&self, layout: &Layout) -> Vec<GraphNode> {
        let mut drawing = Drawing::new(layout);
        let d = &mut drawing;
        let x = d.input("images");
        match self {
            Self::Cnn(_) => cnn(d, x),
            Self::Resnet18(_) => resnet18(d, &x),
        }
        drawing.into_nodes()
    }
}

/// A convolution with its norm.
fn convolved(d: &mut Drawing<'_>, layer: &str, norm: &str, x: &str) -> String {
    let x = d.layer(layer, "Conv2D", &[x]);
    d.layer(norm, "GroupNorm", &[&x])
}

fn cnn(d: &mut Drawing<'_>, mut x: String) {
    for index in 0..d.count("Cnn.stages") {
        let part = |name: &str| format!("Cnn.stages.{index}.{name}");
        if index > 0 {
            x = d.put(&part("halved"), "MaxPool", &[&x]);
        }
        for layer in ["first", "second"] {
            x = convolved(d, &part(layer), &part(&format!("{layer}_norm")), &x);
            x = d.put(&part(&format!("{layer}_activation")), "Relu", &[&x]);
        }
    }
    let x = d.put("Cnn.pooled", "Mean", &[&x]);
    d.layer("Cnn.head", "Linear", &[&x]);
}

fn resnet18(d: &mut Drawing<'_>, x: &str) {
    let x = convolved(d, "Resnet18.stem", "Resnet18.stem_norm", x);
    let mut x = d.put("Resnet18.stem_activation", "Relu", &[&x]);
    for index in 0..d.count("Resnet18.blocks") {
        let part = |name: &str| format!("Resnet18.blocks.{index}.{name}");
        let inner = convolved(d, &part("first"), &part("first_norm"), &x);
        let inner = d.put(&part("first_activation"), "Relu", &[&inner]);
        let inner = convolved(d, &part("second"), &part("second_norm"), &inner);
        let beside = if d.has(&part("shortcut")) {
            convolved(d, &part("shortcut.convolution"), &part("shortcut.norm"), &x)
        } else {
            x
        };
        let sum = d.put(&part("sum"), "Add", &[&beside, &inner]);
        x = d.put(&part("activation"), "Relu", &[&sum]);
    }
    let x = d.put("Resnet18.pooled", "Mean", &[&x]);
    d.layer("Resnet18.head", "Linear", &[&x]);
}

impl super::TextTransformerParams {
    /// What the network computes of what.
    pub fn graph(&self, layout: &Layout) -> Vec<GraphNode> {
        let mut drawing = Drawing::new(layout);
        let d = &mut drawing;
        let codes = d.input("tokens");
        let vectors = d.parameter("vectors");
        let x = d.put("embedded", "Embedding", &[&codes, &vectors]);
        let places = d.parameter("places");
        let mut x = d.put("placed", "Add", &[&x, &places]);
        for index in 0..d.count("blocks") {
            x = d.encoder_block(&format!("blocks.{index}"), &x, "Gelu");
        }
        let x = d.layer("norm", "LayerNorm", &[&x]);
        let x = d.put("pooled", "Mean", &[&x]);
        d.layer("head", "Linear", &[&x]);
        drawing.into_nodes()
    }
}

impl SeriesNetworkParams {
    /// What the network computes of what.
    pub fn graph(&self, layout: &Layout) -> Vec<GraphNode> {
        let mut drawing = Drawing::new(layout);
        let d = &mut drawing;
        let window = d.input("window");
        let has_norm = self.instance_norm();
        let x = if has_norm {
            d.put("normed", "InstanceNorm", &[&window])
        } else {
            window.clone()
        };
        let forecast = match self {
            Self::DLinear(_) => {
                let trend = d.put("network.DLinear.average", "AvgPool", &[&x]);
                let rest = d.put("network.DLinear.rest", "Sub", &[&x, &trend]);
                let rest = d.layer("network.DLinear.seasonal", "Linear", &[&rest]);
                let trend = d.layer("network.DLinear.trend", "Linear", &[&trend]);
                d.put("network.DLinear.sum", "Add", &[&rest, &trend])
            }
            Self::NBeats(params) => {
                let is_shared = params.stacks == Stacks::Interpretable;
                let n_times = if is_shared { params.blocks as usize } else { 1 };
                nbeats_of(d, x, n_times)
            }
            Self::PatchTst(_) => patchtst(d, &x),
        };
        if has_norm {
            d.put("forecast", "InverseNorm", &[&forecast, &window]);
        }
        drawing.into_nodes()
    }
}

/// Blocks that take what they explain off the past; those that share their weights one after the other.
fn nbeats_of(d: &mut Drawing<'_>, mut left: String, n_times: usize) -> String {
    let n_blocks = d.count("network.NBeats.blocks");
    let mut sum: Option<String> = None;
    for index in 0..n_blocks {
        let block = format!("network.NBeats.blocks.{index}");
        let layers = (0..nbeats::LAYERS).map(|layer| format!("{block}.layers.{layer}"));
        let layers: Vec<String> = layers.chain([format!("{block}.coefficients")]).collect();
        let weights: Vec<[String; 2]> = layers
            .iter()
            .map(|layer| ["weight", "bias"].map(|own| d.parameter(&format!("{layer}.{own}"))))
            .collect();
        for time in 0..n_times {
            let mut x = left.clone();
            for (layer, [weight, bias]) in layers.iter().zip(&weights) {
                x = d.put(
                    &format!("{layer}.linear_{time}"),
                    "Linear",
                    &[&x, weight, bias],
                );
                if !layer.ends_with("coefficients") {
                    x = d.put(&format!("{layer}.relu_{time}"), "Relu", &[&x]);
                }
            }
            let is_last = index + 1 == n_blocks && time + 1 == n_times;
            let future = d.put(&format!("{block}.future_{time}"), "Basis", &[&x]);
            sum = Some(match sum {
                None => future,
                Some(sum) => d.put(&format!("{block}.sum_{time}"), "Add", &[&sum, &future]),
            });
            if !is_last {
                let past = d.put(&format!("{block}.past_{time}"), "Basis", &[&x]);
                left = d.put(&format!("{block}.left_{time}"), "Sub", &[&left, &past]);
            }
        }
    }
    sum.unwrap_or(left)
}

fn patchtst(d: &mut Drawing<'_>, x: &str) -> String {
    let name = |own: &str| format!("network.PatchTst.{own}");
    let x = d.put(&name("patches"), "Unfold", &[x]);
    let x = d.layer(&name("embed"), "Linear", &[&x]);
    let places = d.parameter(&name("places"));
    let mut x = d.put(&name("placed"), "Add", &[&x, &places]);
    for index in 0..d.count(&name("blocks")) {
        x = d.encoder_block(&name(&format!("blocks.{index}")), &x, "Gelu");
    }
    let x = d.layer(&name("norm"), "LayerNorm", &[&x]);
    let x = d.put(&name("flat"), "Reshape", &[&x]);
    d.layer(&name("head"), "Linear", &[&x])
}
