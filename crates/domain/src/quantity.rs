//! Kubernetes' quantities: `250m`, `1.5`, `128Mi`, `2e3`.

use crate::unit::Milli;

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
#[must_use]
pub fn parse(text: &str) -> Option<Milli> {
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?.parse::<f64>().ok()?, *factor)))?;
    let thousandths = number * factor * 1000.0;
    // A float is a hair off where the quantity is exact.
    let exact = thousandths.round();
    let whole = if (thousandths - exact).abs() < 1e-6 * exact.abs().max(1.0) { exact } else { thousandths.ceil() };
    Milli::from_f64(whole / 1000.0)
}

/// A mebibyte.
pub const MEBIBYTE: Milli = Milli::units(1_048_576);

/// Cores as Kubernetes writes them: `250m`, `2`.
#[must_use]
pub fn cores(value: Milli) -> String {
    if value.0 % 1000 == 0 { (value.0 / 1000).to_string() } else { format!("{}m", value.0) }
}

/// Bytes in the largest binary unit that writes them exactly, rounded up to a whole byte: `128Mi`, `1500Ki`.
#[must_use]
pub fn bytes(value: Milli) -> String {
    let whole = value.0.div_euclid(1000) + i64::from(value.0.rem_euclid(1000) > 0);
    let units = [(1_i64 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
    let exact = units.into_iter().find(|(unit, _)| whole != 0 && whole % unit == 0);
    exact.map_or_else(|| whole.to_string(), |(unit, name)| format!("{}{name}", whole / unit))
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
    #[test]
    fn what_is_written_is_read_as_the_same() {
        let written = [(250, "250m"), (2000, "2"), (0, "0")];
        assert!(written.into_iter().all(|(millis, text)| cores(Milli(millis)) == text));
        for (text, shown) in
            [("128Mi", "128Mi"), ("1Gi", "1Gi"), ("1500Ki", "1500Ki"), ("1000", "1000"), ("2048Mi", "2Gi")]
        {
            assert_eq!(bytes(parse(text).unwrap()), shown);
            assert_eq!(parse(shown), parse(text));
        }
        assert_eq!(bytes(Milli(1_048_576_001)), "1048577");
    }
}
