//! XGBoost's model document, the same in JSON and UBJSON: `gbtree` and `dart` boosters, and early stopping.
//!
//! XGBoost compares single-precision numbers by `x < split`; a double goes the same way by `x <= t` for the greatest `t`
//! that is rounded to a number below `split`.

use super::levels::{LevelSet, name_levels, too_many};
use super::{ImportError, ImportedFeature, Parsed, ParsedNode, ParsedRole, ParsedTest, ParsedTree};
use crate::objective::Link;
use serde_json::Value;
use std::ops::Range;

pub(super) const PROGRAM: &str = "XGBoost";

/// Features that a model without names may have: the file says their number alone.
const UNNAMED_MAX: usize = 100_000;
/// How many times its trees a model may hold once each output has as many as the others.
const PADDING_MAX: usize = 4;

fn damaged(place: &str, reason: &str) -> ImportError {
    ImportError::Damaged {
        program: PROGRAM,
        place: place.to_owned(),
        reason: reason.to_owned(),
    }
}

fn unsupported(what: impl Into<String>) -> ImportError {
    ImportError::Unsupported {
        program: PROGRAM,
        what: what.into(),
    }
}

/// A value of the document and the keys that lead to it.
#[derive(Clone)]
struct At<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> At<'a> {
    fn key(&self, key: &str) -> Result<Self, ImportError> {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        match self.value.get(key) {
            Some(value) => Ok(Self { value, path }),
            None => Err(damaged(&path, "is missing")),
        }
    }

    /// What not every version writes.
    fn find(&self, key: &str) -> Option<Self> {
        self.key(key).ok()
    }

    fn list(&self) -> Result<&'a [Value], ImportError> {
        let list = self.value.as_array().map(Vec::as_slice);
        list.ok_or_else(|| damaged(&self.path, "is no list"))
    }

    fn text(&self) -> Result<&'a str, ImportError> {
        let text = self.value.as_str();
        text.ok_or_else(|| damaged(&self.path, "is no text"))
    }

    /// A count, which XGBoost writes as a text.
    fn count(&self) -> Result<usize, ImportError> {
        let count = match self.value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64().and_then(|count| usize::try_from(count).ok()),
        };
        count.ok_or_else(|| damaged(&self.path, "is no count"))
    }

    fn map<T>(
        &self,
        what: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, ImportError> {
        let values: Option<Vec<T>> = self.list()?.iter().map(read).collect();
        values.ok_or_else(|| damaged(&self.path, what))
    }

    fn floats(&self) -> Result<Vec<f64>, ImportError> {
        self.map("is no list of numbers", Value::as_f64)
    }

    fn integers(&self) -> Result<Vec<i64>, ImportError> {
        self.map("is no list of whole numbers", |value| {
            // Truth values are written as such, or as 0 and 1.
            value.as_i64().or(value.as_bool().map(i64::from))
        })
    }

    fn counts(&self) -> Result<Vec<usize>, ImportError> {
        self.map("is no list of counts", |value| {
            value.as_u64().and_then(|count| usize::try_from(count).ok())
        })
    }
}

pub(super) fn parse(document: &Value) -> Result<Parsed, ImportError> {
    let root = At {
        value: document,
        path: String::new(),
    };
    let learner = root.key("learner")?;
    let params = learner.key("learner_model_param")?;
    let objective = learner.key("objective")?.key("name")?.text()?.to_owned();
    let n_outputs = params.key("num_class")?.count()?.max(1);
    if let Some(n_targets) = params.find("num_target")
        && n_targets.count()? > 1
    {
        return Err(unsupported("more than one target"));
    }
    let link = link(&objective, n_outputs)?;
    let base = base(&params.key("base_score")?, link, n_outputs)?;
    let booster = learner.key("gradient_booster")?;
    // The weights of trees that were dropped: newer versions write them beside the trees, older ones in a booster of its own.
    let (model, weights) = match booster.key("name")?.text()? {
        "gbtree" => {
            let model = booster.key("model")?;
            let weights = model.find("weight_drop");
            (model, weights)
        }
        "dart" => {
            let model = booster.key("gbtree")?.key("model")?;
            (model, Some(booster.key("weight_drop")?))
        }
        other => return Err(unsupported(format!("the booster '{other}'"))),
    };
    let mut features = features(&learner, params.key("num_feature")?.count()?)?;
    let mut trees = trees(&model, &features, weights.as_ref())?;
    let named = match model.find("cats") {
        Some(cats) => category_names(&cats)?,
        None => Vec::new(),
    };
    name_levels(&mut features, &trees, named)
        .map_err(|error| error.of(PROGRAM, |reason| damaged(&model.path, reason)))?;
    let at = model.key("tree_info")?;
    let outputs = at.counts()?;
    if outputs.len() != trees.len() || outputs.iter().any(|&output| output >= n_outputs) {
        return Err(damaged(&at.path, "is not an output a tree"));
    }
    trees.truncate(n_counted(&learner, &model, trees.len(), n_outputs)?);
    Ok(Parsed {
        program: PROGRAM,
        objective,
        features,
        link,
        base,
        trees: by_round(trees, &outputs, n_outputs)
            .ok_or_else(|| damaged(&at.path, "gives the outputs too different numbers of trees"))?,
    })
}

/// How many trees predict: all, or those up to the best round of a model that was stopped early, as in XGBoost's
/// scikit-learn classes. A round has `num_parallel_tree` trees an output.
fn n_counted(
    learner: &At<'_>,
    model: &At<'_>,
    n_trees: usize,
    n_outputs: usize,
) -> Result<usize, ImportError> {
    let attributes = learner.find("attributes");
    let Some(best) = attributes.and_then(|at| at.find("best_iteration")) else {
        return Ok(n_trees);
    };
    let n_rounds = best.count()?.checked_add(1);
    let end = if let Some(ends) = model.find("iteration_indptr") {
        let ends = ends.counts()?;
        n_rounds.and_then(|n_rounds| ends.get(n_rounds).copied())
    } else {
        let params = model.find("gbtree_model_param");
        let n_parallel = match params.and_then(|params| params.find("num_parallel_tree")) {
            Some(n_parallel) => n_parallel.count()?.max(1),
            None => 1,
        };
        n_rounds
            .and_then(|n_rounds| n_rounds.checked_mul(n_outputs))
            .and_then(|n| n.checked_mul(n_parallel))
    };
    let end = end.filter(|&end| end <= n_trees);
    end.ok_or_else(|| damaged(&best.path, "names no round"))
}

fn link(objective: &str, n_outputs: usize) -> Result<Link, ImportError> {
    let link = match objective {
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map"
        | "binary:logitraw" => Link::Identity,
        "count:poisson" | "reg:gamma" | "reg:tweedie" => Link::Log,
        "binary:logistic" => Link::Logit,
        "multi:softprob" | "multi:softmax" => Link::Softmax,
        other => return Err(unsupported(format!("the objective '{other}'"))),
    };
    let fits = match link {
        Link::Softmax => (3..=10_000).contains(&n_outputs),
        _ => n_outputs == 1,
    };
    if fits {
        Ok(link)
    } else {
        Err(unsupported(format!(
            "{n_outputs} outputs for '{objective}'"
        )))
    }
}

/// The starting scores, from `5E-1` or `[1E-1,2E-1]`, which are predictions, not scores.
fn base(at: &At<'_>, link: Link, n_outputs: usize) -> Result<Vec<f64>, ImportError> {
    let text = at.text()?.trim_start_matches('[').trim_end_matches(']');
    let scores: Result<Vec<f32>, _> = text.split(',').map(|word| word.trim().parse()).collect();
    let scores = scores.map_err(|_invalid| damaged(&at.path, "is no list of numbers"))?;
    let score = |score: f32| match link {
        Link::Logit => f64::from(score).ln() - (-f64::from(score)).ln_1p(),
        Link::Log => f64::from(score).ln(),
        Link::Identity | Link::Softmax | Link::OneVsRest => f64::from(score),
    };
    let scores: Vec<f64> = scores.into_iter().map(score).collect();
    let base = match scores.as_slice() {
        [one] => vec![*one; n_outputs],
        _ => scores,
    };
    if base.len() != n_outputs || base.iter().any(|score| !score.is_finite()) {
        return Err(damaged(&at.path, "is not a possible score an output"));
    }
    Ok(base)
}

/// Named as in the file, or `f0`, `f1` and so on as XGBoost itself does.
fn features(learner: &At<'_>, n: usize) -> Result<Vec<ImportedFeature>, ImportError> {
    let at = learner.key("feature_names")?;
    let names = at.map("is no list of names", |value| {
        value.as_str().map(str::to_owned)
    })?;
    if !names.is_empty() && names.len() != n {
        return Err(damaged(&at.path, "is not a name a feature"));
    }
    if names.is_empty() && n > UNNAMED_MAX {
        return Err(unsupported(format!(
            "more than {UNNAMED_MAX} features without names"
        )));
    }
    let name = |index: usize| {
        names
            .get(index)
            .cloned()
            .unwrap_or_else(|| format!("f{index}"))
    };
    let feature = |index| ImportedFeature {
        name: name(index),
        levels: None,
    };
    Ok((0..n).map(feature).collect())
}

fn trees(
    model: &At<'_>,
    features: &[ImportedFeature],
    weights: Option<&At<'_>>,
) -> Result<Vec<ParsedTree>, ImportError> {
    let at = model.key("trees")?;
    let list = at.list()?;
    let weights = match weights {
        Some(weights) => {
            let numbers = weights.floats()?;
            if numbers.len() != list.len() {
                return Err(damaged(&weights.path, "is not a weight a tree"));
            }
            numbers
        }
        None => vec![1.0; list.len()],
    };
    let tree = |(index, value): (usize, &Value)| {
        let tree = At {
            value,
            path: format!("{}[{index}]", at.path),
        };
        Columns::of(&tree)?.tree(&tree, features, weights[index])
    };
    list.iter().enumerate().map(tree).collect()
}

/// The nodes of a tree, a vector for each of their properties.
struct Columns {
    left: Vec<i64>,
    right: Vec<i64>,
    features: Vec<usize>,
    conditions: Vec<f64>,
    default_left: Vec<i64>,
    gains: Vec<f64>,
    covers: Vec<f64>,
    /// 1 for a node that asks for categories; none in old files.
    kinds: Option<Vec<i64>>,
    categories: Vec<usize>,
    /// The node of each run of `categories`, in order, and where the run lies.
    runs: Vec<(usize, Range<usize>)>,
}

impl Columns {
    fn of(tree: &At<'_>) -> Result<Self, ImportError> {
        if let Some(size) = tree.key("tree_param")?.find("size_leaf_vector")
            && size.count()? > 1
        {
            return Err(unsupported("leaves that hold vectors"));
        }
        let (categories, runs) = match tree.find("categories") {
            Some(at) => (at.counts()?, runs(tree)?),
            None => (Vec::new(), Vec::new()),
        };
        let columns = Self {
            left: tree.key("left_children")?.integers()?,
            right: tree.key("right_children")?.integers()?,
            features: tree.key("split_indices")?.counts()?,
            conditions: tree.key("split_conditions")?.floats()?,
            default_left: tree.key("default_left")?.integers()?,
            gains: tree.key("loss_changes")?.floats()?,
            covers: tree.key("sum_hessian")?.floats()?,
            kinds: tree
                .find("split_type")
                .map(|at| at.integers())
                .transpose()?,
            categories,
            runs,
        };
        let n = columns.left.len();
        let lengths = [
            columns.right.len(),
            columns.features.len(),
            columns.conditions.len(),
            columns.default_left.len(),
            columns.gains.len(),
            columns.covers.len(),
            columns.kinds.as_ref().map_or(n, Vec::len),
        ];
        if n == 0 || lengths.iter().any(|&length| length != n) {
            return Err(damaged(&tree.path, "has lists of different lengths"));
        }
        Ok(columns)
    }

    fn tree(
        &self,
        at: &At<'_>,
        features: &[ImportedFeature],
        weight: f64,
    ) -> Result<ParsedTree, ImportError> {
        let n = self.left.len();
        let child = |number: i64| {
            let child = usize::try_from(number).ok().filter(|&child| child < n);
            child.ok_or_else(|| damaged(&at.path, "a child names no node"))
        };
        let mut nodes = Vec::with_capacity(n);
        for index in 0..n {
            let role = if self.left[index] == -1 {
                ParsedRole::Leaf {
                    value: self.conditions[index] * weight,
                    linear: None,
                }
            } else {
                let Some(feature) = features.get(self.features[index]) else {
                    return Err(damaged(&at.path, "a split names no feature"));
                };
                ParsedRole::Inner {
                    feature: self.features[index],
                    test: self.test(at, index, feature)?,
                    left: child(self.left[index])?,
                    right: child(self.right[index])?,
                    gain: self.gains[index],
                }
            };
            nodes.push(ParsedNode {
                cover: self.covers[index],
                role,
            });
        }
        Ok(ParsedTree(nodes))
    }

    /// A set of categories names those that go right.
    fn test(
        &self,
        at: &At<'_>,
        index: usize,
        feature: &ImportedFeature,
    ) -> Result<ParsedTest, ImportError> {
        let default_left = self.default_left[index] != 0;
        if self.kinds.as_ref().is_none_or(|kinds| kinds[index] == 0) {
            return Ok(ParsedTest::UpTo {
                threshold: below(self.conditions[index] as f32),
                missing_left: default_left,
            });
        }
        let run = self.runs.binary_search_by_key(&index, |run| run.0);
        let right = run
            .ok()
            .and_then(|run| self.categories.get(self.runs[run].1.clone()));
        let right = right.ok_or_else(|| damaged(&at.path, "a split names no categories"))?;
        let mut set = LevelSet::default();
        for &level in right {
            let inserted = set.insert(level);
            inserted.ok_or_else(|| too_many(PROGRAM, feature))?;
        }
        Ok(ParsedTest::Levels {
            set,
            set_left: false,
            missing_left: default_left,
        })
    }
}

/// Where the categories of each node lie, by nodes. No two share any: a list would be read as often as there are nodes.
fn runs(tree: &At<'_>) -> Result<Vec<(usize, Range<usize>)>, ImportError> {
    let nodes = tree.key("categories_nodes")?.counts()?;
    let at = tree.key("categories_segments")?;
    let starts = at.counts()?;
    let sizes = tree.key("categories_sizes")?.counts()?;
    if starts.len() != nodes.len() || sizes.len() != nodes.len() {
        return Err(damaged(&tree.path, "has not a run of categories a node"));
    }
    let run = |(start, size): (usize, usize)| start..start.saturating_add(size);
    let ranges = starts.into_iter().zip(sizes).map(run);
    let mut runs: Vec<(usize, Range<usize>)> = nodes.into_iter().zip(ranges).collect();
    runs.sort_unstable_by_key(|(_, run)| (run.start, run.end));
    if !runs.is_sorted_by(|(_, one), (_, next)| one.end <= next.start) {
        return Err(damaged(&at.path, "has runs that overlap"));
    }
    runs.sort_unstable_by_key(|run| run.0);
    Ok(runs)
}

/// The greatest double that is rounded to a single below `split`.
fn below(split: f32) -> f64 {
    let before = split.next_down();
    if !before.is_finite() {
        return f64::from(before);
    }
    let middle = f64::midpoint(f64::from(before), f64::from(split));
    if (middle as f32) < split {
        middle
    } else {
        middle.next_down()
    }
}

/// Features with the names of their levels: texts end to end with their bounds, or a list of numbers.
fn category_names(cats: &At<'_>) -> Result<Vec<(usize, Vec<String>)>, ImportError> {
    let Some(list) = cats.find("enc") else {
        return Ok(Vec::new());
    };
    let names = |value: &Value| -> Option<Option<Vec<String>>> {
        let values = value.get("values")?.as_array()?;
        if values.is_empty() {
            return Some(None);
        }
        let Some(offsets) = value.get("offsets").and_then(Value::as_array) else {
            return Some(Some(values.iter().map(Value::to_string).collect()));
        };
        let bytes: Vec<u8> = values
            .iter()
            .map(|byte| byte.as_i64().map(|byte| byte as u8))
            .collect::<Option<_>>()?;
        let bounds: Vec<usize> = offsets
            .iter()
            .map(|bound| bound.as_u64().and_then(|bound| usize::try_from(bound).ok()))
            .collect::<Option<_>>()?;
        let texts = bounds.windows(2).map(|pair| {
            let text = bytes.get(pair[0]..pair[1])?;
            String::from_utf8(text.to_vec()).ok()
        });
        Some(Some(texts.collect::<Option<_>>()?))
    };
    let named = list.map("is no list of levels", names)?;
    let named = named.into_iter().enumerate();
    Ok(named
        .filter_map(|(feature, names)| Some((feature, names?)))
        .collect())
}

/// Trees in rounds of one tree an output, as ours are added; parallel trees of a round become rounds of their own. An
/// output that has fewer trees than the others gets empty ones; none if that would be many.
fn by_round(
    trees: Vec<ParsedTree>,
    outputs: &[usize],
    n_outputs: usize,
) -> Option<Vec<ParsedTree>> {
    let n_trees = trees.len();
    let mut place = vec![0; n_outputs];
    let mut numbered: Vec<(usize, usize, ParsedTree)> = Vec::with_capacity(n_trees);
    for (tree, &output) in trees.into_iter().zip(outputs) {
        numbered.push((place[output], output, tree));
        place[output] += 1;
    }
    let n_rounds: usize = place.iter().copied().max().unwrap_or(0);
    if n_rounds.saturating_mul(n_outputs) > n_trees.saturating_mul(PADDING_MAX) {
        return None;
    }
    for (output, &n) in place.iter().enumerate() {
        numbered.extend((n..n_rounds).map(|round| (round, output, ParsedTree::nothing())));
    }
    numbered.sort_by_key(|&(round, output, _)| (round, output));
    Some(numbered.into_iter().map(|(_, _, tree)| tree).collect())
}

impl ParsedTree {
    /// A single leaf that adds nothing.
    fn nothing() -> Self {
        Self(vec![ParsedNode {
            cover: 0.0,
            role: ParsedRole::Leaf {
                value: 0.0,
                linear: None,
            },
        }])
    }
}
