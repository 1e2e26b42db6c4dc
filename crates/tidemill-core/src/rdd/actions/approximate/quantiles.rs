//! Quantiles of the normal and of Student's distribution.

/// From so many values on Student's distribution is taken for the normal one, as in Spark.
const MANY: u64 = 100;

/// How many standard deviations on either side of a mean of `count` values hold the true mean with this confidence.
pub(super) fn factor(count: u64, confidence: f64) -> f64 {
    let probability = (1.0 + confidence) / 2.0;
    if count > MANY { normal(probability) } else { student(probability, (count - 1) as f64) }
}

/// What a standard normal variable is below with `probability` (above 0, below 1). Acklam's approximation, whose relative
/// error is below 1.2e-9.
pub(super) fn normal(probability: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    const TAIL: f64 = 0.02425;
    if probability > 0.5 {
        return -normal(1.0 - probability);
    }
    if probability < TAIL {
        let q = (-2.0 * probability.ln()).sqrt();
        return polynomial(&C, q) / polynomial(&D, q);
    }
    let q = probability - 0.5;
    polynomial(&A, q * q) * q / polynomial(&B, q * q)
}

/// The same of Student's distribution: exact for one and two degrees of freedom, else Hill's expansion around the normal
/// one, whose relative error at usual confidences is below 2 % for three degrees and 0.1 % from ten on.
fn student(probability: f64, degrees: f64) -> f64 {
    if degrees < 1.5 {
        return (std::f64::consts::PI * (probability - 0.5)).tan();
    }
    if degrees < 2.5 {
        let both = 4.0 * probability * (1.0 - probability);
        return 2.0 * (probability - 0.5) * (2.0 / both).sqrt();
    }
    let z = normal(probability);
    let square = z * z;
    let terms = [
        z,
        z * polynomial(&[1.0, 1.0], square) / 4.0,
        z * polynomial(&[5.0, 16.0, 3.0], square) / 96.0,
        z * polynomial(&[3.0, 19.0, 17.0, -15.0], square) / 384.0,
        z * polynomial(&[79.0, 776.0, 1482.0, -1920.0, -945.0], square) / 92_160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| sum / degrees + term)
}

/// A polynomial by its coefficients, highest power first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, expected) in
            [(0.5, 0.0), (0.9, 1.281552), (0.975, 1.959964), (0.995, 2.575829), (0.01, -2.326348)]
        {
            assert!((normal(probability) - expected).abs() < 1e-5, "{probability}: {}", normal(probability));
        }
        let table =
            [(0.975, 1.0, 12.706), (0.975, 2.0, 4.303), (0.975, 3.0, 3.182), (0.975, 10.0, 2.228), (0.95, 30.0, 1.697)];
        for (probability, degrees, expected) in table {
            let found = student(probability, degrees);
            assert!((found / expected - 1.0).abs() < 0.02, "{probability} at {degrees}: {found}");
        }
    }
}
