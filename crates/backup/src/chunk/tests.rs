use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use tenantry_keys::{SECRET_LENGTH, Secret};

use super::*;

fn namer(byte: u8) -> Namer {
    Namer::new(&Secret::from_bytes(&[byte; SECRET_LENGTH]).unwrap())
}

fn cut(namer: &Namer, table: &str, rows: &[Row]) -> Vec<Piece> {
    let mut cutter = Cutter::new(namer, table);
    let mut pieces: Vec<Piece> = rows.iter().filter_map(|row| cutter.push(row).unwrap()).collect();
    pieces.extend(cutter.end());
    pieces
}

fn row(number: i64, text: &str) -> Row {
    vec![Cell::Int(number), Cell::Text(text.repeat(20)), Cell::Bytes(vec![7; 100]), Cell::Null]
}

#[test]
fn what_is_far_from_a_change_stays_in_the_same_pieces() {
    let namer = namer(1);
    let rows: Vec<Row> = (0..20_000).map(|number| row(number, "some text")).collect();
    let before = cut(&namer, "t", &rows);
    let bytes: usize = before.iter().map(|piece| piece.plain.len()).sum();
    assert!((40..140).contains(&before.len()), "{} pieces of {bytes} bytes", before.len());
    let ids: BTreeSet<Id> = before.iter().map(|piece| piece.id).collect();
    for change in ["altered", "added", "removed"] {
        let mut rows = rows.clone();
        match change {
            "altered" => rows[9_000] = row(9_000, "other text"),
            "added" => rows.insert(9_000, row(8_999, "new")),
            _ => drop(rows.remove(9_000)),
        }
        let new = cut(&namer, "t", &rows).iter().filter(|piece| !ids.contains(&piece.id)).count();
        assert!((1..=3).contains(&new), "{change}: {new} pieces are new");
    }
}

#[test]
fn pieces_are_named_by_key_and_table() {
    let rows = [row(1, "a")];
    let id = |key, table| cut(&namer(key), table, &rows)[0].id;
    assert_eq!(id(1, "t"), id(1, "t"));
    assert_ne!(id(1, "t"), id(2, "t"));
    assert_ne!(id(1, "t"), id(1, "u"));
}

#[test]
fn a_huge_row_is_a_piece() {
    let rows = [row(1, "a"), vec![Cell::Bytes(vec![1; 3 * BYTES_MAX])], row(2, "a")];
    let pieces = cut(&namer(1), "t", &rows);
    assert_eq!(pieces.iter().map(|piece| piece.rows).collect::<Vec<_>>(), [2, 1]);
}

fn cells() -> impl Strategy<Value = Cell> {
    prop_oneof![
        proptest::strategy::Just(Cell::Null),
        any::<i64>().prop_map(Cell::Int),
        "\\PC{0,300}".prop_map(Cell::Text),
        proptest::collection::vec(any::<u8>(), 0..4000).prop_map(Cell::Bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn all_rows_come_back_in_order(rows in proptest::collection::vec(proptest::collection::vec(cells(), 1..6), 0..200)) {
        let pieces = cut(&namer(3), "table", &rows);
        let mut back = Vec::new();
        for piece in &pieces {
            let (table, rows) = read(&piece.plain).unwrap();
            prop_assert_eq!(table, "table");
            prop_assert_eq!(rows.len() as u64, piece.rows);
            prop_assert!(piece.rows > 0);
            back.extend(rows);
        }
        prop_assert_eq!(back, rows);
    }

    #[test]
    fn what_is_no_piece_is_refused_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }
}
