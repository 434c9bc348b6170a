//! Plain tables for people, and the three figures that stand for a series of measurements.

/// Prints a titled table: the first column to the left, all others to the right.
pub(super) fn print(title: &str, head: &[&str], rows: &[Vec<String>]) {
    let cell = |row: &[String], at: usize| row.get(at).map_or(0, |text| text.chars().count());
    let widths: Vec<usize> = (0..head.len())
        .map(|at| rows.iter().map(|row| cell(row, at)).chain([head[at].chars().count()]).max().unwrap_or(0))
        .collect();
    println!("\n{title}");
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let text: Vec<String> = cells
            .zip(&widths)
            .enumerate()
            .map(|(at, (text, &width))| if at == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") })
            .collect();
        println!("  {}", text.join("  ").trim_end());
    };
    line(&mut head.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// Minimum, median and maximum; the median of an even number of values is the lower one, a value that was measured.
pub(super) fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    [at(0), at(sorted.len().saturating_sub(1) / 2), at(sorted.len().saturating_sub(1))]
}

/// A row of a [`spread`] in seconds.
pub(super) fn seconds(what: &str, values: &[f64], target: &str) -> Vec<String> {
    let [min, median, max] = spread(values);
    let mut row = vec![what.to_owned()];
    row.extend([min, median, max].map(|value| format!("{value:.3}")));
    row.push(target.to_owned());
    row
}

/// Bytes in MiB.
#[expect(clippy::cast_precision_loss, reason = "sizes for people, rounded to a tenth")]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "values are handed through")]
    fn three_figures_stand_for_a_series() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), [1.0, 2.0, 3.0]);
        assert_eq!(spread(&[4.0, 3.0, 1.0, 2.0]), [1.0, 2.0, 4.0]);
        assert_eq!(spread(&[5.0]), [5.0, 5.0, 5.0]);
        assert!(spread(&[])[0].is_nan());
    }
}
