//! Bin edges of a number column: equal-frequency bins over a sample, frequent values alone in theirs.
//!
//! The greedy rule is `GreedyFindBin` of LightGBM (Ke et al., 2017): a value at least as frequent as the mean bin gets
//! a bin of its own; the others are gathered until their bin holds the mean of what is left.

/// Numbers looked at to choose the edges; more rows are sampled evenly.
pub(crate) const SAMPLE_ROWS: usize = 200_000;

/// Upper edges of at most `max_bins` bins, rising, the last infinite: `x` is in the first bin whose edge is `>= x`.
/// Empty if no value is finite. Cost: one sort of the sample.
pub(crate) fn number_edges(values: &[f64], max_bins: usize) -> Vec<f64> {
    let mut sample = evenly_sampled(values);
    if sample.is_empty() {
        return Vec::new();
    }
    sample.sort_unstable_by(f64::total_cmp);
    let (distinct, counts) = distinct_counts(&sample);
    let lasts = if distinct.len() <= max_bins {
        (0..distinct.len()).collect()
    } else {
        greedy_lasts(&counts, max_bins)
    };
    edges_after(&distinct, &lasts)
}

/// The finite numbers of at most [`SAMPLE_ROWS`] rows: one row of each of as many equal stretches, at a hashed place in it.
fn evenly_sampled(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    if n <= SAMPLE_ROWS {
        return values.iter().copied().filter(|v| v.is_finite()).collect();
    }
    (0..SAMPLE_ROWS)
        .map(|stretch| {
            let start = stretch * n / SAMPLE_ROWS;
            let len = (stretch + 1) * n / SAMPLE_ROWS - start;
            let hash = (stretch as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            values[start + hash as usize % len]
        })
        .filter(|value| value.is_finite())
        .collect()
}

fn distinct_counts(sorted: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let (mut distinct, mut counts): (Vec<f64>, Vec<usize>) = (Vec::new(), Vec::new());
    for &value in sorted {
        match (distinct.last(), counts.last_mut()) {
            (Some(last), Some(count)) if *last == value => *count += 1,
            _ => {
                distinct.push(value);
                counts.push(1);
            }
        }
    }
    (distinct, counts)
}

/// The index of the last distinct value of each bin.
fn greedy_lasts(counts: &[usize], max_bins: usize) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    let mean = total as f64 / max_bins as f64;
    let is_big: Vec<bool> = counts.iter().map(|&count| count as f64 >= mean).collect();
    let n_big = is_big.iter().filter(|&&big| big).count();
    let big_count: usize = counts
        .iter()
        .zip(&is_big)
        .filter_map(|(&count, &big)| big.then_some(count))
        .sum();
    let (mut bins_left, mut count_left) = (max_bins - n_big.min(max_bins), total - big_count);
    let mean_of = |count: usize, bins: usize| count as f64 / bins.max(1) as f64;
    let mut mean = mean_of(count_left, bins_left);
    let (mut lasts, mut current) = (Vec::new(), 0);
    for i in 0..counts.len() - 1 {
        if !is_big[i] {
            count_left -= counts[i];
        }
        current += counts[i];
        let is_full = current as f64 >= mean;
        let stands_before_big = is_big[i + 1] && current as f64 >= (mean * 0.5).max(1.0);
        if is_big[i] || is_full || stands_before_big {
            lasts.push(i);
            if lasts.len() == max_bins - 1 {
                break;
            }
            current = 0;
            if !is_big[i] {
                bins_left = bins_left.saturating_sub(1);
                mean = mean_of(count_left, bins_left);
            }
        }
    }
    lasts.push(counts.len() - 1);
    lasts
}

fn edges_after(distinct: &[f64], lasts: &[usize]) -> Vec<f64> {
    lasts
        .iter()
        .map(|&last| match distinct.get(last + 1) {
            Some(&next) => between(distinct[last], next),
            None => f64::INFINITY,
        })
        .collect()
}

/// A number at least `low` and below `high`, about half way.
fn between(low: f64, high: f64) -> f64 {
    let middle = low * 0.5 + high * 0.5;
    if middle >= low && middle < high {
        middle
    } else {
        low
    }
}

/// Writes the bin of each value: 0 if missing, else 1 + the index of the first edge `>= value`.
/// Cost: a multiplication, a look into a table and about one compare a value; up to eight compares where edges stand close.
pub(crate) fn bin_numbers(values: &[f64], edges: &[f64]) -> Vec<u8> {
    assert!(edges.len() <= 255, "at most 255 bins");
    let guide = Guide::new(edges);
    values.iter().map(|&value| guide.bin(value)).collect()
}

/// Stretches that the middle of the edges is cut into.
const STRETCHES: usize = 1024;
/// Edges of a stretch that are looked at one after the other.
const WALKED: u8 = 4;

/// Where to look for a value among the edges.
///
/// The stretch of a number, `⌊(x − low) · scale⌋` held to the table, never falls as `x` rises, however it rounds. So edges
/// of lower stretches are below `x`, and edges of higher ones are not.
struct Guide {
    edges: [f64; 256],
    low: f64,
    scale: f64,
    /// For each stretch the edges of lower ones, and those up to it.
    ranges: [[u8; 2]; STRETCHES],
}

impl Guide {
    fn new(edges: &[f64]) -> Self {
        let mut padded = [f64::INFINITY; 256];
        padded[..edges.len()].copy_from_slice(edges);
        // The tails may reach far out: they share the first and the last stretch.
        let margin = edges.len() / 32;
        let low = padded[margin];
        let high = padded[edges.len().saturating_sub(2 + margin)];
        let scale = STRETCHES as f64 / (high - low);
        let mut guide = Self {
            edges: padded,
            low,
            scale: if scale.is_finite() { scale } else { 0.0 },
            ranges: [[0; 2]; STRETCHES],
        };
        let mut counts = [0_usize; STRETCHES];
        for &edge in edges {
            counts[guide.stretch(edge)] += 1;
        }
        let mut before = 0;
        for (range, count) in guide.ranges.iter_mut().zip(counts) {
            *range = [before as u8, (before + count) as u8];
            before += count;
        }
        guide
    }

    /// Conversion to a whole number holds it to 0 and above and takes what is no number as 0.
    #[inline]
    fn stretch(&self, value: f64) -> usize {
        (((value - self.low) * self.scale) as usize).min(STRETCHES - 1)
    }

    #[inline]
    fn bin(&self, value: f64) -> u8 {
        if value.is_nan() {
            return 0;
        }
        let [mut place, end] = self.ranges[self.stretch(value)];
        if end - place > WALKED {
            let edges = &self.edges[usize::from(place)..usize::from(end)];
            place += edges.partition_point(|&edge| edge < value) as u8;
        } else {
            while place < end && self.edges[usize::from(place)] < value {
                place += 1;
            }
        }
        place.saturating_add(1)
    }
}
