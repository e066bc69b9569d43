//! XGBoost's model document, the same in JSON and UBJSON: `gbtree` and `dart` boosters.
//!
//! XGBoost compares single-precision numbers by `x < split`; a double goes the same way by `x <= t` for the greatest `t`
//! that is rounded to a number below `split`.

use super::{ImportError, ImportedFeature, Parsed, ParsedNode, ParsedRole, ParsedTest, ParsedTree};
use crate::objective::Link;
use serde_json::Value;

pub(super) const PROGRAM: &str = "XGBoost";

/// Levels that a split may name at most; far beyond what can be imported.
const MAX_LEVELS: u64 = 1 << 20;

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
    if params
        .key("num_target")
        .and_then(|n| n.count())
        .unwrap_or(1)
        > 1
    {
        return Err(unsupported("more than one target"));
    }
    let link = link(&objective, n_outputs)?;
    let base = base(&params.key("base_score")?, link, n_outputs)?;
    let booster = learner.key("gradient_booster")?;
    let (model, weights) = match booster.key("name")?.text()? {
        "gbtree" => (booster.key("model")?, None),
        "dart" => {
            let weights = booster.key("weight_drop")?.floats()?;
            (booster.key("gbtree")?.key("model")?, Some(weights))
        }
        other => return Err(unsupported(format!("the booster '{other}'"))),
    };
    let mut features = features(&learner, params.key("num_feature")?.count()?)?;
    let trees = trees(&model, features.len(), weights.as_deref())?;
    name_levels(&mut features, &trees, &model)?;
    let outputs = model.key("tree_info")?.counts()?;
    if outputs.len() != trees.len() || outputs.iter().any(|&output| output >= n_outputs) {
        return Err(damaged(
            "learner.gradient_booster.model.tree_info",
            "is not an output a tree",
        ));
    }
    Ok(Parsed {
        program: PROGRAM,
        objective,
        features,
        link,
        base,
        trees: by_round(trees, &outputs, n_outputs),
    })
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
    if n > 1_000_000 || (!names.is_empty() && names.len() != n) {
        return Err(damaged(&at.path, "is not a name a feature"));
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
    n_features: usize,
    weights: Option<&[f64]>,
) -> Result<Vec<ParsedTree>, ImportError> {
    let at = model.key("trees")?;
    let list = at.list()?;
    if weights.is_some_and(|weights| weights.len() != list.len()) {
        return Err(damaged(
            "learner.gradient_booster.weight_drop",
            "is not a weight a tree",
        ));
    }
    let tree = |(index, value): (usize, &Value)| {
        let tree = At {
            value,
            path: format!("{}[{index}]", at.path),
        };
        Columns::of(&tree)?.tree(
            &tree,
            n_features,
            weights.map_or(1.0, |weights| weights[index]),
        )
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
    categories: Vec<u32>,
    /// The node, start and length of each run of `categories`.
    runs: Vec<(usize, usize, usize)>,
}

impl Columns {
    fn of(tree: &At<'_>) -> Result<Self, ImportError> {
        let size = tree.key("tree_param")?.key("size_leaf_vector");
        if size.and_then(|size| size.count()).unwrap_or(1) > 1 {
            return Err(unsupported("leaves that hold vectors"));
        }
        let (mut categories, mut runs) = (Vec::new(), Vec::new());
        if let Ok(at) = tree.key("categories") {
            categories = at.map("is no list of levels", |value| {
                let level = value.as_u64().filter(|&level| level < MAX_LEVELS)?;
                u32::try_from(level).ok()
            })?;
            let nodes = tree.key("categories_nodes")?.counts()?;
            let starts = tree.key("categories_segments")?.counts()?;
            let sizes = tree.key("categories_sizes")?.counts()?;
            if starts.len() != nodes.len() || sizes.len() != nodes.len() {
                return Err(damaged(&tree.path, "has not a run of categories a node"));
            }
            runs = nodes
                .into_iter()
                .zip(starts.into_iter().zip(sizes))
                .map(|(node, (start, size))| (node, start, size))
                .collect();
            runs.sort_unstable();
        }
        let columns = Self {
            left: tree.key("left_children")?.integers()?,
            right: tree.key("right_children")?.integers()?,
            features: tree.key("split_indices")?.counts()?,
            conditions: tree.key("split_conditions")?.floats()?,
            default_left: tree.key("default_left")?.integers()?,
            gains: tree.key("loss_changes")?.floats()?,
            covers: tree.key("sum_hessian")?.floats()?,
            kinds: tree
                .key("split_type")
                .ok()
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

    fn tree(&self, at: &At<'_>, n_features: usize, weight: f64) -> Result<ParsedTree, ImportError> {
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
                if self.features[index] >= n_features {
                    return Err(damaged(&at.path, "a split names no feature"));
                }
                ParsedRole::Inner {
                    feature: self.features[index],
                    test: self.test(at, index)?,
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
    fn test(&self, at: &At<'_>, index: usize) -> Result<ParsedTest, ImportError> {
        let default_left = self.default_left[index] != 0;
        if self.kinds.as_ref().is_none_or(|kinds| kinds[index] == 0) {
            return Ok(ParsedTest::UpTo {
                threshold: below(self.conditions[index] as f32),
                missing_left: default_left,
            });
        }
        let run = self.runs.binary_search_by_key(&index, |run| run.0);
        let run = run.ok().map(|run| self.runs[run]);
        let right =
            run.and_then(|(_, start, size)| self.categories.get(start..start.checked_add(size)?));
        let right = right.ok_or_else(|| damaged(&at.path, "a split names no categories"))?;
        Ok(ParsedTest::Levels {
            set: right.to_vec(),
            set_left: false,
            missing_left: default_left,
        })
    }
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

/// The levels that the file names, else the codes.
fn name_levels(
    features: &mut [ImportedFeature],
    trees: &[ParsedTree],
    model: &At<'_>,
) -> Result<(), ImportError> {
    let mut is_number = vec![false; features.len()];
    let mut most: Vec<Option<u32>> = vec![None; features.len()];
    for node in trees.iter().flat_map(|tree| &tree.0) {
        let ParsedRole::Inner { feature, test, .. } = &node.role else {
            continue;
        };
        match test {
            ParsedTest::UpTo { .. } => is_number[*feature] = true,
            ParsedTest::Levels { set, .. } => {
                let greatest = set.iter().copied().max().unwrap_or(0);
                most[*feature] = most[*feature].max(Some(greatest));
            }
        }
    }
    let named = match model.key("cats") {
        Ok(cats) => category_names(&cats)?,
        Err(_absent) => Vec::new(),
    };
    for (index, feature) in features.iter_mut().enumerate() {
        let names = named.get(index).cloned().flatten();
        let n_asked = most[index].map_or(0, |most| most as usize + 1);
        if is_number[index] {
            if n_asked > 0 {
                return Err(damaged(&model.path, "a feature is a number and a category"));
            }
            continue;
        }
        feature.levels = match names {
            Some(names) if names.len() < n_asked => {
                return Err(damaged(&model.path, "has fewer levels than the trees"));
            }
            Some(names) => Some(names),
            None if n_asked > 0 => Some((0..n_asked).map(|code| code.to_string()).collect()),
            None => None,
        };
    }
    Ok(())
}

/// By feature, the names of its levels: texts end to end with their bounds, or a list of numbers.
fn category_names(cats: &At<'_>) -> Result<Vec<Option<Vec<String>>>, ImportError> {
    let Ok(list) = cats.key("enc") else {
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
    list.map("is no list of levels", names)
}

/// Trees in rounds of one tree an output, as ours are added; parallel trees of a round become rounds of their own.
fn by_round(trees: Vec<ParsedTree>, outputs: &[usize], n_outputs: usize) -> Vec<ParsedTree> {
    let mut place = vec![0; n_outputs];
    let mut numbered: Vec<(usize, usize, ParsedTree)> = Vec::with_capacity(trees.len());
    for (tree, &output) in trees.into_iter().zip(outputs) {
        numbered.push((place[output], output, tree));
        place[output] += 1;
    }
    // An output that has fewer trees than the others gets empty ones.
    let n_rounds = place.iter().copied().max().unwrap_or(0);
    for (output, &n) in place.iter().enumerate() {
        numbered.extend((n..n_rounds).map(|round| (round, output, ParsedTree::nothing())));
    }
    numbered.sort_by_key(|&(round, output, _)| (round, output));
    numbered.into_iter().map(|(_, _, tree)| tree).collect()
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
