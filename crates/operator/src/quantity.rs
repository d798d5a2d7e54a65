//! Kubernetes' quantities: `250m`, `1.5`, `128Mi`, `2e3`.

use tenantry_domain::unit::Milli;

/// Suffixes with what they multiply by.
const SUFFIXES: [(&str, f64); 16] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("", 1.0),
];

/// Reads a quantity, rounded up to the next thousandth as Kubernetes does; none for what is no quantity.
pub(crate) fn parse(text: &str) -> Option<Milli> {
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?.parse::<f64>().ok()?, *factor)))?;
    let thousandths = number * factor * 1000.0;
    // A float is a hair off where the quantity is exact.
    let exact = thousandths.round();
    let whole = if (thousandths - exact).abs() < 1e-6 * exact.abs().max(1.0) { exact } else { thousandths.ceil() };
    Milli::from_f64(whole / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_does() {
        let read = [
            ("250m", 250),
            ("1", 1000),
            ("1.5", 1500),
            ("128Mi", 134_217_728_000),
            ("1Gi", 1_073_741_824_000),
            ("2k", 2_000_000),
            ("1e3", 1_000_000),
            ("100u", 1),
            ("1500000n", 2),
            ("12345678n", 13),
            ("0", 0),
        ];
        for (text, millis) in read {
            assert_eq!(parse(text), Some(Milli(millis)), "{text}");
        }
        for text in ["", "m", "1x", "1 Gi", "--1", "1Kim"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
