//! A network as a table of its layers: parameters and the work of a row.

use super::{InputShape, Layout, NetworkParams};

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSummary {
    /// Its name in the network.
    pub name: String,
    /// Shapes of its parameters.
    pub shapes: String,
    /// How many parameters it has.
    pub n_parameters: u64,
    /// Multiplications and additions that one row takes on the way forward.
    pub flops: u64,
}

/// The layers of a network in order, parameters of one layer together.
///
/// A matrix takes two operations an element each time that it is applied: once a row, once a member of an ensemble that
/// shares it, once a token of a transformer. What compares tokens with one another is counted with the queries.
pub fn summary(layout: &Layout, params: &NetworkParams, shape: &InputShape) -> Vec<LayerSummary> {
    let mut layers = summary_of(layout, &|name, part| n_uses(name, part, params, shape));
    if let NetworkParams::FtTransformer(net) = params {
        let size = u64::from(net.heads) * u64::from(net.head_size);
        let n = n_tokens(shape);
        for layer in &mut layers {
            if layer.name.ends_with("query") {
                layer.flops += 4 * n * n * size;
            }
        }
    }
    layers
}

/// The layers of a network in which a row uses a parameter, by the name of its layer and its own, so often.
pub(super) fn summary_of(layout: &Layout, n_uses: &dyn Fn(&str, &str) -> u64) -> Vec<LayerSummary> {
    let mut layers: Vec<LayerSummary> = Vec::new();
    for slot in &layout.slots {
        let (name, part) = slot.name.rsplit_once('.').unwrap_or(("", &slot.name));
        let is_same = layers.last().is_some_and(|layer| layer.name == name);
        if !is_same {
            layers.push(LayerSummary {
                name: name.to_owned(),
                shapes: String::new(),
                n_parameters: 0,
                flops: 0,
            });
        }
        let layer = layers.last_mut().expect("one was just there");
        let n = slot.range.len() as u64;
        let lengths: Vec<String> = slot.shape.iter().map(usize::to_string).collect();
        if !layer.shapes.is_empty() {
            layer.shapes.push_str(", ");
        }
        layer.shapes.push_str(&lengths.join("×"));
        layer.n_parameters += n;
        // A row looks up one vector of a table, and adds nothing.
        let per_use = if part == "vectors" { 0 } else { n };
        let factor = if slot.shape.len() >= 2 && part != "bias" {
            2
        } else {
            1
        };
        layer.flops += factor * per_use * n_uses(name, part);
    }
    layers
}

/// How often a row uses a parameter.
fn n_uses(name: &str, part: &str, params: &NetworkParams, shape: &InputShape) -> u64 {
    match params {
        // Scales and biases of members are counted by their own elements.
        NetworkParams::Tabm(tabm) if part == "weight" && name.contains("layers") => {
            u64::from(tabm.members)
        }
        NetworkParams::FtTransformer(_) if name.contains("blocks") => n_tokens(shape),
        _ => 1,
    }
}

fn n_tokens(shape: &InputShape) -> u64 {
    (1 + shape.n_numbers + shape.n_levels.len() + usize::from(shape.n_flags > 0)) as u64
}
