use super::*;

#[test]
fn a_place_is_read_and_shown_without_its_password() {
    let cases = [
        ("sqlite:/var/lib/t.db", "SQLite at /var/lib/t.db"),
        ("sqlite:///var/lib/t.db", "SQLite at /var/lib/t.db"),
        ("sqlite:t.db", "SQLite at t.db"),
        ("state/t.db", "SQLite at state/t.db"),
        ("postgres://me:secret@db.example:6000/scale", "PostgreSQL at postgres://me@db.example:6000/scale"),
        ("postgresql://me:secret@db.example/scale", "PostgreSQL at postgres://me@db.example:5432/scale"),
        ("postgres:///scale?host=/run/pg&user=me", "PostgreSQL at postgres://me@/run/pg/scale"),
    ];
    for (url, shown) in cases {
        let place = Place::parse(url).unwrap();
        assert_eq!(format!("{} at {place}", place.kind()), shown, "{url}");
    }
}

#[test]
fn a_wrong_place_is_refused_with_what_to_write() {
    let cases = [
        ("", "no file is named"),
        ("sqlite:", "no file is named"),
        ("sqlite::memory:", "name a file"),
        ("mysql://root:secret@db/x", "use sqlite:PATH, a path, or postgres://…"),
        ("postgres://me:secret@db:notaport/x", "write it as postgres://USER:PASSWORD@HOST:5432/DATABASE"),
    ];
    for (url, wanted) in cases {
        let error = Place::parse(url).unwrap_err().to_string();
        assert!(error.contains(wanted), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
