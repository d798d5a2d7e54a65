use super::*;

/// A function of so many lines.
fn function(lines: usize) -> String {
    format!("fn one() {{\n{}}}\n", "    let _ = 1;\n".repeat(lines - 2))
}

#[test]
fn long_files_and_functions_are_named_with_their_place() {
    assert_eq!(measure("a.rs", &function(70)).unwrap(), Vec::<String>::new());
    assert_eq!(measure("a.rs", &function(71)).unwrap(), ["a.rs:1: function `one` has 71 lines, and 70 is the most"]);
    let inside = |head: &str| format!("struct A;\n{head} {{\n{}}}\n", function(80));
    for head in ["impl A", "trait B", "mod c", "fn outer()"] {
        let found = measure("a.rs", &inside(head)).unwrap();
        assert!(
            found.contains(&"a.rs:3: function `one` has 80 lines, and 70 is the most".to_owned()),
            "{head}: {found:?}"
        );
    }
    assert_eq!(measure("b.rs", &"\n".repeat(700)).unwrap(), Vec::<String>::new());
    assert_eq!(measure("b.rs", &"\n".repeat(701)).unwrap(), ["b.rs: 701 lines, and 700 is the most"]);
    assert!(measure("c.rs", "fn (").unwrap_err().to_string().contains("parsing c.rs"));
}

#[test]
fn tests_and_what_is_no_source_are_left_out() {
    let root = std::env::temp_dir().join(format!("xtask-sizes-{}", std::process::id()));
    for name in ["src/a.rs", "src/a/tests.rs", "tests/it/main.rs", "target/b.rs", "src/notes.md"] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let mut files = Vec::new();
    collect(&root, &mut files).unwrap();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(files, [root.join("src/a.rs")]);
}
