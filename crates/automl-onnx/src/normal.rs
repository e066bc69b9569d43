//! Numbers as normal scores: the normal quantile of their rank among the marks of a fit.

use crate::graph::{Element, Graph, Value, doubles, int};

/// Ranks this close to an end are moved there, as the quantile of the end itself is infinite.
const EDGE: f64 = 1e-7;

// The coefficients of Wichura's AS 241 (1988), lowest power first, as `automl-features` has them.
const A: [f64; 8] = [
    3.387_132_872_796_366_5,
    1.331_416_678_917_843_8e2,
    1.971_590_950_306_551_3e3,
    1.373_169_376_550_946e4,
    4.592_195_393_154_987e4,
    6.726_577_092_700_87e4,
    3.343_057_558_358_813e4,
    2.509_080_928_730_122_7e3,
];
const B: [f64; 8] = [
    1.0,
    4.231_333_070_160_091e1,
    6.871_870_074_920_579e2,
    5.394_196_021_424_751e3,
    2.121_379_430_158_659_7e4,
    3.930_789_580_009_271e4,
    2.872_908_573_572_194_3e4,
    5.226_495_278_852_545e3,
];
const C: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    2.417_807_251_774_506e-1,
    2.272_384_498_926_918_4e-2,
    7.745_450_142_783_414e-4,
];
const D: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    6.897_673_349_851e-1,
    1.481_039_764_274_800_8e-1,
    1.519_866_656_361_645_7e-2,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const E: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    2.965_605_718_285_048_7e-1,
    2.653_218_952_657_612_4e-2,
    1.242_660_947_388_078_4e-3,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const F: [f64; 8] = [
    1.0,
    5.998_322_065_558_88e-1,
    1.369_298_809_227_358e-1,
    1.487_536_129_085_061_5e-2,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_7e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

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

fn ratio(graph: &mut Graph, (top, bottom): (&[f64; 8], &[f64; 8]), at: &Value) -> Value {
    let top = polynomial(graph, top, at);
    let bottom = polynomial(graph, bottom, at);
    graph.op("Div", &[&top, &bottom], [])
}

/// The number below which a share of the normal distribution lies (Wichura, AS 241, 1988).
fn quantile(graph: &mut Graph, share: &Value) -> Value {
    let half = graph.double(0.5);
    let one = graph.double(1.0);
    let q = graph.op("Sub", &[share, &half], []);
    let square = graph.op("Mul", &[&q, &q], []);
    let start = graph.double(0.180_625);
    let near = graph.op("Sub", &[&start, &square], []);
    let near = ratio(graph, (&A, &B), &near);
    let near = graph.op("Mul", &[&q, &near], []);
    let other = graph.op("Sub", &[&one, share], []);
    let tail = graph.op("Min", &[share, &other], []);
    let r = graph.op("Log", &[&tail], []);
    let r = graph.op("Neg", &[&r], []);
    let r = graph.op("Sqrt", &[&r], []);
    let (middle, far) = (graph.double(1.6), graph.double(5.0));
    let at = graph.op("Sub", &[&r, &middle], []);
    let inner = ratio(graph, (&C, &D), &at);
    let at = graph.op("Sub", &[&r, &far], []);
    let outer = ratio(graph, (&E, &F), &at);
    let is_inner = graph.op("LessOrEqual", &[&r, &far], []);
    let size = graph.op("Where", &[&is_inner, &inner, &outer], []);
    let zero = graph.double(0.0);
    let is_low = graph.op("Less", &[&q, &zero], []);
    let minus = graph.op("Neg", &[&size], []);
    let tail = graph.op("Where", &[&is_low, &minus, &size], []);
    let size = graph.op("Abs", &[&q], []);
    let bound = graph.double(0.425);
    let is_near = graph.op("LessOrEqual", &[&size, &bound], []);
    graph.op("Where", &[&is_near, &near, &tail], [])
}
