//! One message, two readings.

use super::*;

const SAME: &str = "same";

/// message, strict level and rule, lenient level ("same" when the readings agree)
type Row = (&'static str, Level, Rule, &'static str);

fn check(rows: &[Row]) {
    for (message, level, rule, lenient) in rows {
        let verdict = level::read(message, &policy());
        assert_eq!((verdict.strict.level, verdict.strict.rule), (*level, *rule), "{message:?}: {verdict:?}");
        if *lenient == SAME {
            assert!(!verdict.disputed(), "{message:?} is disputed: {verdict:?}");
        } else {
            assert_eq!(verdict.lenient.level.to_string(), *lenient, "{message:?}: {verdict:?}");
            assert!(verdict.disputed(), "{message:?} is not disputed");
        }
        assert!(!verdict.strict.reason.is_empty() && !verdict.lenient.reason.is_empty());
    }
}

#[test]
fn the_table_of_headers() {
    check(&[
        ("feat: x", Level::Minor, Rule::Type, SAME),
        ("fix: x", Level::Patch, Rule::Type, SAME),
        ("perf: x", Level::Patch, Rule::Type, SAME),
        ("feat!: x", Level::Major, Rule::Bang, SAME),
        ("fix(api)!: x", Level::Major, Rule::Bang, SAME),
        ("docs: x", Level::None, Rule::UnlistedType, SAME),
        ("chore: x", Level::None, Rule::UnlistedType, SAME),
        ("deps: x", Level::Patch, Rule::Type, SAME),
        ("Feat: x", Level::Minor, Rule::Type, SAME),
        ("feat(): x", Level::Minor, Rule::Type, SAME),
        ("feat:x", Level::Minor, Rule::Type, SAME),
        ("release-as: 0.1.0", Level::None, Rule::UnlistedType, SAME),
    ]);
}

/// Hidden is what Markdown hides: a text that speaks of comments and containers stays a text.
#[test]
fn what_a_reader_sees_counts() {
    check(&[
        ("feat: x\n\nBREAKING CHANGE: `<!-- x -->` is not kept", Level::Major, Rule::Footer, SAME),
        ("fix: p\n\nAn unclosed <!-- hung it.\n\nBREAKING CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("fix: p\n\n<!-- never closed\n\nBREAKING CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("fix: p\n\nBREAKING CHANGE: the <details> tag is refused", Level::Major, Rule::Footer, SAME),
        ("fix: p\n\n<!-- note -->\nBREAKING CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("fix: p\n\n<!-- a --><!-- b\n-->BREAKING CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("fix: p\n\n<!-- BREAKING CHANGE: say what\nbreaks -->", Level::Patch, Rule::Type, SAME),
        ("fix: p\n\n<!--\n\nBREAKING CHANGE: y\n\n-->\n", Level::Patch, Rule::Type, SAME),
        ("fix: p\n\nA note <!-- in\nBREAKING CHANGE: hidden\n--> of it.", Level::Patch, Rule::Type, SAME),
    ]);
}

#[test]
fn types_are_the_plans_own() {
    let mut policy = policy();
    policy.types.insert("Deps".into(), Level::Minor);
    policy.types.remove("deps");
    policy.types.insert("docs".into(), Level::Patch);
    assert_eq!(level::read("deps: x", &policy).strict.level, Level::Minor);
    assert_eq!(level::read("DOCS: x", &policy).strict.level, Level::Patch);
}

#[test]
fn the_table_of_footers() {
    check(&[
        ("fix: x\n\nBREAKING CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("fix: x\n\nBREAKING-CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("chore: x\n\nbody\n\nSigned-off-by: A\nBREAKING CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("fix: x\n\nbreaking change: y", Level::Patch, Rule::Type, "major"),
        ("fix: x\n\nBREAKING CHANGE y", Level::Patch, Rule::Type, "major"),
        ("fix: x\nBREAKING CHANGE: y", Level::Major, Rule::FooterWithoutBlankLine, "patch"),
        ("fix: x\n\nsome text\nBREAKING CHANGE: y\nmore text", Level::Patch, Rule::Type, "major"),
        ("chore: x\n\n* BREAKING CHANGE: y", Level::None, Rule::UnlistedType, SAME),
        ("chore: x\n\n  BREAKING CHANGE: y", Level::None, Rule::UnlistedType, SAME),
        ("fix: x\n\n> BREAKING CHANGE: y", Level::Patch, Rule::Type, SAME),
        ("fix: x\n\ntext\n---\nBREAKING CHANGE: y", Level::Major, Rule::Footer, SAME),
        ("chore: x\n\n<details>\n\nBREAKING CHANGE: y\n</details>", Level::None, Rule::UnlistedType, "major"),
    ]);
}

#[test]
fn the_table_of_squashes_and_reverts() {
    check(&[
        ("feat: a\n\n* feat!: b", Level::Minor, Rule::Type, "major"),
        ("chore: a\n\nfeat: b", Level::None, Rule::UnlistedType, SAME),
        ("Revert \"feat: x\"", Level::Patch, Rule::Revert, SAME),
        ("Revert \"Revert \"feat: x\"\"", Level::Minor, Rule::RevertOfRevert, SAME),
        ("Reapply \"fix!: x\"", Level::Major, Rule::RevertOfRevert, SAME),
        ("Revert \"Reapply \"feat: x\"\"", Level::Patch, Rule::Revert, SAME),
        ("revert: feat: x", Level::Patch, Rule::Revert, SAME),
        ("revert!: feat: x", Level::Major, Rule::Bang, SAME),
        ("Revert \"feat: a title that its forge has cu…", Level::Patch, Rule::Revert, SAME),
        ("Merge branch 'feat: x' into main", Level::None, Rule::Merge, SAME),
    ]);
}

#[test]
fn neighbours_of_the_table() {
    check(&[
        ("feat(a)(b): x", Level::Minor, Rule::Type, SAME),
        ("feat (a) : x", Level::Minor, Rule::Type, SAME),
        ("feat!(a): x", Level::Minor, Rule::Type, "major"),
        ("feat:", Level::None, Rule::EmptyDescription, "minor"),
        ("feat x", Level::None, Rule::Unparsed, SAME),
        ("update the docs: all of them", Level::None, Rule::Unparsed, SAME),
        ("fixup! feat: x", Level::None, Rule::Unparsed, "minor"),
        (":sparkles: feat: x", Level::None, Rule::Unparsed, "minor"),
        ("\u{2728} feat: x", Level::None, Rule::Unparsed, "minor"),
        ("feat\u{ff1a}x", Level::None, Rule::Unparsed, "minor"),
        ("BREAKING CHANGE: x", Level::None, Rule::Unparsed, "major"),
        ("fix: x\n\nBREAKING CHANGES: y", Level::Patch, Rule::Type, "major"),
        ("fix: x\n\n**BREAKING CHANGE**: y", Level::Patch, Rule::Type, "major"),
        ("fix: x\n\n### BREAKING CHANGES", Level::Patch, Rule::Type, "major"),
        ("fix: x\n\nBREAKING CHANGE:\n\nthe old way is gone", Level::Major, Rule::Footer, SAME),
        ("fix: x\n\nBREAKING CHANGE:\n\nSigned-off-by: A", Level::Patch, Rule::Type, "major"),
        ("fix: x\n\n```\n\nBREAKING CHANGE: y\n```", Level::Patch, Rule::Type, "major"),
        ("fix: x\n\n<!--\n\nBREAKING CHANGE: say what breaks\n\n-->", Level::Patch, Rule::Type, SAME),
        ("fix: x\n\nthis is no breaking change: it is safe", Level::Patch, Rule::Type, SAME),
        ("fix: x\n\nSigned-off-by: A\n\nBREAKING CHANGE: y\n\nmore", Level::Major, Rule::Footer, SAME),
    ]);
}

#[test]
fn repairs_are_on_record() {
    let warnings = |message| level::read(message, &policy()).warnings;
    assert_eq!(warnings("feat(): x"), [Warning::EmptyScope]);
    assert_eq!(warnings("feat:x"), [Warning::NoSpaceAfterColon]);
    assert_eq!(warnings("feat (a): x"), [Warning::BlankInPrefix]);
    assert_eq!(warnings("fix: x\n\nBREAKING CHANGE:y"), [Warning::NoSpaceAfterFooterColon]);
    assert_eq!(warnings("fix: x\n\nBREAKING CHANGE:"), [Warning::EmptyBreakingNote]);
    assert_eq!(warnings("fix: x\n\nRelease-As: 9.0.0"), [Warning::ReleaseAsRefused]);
    assert_eq!(warnings("release-as: 0.1.0"), [Warning::ReleaseAsRefused]);
    assert!(warnings("fix: x").is_empty());
}
