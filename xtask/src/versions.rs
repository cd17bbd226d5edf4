//! Major versions of Postgres, as they are given on the command line: `15`, `13..18`, `13,15,17`.

/// Each version once, in order; a range holds both its ends.
pub(crate) fn parse(text: &str) -> Result<Vec<u32>, String> {
    let mut versions = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            None => versions.push(major(part)?),
            Some((first, last)) => {
                let (first, last) = (major(first)?, major(last)?);
                if first > last {
                    return Err(format!("`{part}` begins after its end"));
                }
                versions.extend(first..=last);
            }
        }
    }
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}

/// One version. Before 10, the major version of Postgres had two numbers; none will have three digits for long.
pub(crate) fn major(text: &str) -> Result<u32, String> {
    let version = text.parse().ok().filter(|version| (10..100).contains(version));
    version.ok_or_else(|| {
        format!("`{text}` is no major version of Postgres; it is 15, 13..18 or 13,15,17")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_one_or_a_list_or_a_range_with_both_ends() {
        assert_eq!(parse("15"), Ok(vec![15]));
        assert_eq!(parse("17,13,15"), Ok(vec![13, 15, 17]));
        assert_eq!(parse("13..18"), Ok(vec![13, 14, 15, 16, 17, 18]));
        assert_eq!(parse("15..15"), Ok(vec![15]));
        assert_eq!(parse("13..14,14,18"), Ok(vec![13, 14, 18]));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "x", "15,", "..18", "13..", "13..=18", "15.4", "-15", "9", "0..4000000000"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("18..13"), Err("`18..13` begins after its end".to_owned()));
    }
}
