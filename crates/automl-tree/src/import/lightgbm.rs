//! LightGBM's text format: `key=value` lines, a block a tree, then the parameters it was trained with.

use super::levels::{LEVELS_MAX, LevelSet, name_levels, too_many};
use super::{
    ImportError, ImportedFeature, Parsed, ParsedLinear, ParsedNode, ParsedRole, ParsedTest,
    ParsedTree,
};
use crate::objective::Link;
use std::collections::BTreeMap;
use std::str::FromStr;

const PROGRAM: &str = "LightGBM";

/// `decision_type`: the split asks for categories.
const CATEGORY: u32 = 1;
/// `decision_type`: missing values go left.
const DEFAULT_LEFT: u32 = 2;

/// A run of `key=value` lines.
struct Block<'a> {
    /// The line it starts at, from 1.
    line: usize,
    entries: BTreeMap<&'a str, (usize, &'a str)>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ImportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::Damaged {
        program: PROGRAM,
        place: format!("byte {}", error.valid_up_to()),
        reason: "not UTF-8".to_owned(),
    })?;
    let (header, trees, rest) = blocks(text)?;
    // Level names stand at the very end: without them, codes would be taken for levels.
    let is_old = header.text("version").is_ok_and(|version| version == "v2");
    if !is_old && !rest.contains("\nend of parameters") {
        return Err(ended_before("end of parameters", text));
    }
    let objective: String = header.text("objective").unwrap_or_default().to_owned();
    let n_outputs: usize = header.number("num_tree_per_iteration")?;
    if n_outputs == 0 || n_outputs > 10_000 {
        return Err(header.damaged("num_tree_per_iteration", "out of range"));
    }
    let goal = Goal::of(&objective, n_outputs)?;
    let names: Vec<&str> = header.text("feature_names")?.split(' ').collect();
    let mut features: Vec<ImportedFeature> = names
        .iter()
        .map(|name| ImportedFeature {
            name: (*name).to_owned(),
            levels: None,
        })
        .collect();
    let n_iterations = trees.len() / n_outputs;
    let is_average = header.entries.contains_key("average_output");
    let scale = goal.sigmoid
        / if is_average {
            n_iterations.max(1) as f64
        } else {
            1.0
        };
    let mut parsed = Vec::with_capacity(trees.len());
    for tree in &trees {
        parsed.push(tree.tree(&features, scale)?);
    }
    if parsed.len() % n_outputs != 0 {
        return Err(header.damaged("num_tree_per_iteration", "trees are missing"));
    }
    let named = pandas_levels(rest)
        .map_err(|()| header.damaged("pandas_categorical", "is not a list of lists"))?;
    name_levels(&mut features, &parsed, named)
        .map_err(|error| error.of(PROGRAM, |reason| header.damaged("feature_names", reason)))?;
    Ok(Parsed {
        program: PROGRAM,
        objective,
        features,
        link: goal.link,
        base: vec![0.0; n_outputs],
        trees: parsed,
    })
}

/// The header, the trees, and what follows them.
fn blocks(text: &str) -> Result<(Block<'_>, Vec<Block<'_>>, &str), ImportError> {
    let mut all: Vec<Block<'_>> = vec![Block::at(1)];
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        offset += line.len();
        let line = line.trim_end();
        if line == "end of trees" {
            let mut blocks = all.into_iter();
            let header = blocks.next().expect("it was put there");
            return Ok((header, blocks.collect(), &text[offset..]));
        }
        if line.starts_with("Tree=") {
            all.push(Block::at(index + 1));
        }
        // `average_output` and the format's name stand alone.
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            let block = all.last_mut().expect("the header is there");
            block.entries.insert(key, (index + 1, value));
        }
    }
    Err(ended_before("end of trees", text))
}

fn ended_before(mark: &str, text: &str) -> ImportError {
    ImportError::Damaged {
        program: PROGRAM,
        place: format!("line {}", text.lines().count()),
        reason: format!("the file ends before '{mark}'"),
    }
}

impl<'a> Block<'a> {
    fn at(line: usize) -> Self {
        Self {
            line,
            entries: BTreeMap::new(),
        }
    }

    fn damaged(&self, key: &str, reason: &str) -> ImportError {
        let line = self.entries.get(key).map_or(self.line, |&(line, _)| line);
        ImportError::Damaged {
            program: PROGRAM,
            place: format!("line {line}"),
            reason: format!("'{key}' {reason}"),
        }
    }

    fn text(&self, key: &str) -> Result<&'a str, ImportError> {
        match self.entries.get(key) {
            Some(&(_, value)) => Ok(value),
            None => Err(self.damaged(key, "is missing")),
        }
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<T, ImportError> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|_invalid| self.damaged(key, "is no number of its kind"))
    }

    /// `n` numbers with blanks between.
    fn numbers<T: FromStr>(&self, key: &str, n: usize) -> Result<Vec<T>, ImportError> {
        let words = self.text(key)?.split_ascii_whitespace();
        let numbers: Result<Vec<T>, _> = words.map(str::parse).collect();
        match numbers {
            Ok(numbers) if numbers.len() == n => Ok(numbers),
            Ok(_) => Err(self.damaged(key, &format!("has not {n} numbers"))),
            Err(_invalid) => Err(self.damaged(key, "is not a list of numbers")),
        }
    }

    /// Counts or gains, which older files may lack: zeros then.
    fn optional(&self, key: &str, n: usize) -> Result<Vec<f64>, ImportError> {
        if self.entries.contains_key(key) {
            self.numbers(key, n)
        } else {
            Ok(vec![0.0; n])
        }
    }

    fn tree(&self, features: &[ImportedFeature], scale: f64) -> Result<ParsedTree, ImportError> {
        let n_leaves: usize = self.number("num_leaves")?;
        let values: Vec<f64> = self.numbers("leaf_value", n_leaves)?;
        let Some(n_inner) = n_leaves.checked_sub(1) else {
            return Err(self.damaged("num_leaves", "is zero"));
        };
        // Of a tree that is a single leaf, some versions leave the list empty.
        let leaf_covers = if n_inner == 0 {
            vec![0.0]
        } else {
            self.optional("leaf_count", n_leaves)?
        };
        let linear = self.linear_leaves(n_leaves, features.len(), scale)?;
        let mut linear = linear.into_iter();
        let leaf = |index: usize| ParsedNode {
            cover: leaf_covers[index],
            role: ParsedRole::Leaf {
                value: values[index] * scale,
                linear: linear.next(),
            },
        };
        if n_inner == 0 {
            return Ok(ParsedTree((0..1).map(leaf).collect()));
        }
        let splits = Splits::of(self, n_inner)?;
        let mut nodes = Vec::with_capacity(n_inner + n_leaves);
        for index in 0..n_inner {
            nodes.push(splits.node(self, index, features, n_leaves)?);
        }
        nodes.extend((0..n_leaves).map(leaf));
        Ok(ParsedTree(nodes))
    }

    /// The models of the leaves, in their order; none if the tree's leaves are constant.
    fn linear_leaves(
        &self,
        n_leaves: usize,
        n_features: usize,
        scale: f64,
    ) -> Result<Vec<ParsedLinear>, ImportError> {
        let is_linear = self
            .text("is_linear")
            .is_ok_and(|value| value.trim() != "0");
        if !is_linear {
            return Ok(Vec::new());
        }
        let constants: Vec<f64> = self.numbers("leaf_const", n_leaves)?;
        let counts: Vec<usize> = self.numbers("num_features", n_leaves)?;
        let n_terms = counts
            .iter()
            .fold(0, |sum: usize, &count| sum.saturating_add(count));
        let features: Vec<usize> = self.numbers("leaf_features", n_terms)?;
        let coefficients: Vec<f64> = self.numbers("leaf_coeff", n_terms)?;
        if features.iter().any(|&feature| feature >= n_features) {
            return Err(self.damaged("leaf_features", "names no feature"));
        }
        let scaled = coefficients
            .into_iter()
            .map(|coefficient| coefficient * scale);
        let mut terms = features.into_iter().zip(scaled);
        let leaves = constants.into_iter().zip(counts);
        let leaf = |(constant, count): (f64, usize)| ParsedLinear {
            constant: constant * scale,
            terms: terms.by_ref().take(count).collect(),
        };
        Ok(leaves.map(leaf).collect())
    }
}

/// The inner nodes of a tree, a vector for each of their properties.
struct Splits {
    features: Vec<usize>,
    thresholds: Vec<f64>,
    decisions: Vec<u32>,
    left: Vec<i64>,
    right: Vec<i64>,
    gains: Vec<f64>,
    covers: Vec<f64>,
    /// Bits of the sets, and where each set's words start.
    words: Vec<u32>,
    starts: Vec<usize>,
}

impl Splits {
    fn of(block: &Block<'_>, n: usize) -> Result<Self, ImportError> {
        let n_sets: usize = block.number("num_cat")?;
        let (starts, words): (Vec<usize>, Vec<u32>) = if n_sets == 0 {
            (vec![0], Vec::new())
        } else {
            let n_starts = n_sets.checked_add(1).unwrap_or(n_sets);
            let starts: Vec<usize> = block.numbers("cat_boundaries", n_starts)?;
            let n_words = starts.last().copied().unwrap_or(0);
            (starts, block.numbers("cat_threshold", n_words)?)
        };
        if !starts.is_sorted() {
            return Err(block.damaged("cat_boundaries", "falls"));
        }
        Ok(Self {
            features: block.numbers("split_feature", n)?,
            thresholds: block.numbers("threshold", n)?,
            decisions: block.numbers("decision_type", n)?,
            left: block.numbers("left_child", n)?,
            right: block.numbers("right_child", n)?,
            gains: block.optional("split_gain", n)?,
            covers: block.optional("internal_count", n)?,
            words,
            starts,
        })
    }

    fn node(
        &self,
        block: &Block<'_>,
        index: usize,
        features: &[ImportedFeature],
        n_leaves: usize,
    ) -> Result<ParsedNode, ImportError> {
        let n_inner = n_leaves - 1;
        // Negative numbers are leaves, counted from −1.
        let child = |number: i64, key: &str| {
            let leaf = usize::try_from(!number)
                .ok()
                .filter(|&leaf| leaf < n_leaves);
            let inner = usize::try_from(number)
                .ok()
                .filter(|&inner| inner < n_inner);
            inner
                .or(leaf.map(|leaf| n_inner + leaf))
                .ok_or_else(|| block.damaged(key, "names no node"))
        };
        let Some(feature) = features.get(self.features[index]) else {
            return Err(block.damaged("split_feature", "names no feature"));
        };
        let test = if self.decisions[index] & CATEGORY == 0 {
            self.number_test(index)?
        } else {
            ParsedTest::Levels {
                set: self.levels(block, index, feature)?,
                set_left: true,
                missing_left: false,
            }
        };
        Ok(ParsedNode {
            cover: self.covers[index],
            role: ParsedRole::Inner {
                feature: self.features[index],
                test,
                left: child(self.left[index], "left_child")?,
                right: child(self.right[index], "right_child")?,
                gain: self.gains[index],
            },
        })
    }

    /// Where missing values were not met in training, they count as zero.
    fn number_test(&self, index: usize) -> Result<ParsedTest, ImportError> {
        let threshold = self.thresholds[index];
        let zero_left = 0.0 <= threshold;
        let default_left = self.decisions[index] & DEFAULT_LEFT != 0;
        let missing_left = match self.decisions[index] >> 2 & 3 {
            0 => zero_left,
            1 if default_left != zero_left => {
                return Err(ImportError::Unsupported {
                    program: PROGRAM,
                    what: "zero_as_missing, where zero goes against its order".to_owned(),
                });
            }
            _ => default_left,
        };
        Ok(ParsedTest::UpTo {
            threshold,
            missing_left,
        })
    }

    fn levels(
        &self,
        block: &Block<'_>,
        index: usize,
        feature: &ImportedFeature,
    ) -> Result<LevelSet, ImportError> {
        let set = self.thresholds[index];
        let is_set = set >= 0.0 && set.fract() == 0.0 && set < (self.starts.len() - 1) as f64;
        if !is_set {
            return Err(block.damaged("threshold", "names no set of categories"));
        }
        let words = &self.words[self.starts[set as usize]..self.starts[set as usize + 1]];
        // The program writes no words behind the greatest level.
        if words.len() > LEVELS_MAX.div_ceil(32) {
            return Err(too_many(PROGRAM, feature));
        }
        let mut levels = LevelSet::default();
        for level in 0..words.len() * 32 {
            if words[level / 32] >> (level % 32) & 1 == 1 {
                let inserted = levels.insert(level);
                inserted.ok_or_else(|| too_many(PROGRAM, feature))?;
            }
        }
        Ok(levels)
    }
}

/// What the trees' sum means.
struct Goal {
    link: Link,
    /// What raw scores are multiplied by before the logistic function.
    sigmoid: f64,
}

impl Goal {
    /// From such as `binary sigmoid:1`.
    fn of(objective: &str, n_outputs: usize) -> Result<Self, ImportError> {
        let mut words = objective.split_ascii_whitespace();
        let name = words.next().unwrap_or("");
        let options: Vec<&str> = words.collect();
        let unsupported = |what: String| {
            Err(ImportError::Unsupported {
                program: PROGRAM,
                what,
            })
        };
        if options.contains(&"sqrt") {
            return unsupported("a target under the square root".to_owned());
        }
        let sigmoid = options
            .iter()
            .find_map(|word| word.strip_prefix("sigmoid:"));
        let sigmoid = sigmoid.map_or(Ok(1.0), str::parse::<f64>);
        let Some(sigmoid) = sigmoid.ok().filter(|s| s.is_finite() && *s > 0.0) else {
            return unsupported(format!("the objective '{objective}'"));
        };
        let link = match name {
            "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape"
            | "lambdarank" | "rank_xendcg" => Link::Identity,
            "poisson" | "gamma" | "tweedie" => Link::Log,
            "binary" | "cross_entropy" => Link::Logit,
            "multiclass" => Link::Softmax,
            _ => return unsupported(format!("the objective '{objective}'")),
        };
        let fits = match link {
            Link::Softmax => n_outputs >= 3,
            _ => n_outputs == 1,
        };
        if !fits {
            return unsupported(format!("{n_outputs} outputs for '{objective}'"));
        }
        let sigmoid = if link == Link::Logit { sigmoid } else { 1.0 };
        Ok(Self { link, sigmoid })
    }
}

/// Feature and level names of the columns that were pandas categories, in order. Fails on names that cannot be read.
fn pandas_levels(rest: &str) -> Result<Vec<(usize, Vec<String>)>, ()> {
    let line = |prefix: &str| rest.lines().find_map(|line| line.strip_prefix(prefix));
    let columns = line("[categorical_feature: ").and_then(|text| text.strip_suffix(']'));
    let columns: Vec<usize> = columns
        .unwrap_or_default()
        .split(',')
        .filter_map(|column| column.trim().parse().ok())
        .collect();
    let Some(text) = line("pandas_categorical:") else {
        return Ok(Vec::new());
    };
    // `null` where the data was no table of pandas.
    let names: Option<Vec<Vec<serde_json::Value>>> =
        serde_json::from_str(text).map_err(|_invalid| ())?;
    let names = names.unwrap_or_default();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if names.len() != columns.len() {
        return Err(());
    }
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let names = names
        .into_iter()
        .map(|levels| levels.into_iter().map(text).collect());
    Ok(columns.into_iter().zip(names).collect())
}
