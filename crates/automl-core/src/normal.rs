//! The quantile of the standard normal distribution: algorithm AS 241 (Wichura, 1988).
//!
//! Its parts are public, so that the same function can be written for programs that are not this one, such as graphs.

/// The quotient of two polynomials, each by its coefficients, constant first: the dividend and the divisor.
pub type Ratio = [[f64; 8]; 2];

/// Shares this near to one half are in the middle.
pub const MIDDLE: f64 = 0.425;
/// The middle takes `q` times [`IN_THE_MIDDLE`] at this less `q²`, where `q` is the share less one half.
pub const MIDDLE_AT: f64 = 0.180_625;
/// Tails take [`IN_THE_TAIL`] at `r` less this, where `r` is the root of the logarithm of the smaller share, less its sign.
pub const TAIL_AT: f64 = 1.6;
/// Beyond this `r`, and at `r` less this, tails take [`FAR_OUT`].
pub const FAR: f64 = 5.0;

/// For the middle.
pub const IN_THE_MIDDLE: Ratio = [
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_545e3,
    ],
];
/// For the tails.
pub const IN_THE_TAIL: Ratio = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];
/// Far out in the tails.
pub const FAR_OUT: Ratio = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

/// The number below which a share `p` in (0, 1) of the distribution lies, to about 1e-16.
///
/// ```
/// assert!((automl_core::normal::quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-15);
/// assert_eq!(automl_core::normal::quantile(0.5), 0.0);
/// ```
pub fn quantile(p: f64) -> f64 {
    let ratio = |[top, bottom]: &Ratio, r: f64| {
        let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
        horner(top) / horner(bottom)
    };
    let q = p - 0.5;
    if q.abs() <= MIDDLE {
        return q * ratio(&IN_THE_MIDDLE, MIDDLE_AT - q * q);
    }
    let r = (-(if q < 0.0 { p } else { 1.0 - p }).ln()).sqrt();
    let size = if r <= FAR {
        ratio(&IN_THE_TAIL, r - TAIL_AT)
    } else {
        ratio(&FAR_OUT, r - FAR)
    };
    if q < 0.0 { -size } else { size }
}
