//! Networks over tables: the encoder and the layers that an artifact describes, and what their scores say.
//!
//! Numbers are scaled in double and then are single, like all that layers do: so the network computes it, too. Scores become
//! double again for probabilities, and for numbers on the scale of the target.

mod input;
mod layers;
mod weights;

use crate::error::OnnxError;
use crate::frame::Frame;
use crate::graph::{Element, Graph, Value, int, ints};
use crate::model::{both, logistic_of};
use automl_core::Artifact;
use input::{Encoded, Encoder};
use layers::{Activation, Layer};
use serde::Deserialize;
use weights::Weights;

/// The part of a network's settings that its weights do not tell.
#[derive(Deserialize)]
struct Settings {
    r#type: String,
    #[serde(default)]
    activation: Activation,
    /// Heads of attention.
    #[serde(default = "usual_heads")]
    heads: usize,
}

/// What a transformer has whose file does not say it.
fn usual_heads() -> usize {
    8
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Loss {
    CrossEntropy,
    Bce,
    Mse,
    Mae,
    Huber(#[expect(dead_code, reason = "predictions do not depend on it")] f64),
}

#[derive(Deserialize)]
struct TargetScale {
    centre: f64,
    spread: f64,
}

/// A value of the network: rows by `width`, or rows by something by `width`.
struct Flow {
    value: Value,
    width: usize,
}

/// What a network says: rows by one number, or by classes.
pub(crate) fn network(
    graph: &mut Graph,
    frame: &Frame,
    artifact: &Artifact,
    rows: &Value,
) -> Result<Value, OnnxError> {
    let settings: Settings = artifact.meta("network")?;
    let encoder: Encoder = artifact.meta("encoder")?;
    let encoded = encoder.encoded(graph, frame)?;
    let module = match settings.r#type.as_str() {
        "linear" => "Linear",
        "mlp" => "Mlp",
        "resnet" => "Resnet",
        "tabm" => "Tabm",
        "ft_transformer" => "FtTransformer",
        other => return Err(OnnxError::unsupported(format!("the network '{other}'"))),
    };
    let weights = Weights::new(artifact, module);
    let net = Net {
        settings: &settings,
        weights: &weights,
    };
    let scores = match module {
        "Tabm" => net.tabm(graph, &encoded)?,
        other => {
            let flow = match other {
                "Linear" => encoded.flat(graph, &weights)?,
                "Mlp" => net.mlp(graph, &encoded)?,
                "Resnet" => net.resnet(graph, &encoded)?,
                _ => net.ft_transformer(graph, &encoded, rows)?,
            };
            let scores = weights.linear(graph, "head", &flow)?;
            let shape = [-1, 1, scores.width as i64];
            Flow {
                value: graph.reshaped(&scores.value, &shape),
                width: scores.width,
            }
        }
    };
    told(graph, artifact, &scores)
}

/// Predictions of scores, rows by members by outputs.
fn told(graph: &mut Graph, artifact: &Artifact, scores: &Flow) -> Result<Value, OnnxError> {
    let double = graph.cast(&scores.value, Element::Double);
    let mean = |graph: &mut Graph, value: &Value| {
        let axes = [ints("axes", vec![1]), int("keepdims", 0)];
        graph.op("ReduceMean", &[value], axes)
    };
    let loss: Loss = artifact.meta("loss")?;
    if !matches!(loss, Loss::CrossEntropy) && scores.width != 1 {
        return Err(artifact
            .invalid("loss", "the network has more outputs")
            .into());
    }
    Ok(match loss {
        Loss::CrossEntropy => {
            let shares = graph.op("Softmax", &[&double], [int("axis", 2)]);
            mean(graph, &shares)
        }
        Loss::Bce => {
            let shares = logistic_of(graph, &double);
            let second = mean(graph, &shares);
            both(graph, &second)
        }
        Loss::Mse | Loss::Mae | Loss::Huber(_) => {
            let scale: TargetScale = artifact.meta("scale")?;
            let value = mean(graph, &double);
            let spread = graph.double(scale.spread);
            let value = graph.op("Mul", &[&value, &spread], []);
            let centre = graph.double(scale.centre);
            graph.op("Add", &[&value, &centre], [])
        }
    })
}

/// A network that is being written.
struct Net<'a> {
    settings: &'a Settings,
    weights: &'a Weights<'a>,
}

impl Net<'_> {
    fn activated(&self, graph: &mut Graph, flow: &Flow) -> Flow {
        Flow {
            value: self.settings.activation.applied(graph, &flow.value),
            width: flow.width,
        }
    }

    fn mlp(&self, graph: &mut Graph, encoded: &Encoded) -> Result<Flow, OnnxError> {
        let mut x = encoded.flat(graph, self.weights)?;
        for layer in self.weights.numbered("layers") {
            x = self.weights.linear(graph, &layer.name, &x)?;
            let norm = format!("norms.{}", layer.index);
            if self.weights.has(&norm) {
                x = self.weights.norm(graph, &norm, &x)?;
            }
            x = self.activated(graph, &x);
        }
        Ok(x)
    }

    fn resnet(&self, graph: &mut Graph, encoded: &Encoded) -> Result<Flow, OnnxError> {
        let weights = self.weights;
        let x = encoded.flat(graph, weights)?;
        let mut x = weights.linear(graph, "first", &x)?;
        for Layer { name, .. } in weights.numbered("blocks") {
            let inner = weights.norm(graph, &format!("{name}.norm"), &x)?;
            let inner = weights.linear(graph, &format!("{name}.first"), &inner)?;
            let inner = layers::relu(graph, &inner);
            let inner = weights.linear(graph, &format!("{name}.second"), &inner)?;
            x = layers::sum(graph, &x, &inner);
        }
        let x = weights.norm(graph, "norm", &x)?;
        Ok(layers::relu(graph, &x))
    }

    /// Rows by members by outputs.
    fn tabm(&self, graph: &mut Graph, encoded: &Encoded) -> Result<Flow, OnnxError> {
        let weights = self.weights;
        let x = encoded.flat(graph, weights)?;
        let mut x = Flow {
            value: graph.reshaped(&x.value, &[-1, 1, x.width as i64]),
            width: x.width,
        };
        for Layer { name, .. } in weights.numbered("layers") {
            x = weights.shared_linear(graph, &name, x)?;
            x = self.activated(graph, &x);
        }
        weights.heads(graph, &x)
    }

    /// The token that gathers, rows by numbers of a token.
    fn ft_transformer(
        &self,
        graph: &mut Graph,
        encoded: &Encoded,
        rows: &Value,
    ) -> Result<Flow, OnnxError> {
        let weights = self.weights;
        let (mut x, n_tokens) = encoded.tokens(graph, weights, rows)?;
        for Layer { name, .. } in weights.numbered("blocks") {
            let inner = weights.norm(graph, &format!("{name}.attention_norm"), &x)?;
            let heads = [n_tokens, self.settings.heads];
            let inner = layers::attention(graph, weights, &name, (&inner, heads))?;
            x = layers::sum(graph, &x, &inner);
            let inner = weights.norm(graph, &format!("{name}.feed_norm"), &x)?;
            let inner = weights.linear(graph, &format!("{name}.first"), &inner)?;
            let inner = layers::gated(graph, &inner);
            let inner = weights.linear(graph, &format!("{name}.second"), &inner)?;
            x = layers::sum(graph, &x, &inner);
        }
        let first = graph.int(0);
        let value = graph.op("Gather", &[&x.value, &first], [int("axis", 1)]);
        let summary = Flow {
            value: graph.reshaped(&value, &[-1, x.width as i64]),
            width: x.width,
        };
        let summary = weights.norm(graph, "norm", &summary)?;
        Ok(layers::relu(graph, &summary))
    }
}
