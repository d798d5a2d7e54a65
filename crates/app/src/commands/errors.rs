//! `tenantry errors`: what the codes of errors mean.

use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use crate::cli::Common;
use crate::output;

/// Every code with its page.
const PAGES: [(&str, &str); 87] = [
    ("T1001", include_str!("../../../../docs/errors/T1001.md")),
    ("T1002", include_str!("../../../../docs/errors/T1002.md")),
    ("T1003", include_str!("../../../../docs/errors/T1003.md")),
    ("T1004", include_str!("../../../../docs/errors/T1004.md")),
    ("T1005", include_str!("../../../../docs/errors/T1005.md")),
    ("T1006", include_str!("../../../../docs/errors/T1006.md")),
    ("T1007", include_str!("../../../../docs/errors/T1007.md")),
    ("T1008", include_str!("../../../../docs/errors/T1008.md")),
    ("T1009", include_str!("../../../../docs/errors/T1009.md")),
    ("T101", include_str!("../../../../docs/errors/T101.md")),
    ("T1010", include_str!("../../../../docs/errors/T1010.md")),
    ("T1011", include_str!("../../../../docs/errors/T1011.md")),
    ("T102", include_str!("../../../../docs/errors/T102.md")),
    ("T103", include_str!("../../../../docs/errors/T103.md")),
    ("T104", include_str!("../../../../docs/errors/T104.md")),
    ("T105", include_str!("../../../../docs/errors/T105.md")),
    ("T106", include_str!("../../../../docs/errors/T106.md")),
    ("T1101", include_str!("../../../../docs/errors/T1101.md")),
    ("T1102", include_str!("../../../../docs/errors/T1102.md")),
    ("T1103", include_str!("../../../../docs/errors/T1103.md")),
    ("T1104", include_str!("../../../../docs/errors/T1104.md")),
    ("T1105", include_str!("../../../../docs/errors/T1105.md")),
    ("T1106", include_str!("../../../../docs/errors/T1106.md")),
    ("T1107", include_str!("../../../../docs/errors/T1107.md")),
    ("T1108", include_str!("../../../../docs/errors/T1108.md")),
    ("T1201", include_str!("../../../../docs/errors/T1201.md")),
    ("T1202", include_str!("../../../../docs/errors/T1202.md")),
    ("T1203", include_str!("../../../../docs/errors/T1203.md")),
    ("T201", include_str!("../../../../docs/errors/T201.md")),
    ("T202", include_str!("../../../../docs/errors/T202.md")),
    ("T203", include_str!("../../../../docs/errors/T203.md")),
    ("T204", include_str!("../../../../docs/errors/T204.md")),
    ("T205", include_str!("../../../../docs/errors/T205.md")),
    ("T206", include_str!("../../../../docs/errors/T206.md")),
    ("T301", include_str!("../../../../docs/errors/T301.md")),
    ("T302", include_str!("../../../../docs/errors/T302.md")),
    ("T303", include_str!("../../../../docs/errors/T303.md")),
    ("T304", include_str!("../../../../docs/errors/T304.md")),
    ("T305", include_str!("../../../../docs/errors/T305.md")),
    ("T306", include_str!("../../../../docs/errors/T306.md")),
    ("T307", include_str!("../../../../docs/errors/T307.md")),
    ("T308", include_str!("../../../../docs/errors/T308.md")),
    ("T309", include_str!("../../../../docs/errors/T309.md")),
    ("T310", include_str!("../../../../docs/errors/T310.md")),
    ("T401", include_str!("../../../../docs/errors/T401.md")),
    ("T402", include_str!("../../../../docs/errors/T402.md")),
    ("T403", include_str!("../../../../docs/errors/T403.md")),
    ("T404", include_str!("../../../../docs/errors/T404.md")),
    ("T405", include_str!("../../../../docs/errors/T405.md")),
    ("T406", include_str!("../../../../docs/errors/T406.md")),
    ("T501", include_str!("../../../../docs/errors/T501.md")),
    ("T502", include_str!("../../../../docs/errors/T502.md")),
    ("T503", include_str!("../../../../docs/errors/T503.md")),
    ("T601", include_str!("../../../../docs/errors/T601.md")),
    ("T701", include_str!("../../../../docs/errors/T701.md")),
    ("T702", include_str!("../../../../docs/errors/T702.md")),
    ("T703", include_str!("../../../../docs/errors/T703.md")),
    ("T704", include_str!("../../../../docs/errors/T704.md")),
    ("T705", include_str!("../../../../docs/errors/T705.md")),
    ("T706", include_str!("../../../../docs/errors/T706.md")),
    ("T707", include_str!("../../../../docs/errors/T707.md")),
    ("T708", include_str!("../../../../docs/errors/T708.md")),
    ("T709", include_str!("../../../../docs/errors/T709.md")),
    ("T710", include_str!("../../../../docs/errors/T710.md")),
    ("T711", include_str!("../../../../docs/errors/T711.md")),
    ("T712", include_str!("../../../../docs/errors/T712.md")),
    ("T713", include_str!("../../../../docs/errors/T713.md")),
    ("T720", include_str!("../../../../docs/errors/T720.md")),
    ("T721", include_str!("../../../../docs/errors/T721.md")),
    ("T722", include_str!("../../../../docs/errors/T722.md")),
    ("T801", include_str!("../../../../docs/errors/T801.md")),
    ("T802", include_str!("../../../../docs/errors/T802.md")),
    ("T803", include_str!("../../../../docs/errors/T803.md")),
    ("T804", include_str!("../../../../docs/errors/T804.md")),
    ("T805", include_str!("../../../../docs/errors/T805.md")),
    ("T806", include_str!("../../../../docs/errors/T806.md")),
    ("T807", include_str!("../../../../docs/errors/T807.md")),
    ("T808", include_str!("../../../../docs/errors/T808.md")),
    ("T809", include_str!("../../../../docs/errors/T809.md")),
    ("T810", include_str!("../../../../docs/errors/T810.md")),
    ("T811", include_str!("../../../../docs/errors/T811.md")),
    ("T812", include_str!("../../../../docs/errors/T812.md")),
    ("T813", include_str!("../../../../docs/errors/T813.md")),
    ("T814", include_str!("../../../../docs/errors/T814.md")),
    ("T901", include_str!("../../../../docs/errors/T901.md")),
    ("T902", include_str!("../../../../docs/errors/T902.md")),
    ("T903", include_str!("../../../../docs/errors/T903.md")),
];

#[derive(Debug, Serialize)]
struct Page {
    code: &'static str,
    title: &'static str,
    text: &'static str,
}

fn page((code, text): (&'static str, &'static str)) -> Page {
    let title = text.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, title)| title);
    Page { code, title, text }
}

pub(super) fn run(common: &Common, code: Option<&str>) -> anyhow::Result<ExitCode> {
    let pages = PAGES.into_iter().map(page);
    match code {
        None => {
            let pages: Vec<Page> = pages.collect();
            let row = |page: &Page| vec![page.code.to_owned(), page.title.to_owned()];
            output::say(common.output, &pages, |pages| output::table(&["CODE", "MEANING"], pages.iter().map(row)))?;
        }
        Some(code) => {
            let Some(page) = pages.into_iter().find(|page| page.code.eq_ignore_ascii_case(code)) else {
                bail!("there is no code `{code}`; `tenantry errors` lists those that are");
            };
            output::say(common.output, &page, |page| page.text.trim_end().to_owned())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_its_place_here_and_says_what_to_do() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".md").to_owned())
            .collect();
        files.sort();
        assert_eq!(files, PAGES.map(|(code, _)| code.to_owned()));
        for (code, text) in PAGES {
            assert!(text.starts_with(&format!("# {code}: ")), "{code}");
            for part in ["**What happened.** ", "**Why.** ", "**What to do.** "] {
                assert!(text.contains(part), "{code} lacks {part}");
            }
        }
    }

    #[test]
    fn every_code_that_is_used_has_a_page() {
        let mut sources = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))];
        let mut used = std::collections::BTreeSet::new();
        while let Some(path) = sources.pop() {
            if path.is_dir() {
                sources.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("commands/errors.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let codes = text.split("\"T").skip(1).filter_map(|rest| rest.split('"').next());
                let is_code =
                    |rest: &&str| matches!(rest.len(), 3 | 4) && rest.bytes().all(|byte| byte.is_ascii_digit());
                used.extend(codes.filter(is_code).map(|rest| format!("T{rest}")));
            }
        }
        let pages: std::collections::BTreeSet<String> = PAGES.iter().map(|(code, _)| (*code).to_owned()).collect();
        assert_eq!(used, pages);
    }
}
