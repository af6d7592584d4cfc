/// Formats bytes with three digits and decimal units. Rounds down, so that a limit never seems
/// reached before it is.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return if number == 1 { "1 byte".to_owned() } else { format!("{number} bytes") };
    }
    let power = number.ilog10() / 3;
    let unit = 1000u64.pow(power);
    let (integer, rest) = (number / unit, number % unit);
    let digits = match integer {
        100.. => 0,
        10.. => 1,
        _ => 2,
    };
    let fraction = rest / (unit / 10u64.pow(digits));
    let name = UNITS[power as usize - 1];
    if fraction == 0 {
        format!("{integer} {name}")
    } else {
        format!("{integer}.{fraction:0width$} {name}", width = digits as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn three_digits_rounded_down() {
        let formatted = [
            0,
            1,
            999,
            1000,
            1001,
            1010,
            12_345,
            99_999,
            123_456,
            999_999,
            1_000_000,
            1_500_000_000,
            800_000_000_000,
            u64::MAX,
        ]
        .map(bytes);
        insta::assert_snapshot!(formatted.join("\n"), @"
        0 bytes
        1 byte
        999 bytes
        1 kB
        1 kB
        1.01 kB
        12.3 kB
        99.9 kB
        123 kB
        999 kB
        1 MB
        1.50 GB
        800 GB
        18.4 EB
        ");
    }
}
