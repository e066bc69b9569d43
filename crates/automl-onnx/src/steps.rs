//! The steps of a fitted recipe, each as its artifact has it.

use crate::calendar;
use crate::error::OnnxError;
use crate::frame::{Codes, Column, Frame, Replacement, is_missing};
use crate::graph::{Element, Graph, doubles, tensor};
use crate::normal;
use crate::pairs;
use crate::text;
use automl_core::{Artifact, ArtifactError, MISSING_CODE, UNSEEN_CODE};

/// The columns that a step makes of one.
pub(crate) type Made = Vec<(String, Column)>;
/// Turns what a step learned of one column into columns.
type Encoder = fn(&mut Graph, &Frame, &str, &Artifact) -> Result<Made, OnnxError>;

/// Applies a fitted step.
pub(crate) fn apply(graph: &mut Graph, frame: &Frame, step: &Artifact) -> Result<Frame, OnnxError> {
    let encoder: Encoder = match step.kind.as_str() {
        "variance_filter" | "correlation_filter" | "select_k_best" => {
            let names: Vec<String> = step.meta("columns")?;
            return Ok(frame.without(&names));
        }
        "impute" => impute,
        "scale" => scale,
        "one_hot" => one_hot,
        "target_encode" => target_encode,
        "frequency" => frequency,
        "number_as_category" => number_as_category,
        "datetime" => datetime,
        // Where there are no texts, it does nothing.
        "hashing" if step.children.is_empty() => {
            return Ok(frame.clone());
        }
        "interactions" => return pairs::interactions(graph, frame, step),
        "combine_categories" => return pairs::combine_categories(graph, frame, step),
        "text_stats" => text::stats,
        "text_tfidf" => text::tfidf,
        "text_svd" => text::svd,
        other => return Err(OnnxError::unsupported(format!("the step '{other}'"))),
    };
    let names: Vec<String> = step.meta("columns")?;
    let mut replacements: Vec<Replacement> = Vec::new();
    for (name, child) in names.iter().zip(&step.children) {
        replacements.push((name.clone(), encoder(graph, frame, name, child)?));
    }
    Ok(frame.replaced(replacements, step.meta("keep")?))
}

/// The code of a slot among so many levels; none where a level is not one of them.
pub(crate) fn slot_of(code: u32, n_levels: usize) -> Option<usize> {
    if code == MISSING_CODE {
        return Some(n_levels);
    }
    ((code as usize) < n_levels).then_some(code as usize)
}

/// The texts of an array of bytes and one of ends.
pub(crate) fn strings(artifact: &Artifact, name: &str) -> Result<Vec<String>, ArtifactError> {
    let bytes = artifact.u8s(&format!("{name}.bytes"))?;
    let mut start = 0_usize;
    let mut all = Vec::new();
    for &end in artifact.i64s(&format!("{name}.ends"))? {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let text = bytes.get(start..end);
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(|| artifact.invalid(name, "a string has no bytes"))?;
        all.push(text.to_owned());
        start = end;
    }
    Ok(all)
}

/// The only number of an array, or the number at a place of it.
fn number(artifact: &Artifact, name: &str, place: usize) -> Result<f64, ArtifactError> {
    let value = artifact.f64s(name)?.get(place).copied();
    value.ok_or_else(|| artifact.invalid(name, "too few numbers"))
}

fn impute(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let fills: String = learned.meta("fills")?;
    if fills == "number" {
        let value = frame.number(name)?.clone();
        let (is_nan, indicator) = is_missing(graph, &value);
        let filler = graph.double(number(learned, "value", 0)?);
        let filled = graph.op("Where", &[&is_nan, &filler, &value], []);
        let mut made = vec![(name.to_owned(), Column::Number(filled))];
        if learned.meta("indicator")? {
            made.push((format!("{name}_missing"), Column::Number(indicator)));
        }
        return Ok(made);
    }
    let codes = frame.codes(name)?.clone();
    let filled = if fills == "mode" {
        let (fill, n_levels): (u32, usize) = (learned.meta("code")?, learned.meta("n_levels")?);
        let is_known = codes.n_levels >= n_levels;
        codes.mapped(graph, codes.n_levels, |code| {
            if code == MISSING_CODE && is_known {
                fill
            } else {
                code
            }
        })
    } else {
        let n_levels = strings(learned, "levels")?.len();
        let own = (n_levels as u32).saturating_sub(1);
        codes.mapped(graph, n_levels, |code| match code {
            MISSING_CODE => own,
            code if code < own => code,
            _ => UNSEEN_CODE,
        })
    };
    Ok(vec![(name.to_owned(), Column::Codes(filled))])
}

fn scale(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let method: String = learned.meta("method")?;
    let value = frame.number(name)?.clone();
    match method.as_str() {
        "linear" => {}
        "quantile" => {
            let scores = normal::scores(graph, &value, learned.f64s("values")?);
            return Ok(vec![(name.to_owned(), Column::Number(scores))]);
        }
        other => {
            let what = format!("scaling by '{other}', as of column '{name}',");
            return Err(OnnxError::unsupported(what));
        }
    }
    let center = graph.double(number(learned, "values", 0)?);
    let scale = graph.double(number(learned, "values", 1)?);
    let centred = graph.op("Sub", &[&value, &center], []);
    let scaled = graph.op("Div", &[&centred, &scale], []);
    Ok(vec![(name.to_owned(), Column::Number(scaled))])
}

const NO_DIMENSION: u32 = u32::MAX;

fn one_hot(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let codes = frame.codes(name)?.clone();
    let names = strings(learned, "names")?;
    let of_slot = learned.u32s("dim_of_slot")?;
    let other: Option<u32> = learned.meta("other")?;
    let is_dimension = |dim: &u32| *dim != NO_DIMENSION && (*dim as usize) < names.len();
    let dims: Vec<Option<u32>> = codes
        .codes()
        .map(
            |code| match slot_of(code, of_slot.len().saturating_sub(1)) {
                Some(slot) => of_slot.get(slot).copied().filter(is_dimension),
                None => other.filter(is_dimension),
            },
        )
        .collect();
    if learned.meta("is_sparse")? {
        let column = Column::OneHot {
            codes,
            dims,
            n_dims: names.len(),
        };
        return Ok(vec![(format!("{name}_one_hot"), column)]);
    }
    let mut made = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        let mut of_slots = dims.iter();
        let value = codes.looked_up(graph, 1, |_| {
            let dim = of_slots.next().copied().flatten();
            vec![f64::from(u8::from(dim == Some(place as u32)))]
        });
        made.push((name, Column::Number(value)));
    }
    Ok(made)
}

fn target_encode(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let codes = frame.codes(name)?.clone();
    let labels = strings(learned, "labels")?;
    let (values, priors) = (learned.f64s("values")?, learned.f64s("priors")?);
    let n_slots = values.len() / labels.len().max(1);
    if n_slots == 0 || priors.len() != labels.len() {
        return Err(learned
            .invalid("values", "they cannot be shared out")
            .into());
    }
    let mut made = Vec::new();
    for ((label, means), prior) in labels.iter().zip(values.chunks_exact(n_slots)).zip(priors) {
        let mean = |code| slot_of(code, n_slots - 1).map_or(*prior, |slot| means[slot]);
        let value = codes.looked_up(graph, 1, |code| vec![mean(code)]);
        made.push((format!("{name}_{label}"), Column::Number(value)));
    }
    Ok(made)
}

fn frequency(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let codes = frame.codes(name)?.clone();
    let shares = learned.f64s("shares")?;
    let n_levels = shares.len().saturating_sub(1);
    let share = |code| slot_of(code, n_levels).map_or(0.0, |slot| shares[slot]);
    let value = codes.looked_up(graph, 1, |code| vec![share(code)]);
    Ok(vec![(format!("{name}_frequency"), Column::Number(value))])
}

fn number_as_category(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let value = frame.number(name)?.clone();
    let known = learned.f64s("values")?;
    let n_levels = known.len();
    let slots: Vec<f64> = (0..n_levels).map(|slot| slot as f64).collect();
    let slot = graph.op(
        "LabelEncoder",
        &[&value],
        [
            tensor("keys_tensor", doubles(&[n_levels], known)),
            tensor("values_tensor", doubles(&[n_levels], &slots)),
            tensor("default_tensor", doubles(&[1], &[n_levels as f64 + 1.0])),
        ],
    );
    let is_nan = graph.op("IsNaN", &[&value], []);
    let missing = graph.double(n_levels as f64);
    let slot = graph.op("Where", &[&is_nan, &missing, &slot], []);
    let slot = graph.cast(&slot, Element::Int);
    let codes = Codes {
        value: graph.reshaped(&slot, &[-1]),
        n_levels,
    };
    Ok(vec![(format!("{name}_level"), Column::Codes(codes))])
}

fn datetime(
    graph: &mut Graph,
    frame: &Frame,
    name: &str,
    learned: &Artifact,
) -> Result<Made, OnnxError> {
    let times = frame.times(name)?.clone();
    let parts: Vec<String> = learned.meta("parts")?;
    let made = calendar::parts(graph, &times, &parts, learned.meta("cycles")?)?;
    let named = made
        .into_iter()
        .map(|(part, value)| (format!("{name}_{part}"), Column::Number(value)));
    Ok(named.collect())
}
