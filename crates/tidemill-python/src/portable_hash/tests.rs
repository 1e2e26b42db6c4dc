//! Hashes against those that CPython printed with `PYTHONHASHSEED=0`.

use super::*;

#[test]
fn text_hashes_as_in_cpython() {
    // behaviour 3.23: printed by CPython 3.11 and 3.9.
    let cases = [
        ("a", 4_644_417_185_603_328_019, -7_583_489_610_679_606_711),
        ("tidemill", 8_878_728_379_340_392_872, 5_976_322_720_407_902_663),
        ("h\u{e9}", 5_785_546_998_624_587_330, -6_105_226_306_219_591_805),
        ("\u{6c34}x", -5_744_493_506_542_631_869, -2_563_499_060_408_834_240),
        ("\u{1f600}", -3_536_540_696_076_613_844, 2_694_534_307_785_527_896),
        ("", 0, 0),
    ];
    for (text, sip13, sip24) in cases {
        assert_eq!((Algorithm::Sip13.text(text), Algorithm::Sip24.text(text)), (sip13, sip24), "{text:?}");
    }
}

#[test]
fn numbers_hash_as_in_cpython() {
    let floats = [
        (1.5, 1_152_921_504_606_846_977),
        (-0.1, -230_584_300_921_369_408),
        (1e300, 1_224_995_262_755_759_164),
        (5e-324, 16_777_216),
        (2_305_843_009_213_693_952.0, 1),
        (-1.0, -2),
        (1e18, 1_000_000_000_000_000_000),
        (std::f64::consts::PI, 326_490_430_436_040_707),
        (0.0, 0),
        (-0.0, 0),
        (f64::INFINITY, 314_159),
        (f64::NEG_INFINITY, -314_159),
    ];
    for (value, expected) in floats {
        assert_eq!(float(value), expected, "{value}");
    }
    let integers = [(0, 0), (-1, -2), (-2, -2), (1 << 61, 1), ((1 << 61) - 1, 0), (i64::MIN, -4), (7, 7)];
    for (value, expected) in integers {
        assert_eq!(integer(value), expected, "{value}");
        if value.unsigned_abs() < 1 << 53 {
            assert_eq!(float(value as f64), expected, "{value}");
        }
    }
}

#[test]
fn tuples_mix_as_in_pyspark() {
    // behaviour 3.23: (None, 1) and (0, 1) share a bucket in PySpark too.
    let expected = ((((0x34_5678_i64 * 1_000_003) & i64::MAX) ^ 1).wrapping_mul(1_000_003) & i64::MAX) ^ 2;
    assert_eq!(tuple([0, 1].into_iter()), expected);
    assert_eq!(tuple(std::iter::empty()), 0x34_5678);
    assert_eq!((bucket(-7, 3), bucket(7, 3), bucket(5, 0)), (2, 1, 0));
}
