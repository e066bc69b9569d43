//! Numbers as normal scores: the normal quantile of their rank among the marks of a fit.

use crate::graph::{Element, Graph, Value, doubles, int};
use automl_core::normal::{
    FAR, FAR_OUT, IN_THE_MIDDLE, IN_THE_TAIL, MIDDLE, MIDDLE_AT, Ratio, TAIL_AT,
};

/// Ranks this close to an end are moved there, as the quantile of the end itself is infinite.
const EDGE: f64 = 1e-7;

/// The scores of numbers, rows by one; ties take the middle of their range.
pub(crate) fn scores(graph: &mut Graph, value: &Value, marks: &[f64]) -> Value {
    let (first, last) = match marks {
        [first, .., last] if first < last => (*first, *last),
        _ => {
            // All the same, or nothing to compare with: zero, but what is missing stays so.
            let zero = graph.double(0.0);
            return missing_or(graph, value, &zero);
        }
    };
    let rank = rank(graph, value, marks);
    let (first, last) = (graph.double(first), graph.double(last));
    let (zero, one) = (graph.double(0.0), graph.double(1.0));
    let is_least = graph.op("LessOrEqual", &[value, &first], []);
    let is_most = graph.op("GreaterOrEqual", &[value, &last], []);
    let rank = graph.op("Where", &[&is_least, &zero, &rank], []);
    let rank = graph.op("Where", &[&is_most, &one, &rank], []);
    let (least, most) = (graph.double(EDGE), graph.double(1.0 - EDGE));
    let rank = graph.op("Max", &[&rank, &least], []);
    let rank = graph.op("Min", &[&rank, &most], []);
    let score = quantile(graph, &rank);
    missing_or(graph, value, &score)
}

/// The scores of numbers that are known, as networks have them: ties take their middle at the ends, too.
pub(crate) fn places(graph: &mut Graph, value: &Value, marks: &[f64]) -> Value {
    let [first, .., last] = marks else {
        let zero = graph.double(0.0);
        return graph.op("Mul", &[value, &zero], []);
    };
    let (first, last) = (graph.double(*first), graph.double(*last));
    let rank = rank(graph, value, marks);
    let (least, most) = (graph.double(EDGE), graph.double(1.0 - EDGE));
    let is_below = graph.op("Less", &[value, &first], []);
    let is_above = graph.op("Greater", &[value, &last], []);
    let rank = graph.op("Where", &[&is_below, &least, &rank], []);
    let rank = graph.op("Where", &[&is_above, &most, &rank], []);
    let rank = graph.op("Max", &[&rank, &least], []);
    let rank = graph.op("Min", &[&rank, &most], []);
    quantile(graph, &rank)
}

fn missing_or(graph: &mut Graph, value: &Value, other: &Value) -> Value {
    let is_nan = graph.op("IsNaN", &[value], []);
    graph.op("Where", &[&is_nan, value, other], [])
}

/// The share of marks below numbers that lie between the ends.
fn rank(graph: &mut Graph, value: &Value, marks: &[f64]) -> Value {
    let n_marks = marks.len();
    let row = graph.constant(doubles(&[1, n_marks], marks));
    let column = graph.constant(doubles(&[n_marks], marks));
    let axis = graph.ints(&[1]);
    let count = |graph: &mut Graph, op: &str| {
        let is_so = graph.op(op, &[&row, value], []);
        let number = graph.cast(&is_so, Element::Double);
        graph.op("ReduceSum", &[&number, &axis], [int("keepdims", 1)])
    };
    let below = count(graph, "Less");
    let upto = count(graph, "LessOrEqual");
    let (zero, one, two) = (graph.double(0.0), graph.double(1.0), graph.double(2.0));
    let steps = graph.double((n_marks - 1) as f64);
    // Between two marks; ends are told apart by whoever asks.
    let place = graph.op("Sub", &[&below, &one], []);
    let place = graph.op("Max", &[&place, &zero], []);
    let next = graph.op("Min", &[&below, &steps], []);
    let mark = |graph: &mut Graph, place: &Value| {
        let place = graph.cast(place, Element::Int);
        graph.op("Gather", &[&column, &place], [])
    };
    let low = mark(graph, &place);
    let high = mark(graph, &next);
    let over = graph.op("Sub", &[value, &low], []);
    let width = graph.op("Sub", &[&high, &low], []);
    let part = graph.op("Div", &[&over, &width], []);
    let between = graph.op("Add", &[&place, &part], []);
    // On marks of its own value.
    let sum = graph.op("Add", &[&below, &upto], []);
    let sum = graph.op("Sub", &[&sum, &one], []);
    let middle = graph.op("Div", &[&sum, &two], []);
    let is_tie = graph.op("Less", &[&below, &upto], []);
    let place = graph.op("Where", &[&is_tie, &middle, &between], []);
    graph.op("Div", &[&place, &steps], [])
}

/// A polynomial, lowest power first.
fn polynomial(graph: &mut Graph, coefficients: &[f64; 8], at: &Value) -> Value {
    let mut sum = graph.double(coefficients[7]);
    for coefficient in coefficients[..7].iter().rev() {
        let product = graph.op("Mul", &[&sum, at], []);
        let coefficient = graph.double(*coefficient);
        sum = graph.op("Add", &[&product, &coefficient], []);
    }
    sum
}

fn ratio(graph: &mut Graph, [top, bottom]: &Ratio, at: &Value) -> Value {
    let top = polynomial(graph, top, at);
    let bottom = polynomial(graph, bottom, at);
    graph.op("Div", &[&top, &bottom], [])
}

/// The number below which a share of the normal distribution lies, as [`automl_core::normal::quantile`] computes it.
fn quantile(graph: &mut Graph, share: &Value) -> Value {
    let half = graph.double(0.5);
    let one = graph.double(1.0);
    let q = graph.op("Sub", &[share, &half], []);
    let square = graph.op("Mul", &[&q, &q], []);
    let start = graph.double(MIDDLE_AT);
    let near = graph.op("Sub", &[&start, &square], []);
    let near = ratio(graph, &IN_THE_MIDDLE, &near);
    let near = graph.op("Mul", &[&q, &near], []);
    let other = graph.op("Sub", &[&one, share], []);
    let tail = graph.op("Min", &[share, &other], []);
    let r = graph.op("Log", &[&tail], []);
    let r = graph.op("Neg", &[&r], []);
    let r = graph.op("Sqrt", &[&r], []);
    let (middle, far) = (graph.double(TAIL_AT), graph.double(FAR));
    let at = graph.op("Sub", &[&r, &middle], []);
    let inner = ratio(graph, &IN_THE_TAIL, &at);
    let at = graph.op("Sub", &[&r, &far], []);
    let outer = ratio(graph, &FAR_OUT, &at);
    let is_inner = graph.op("LessOrEqual", &[&r, &far], []);
    let size = graph.op("Where", &[&is_inner, &inner, &outer], []);
    let zero = graph.double(0.0);
    let is_low = graph.op("Less", &[&q, &zero], []);
    let minus = graph.op("Neg", &[&size], []);
    let tail = graph.op("Where", &[&is_low, &minus, &size], []);
    let size = graph.op("Abs", &[&q], []);
    let bound = graph.double(MIDDLE);
    let is_near = graph.op("LessOrEqual", &[&size, &bound], []);
    graph.op("Where", &[&is_near, &near, &tail], [])
}
