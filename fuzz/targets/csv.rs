//! Recorded load of anybody.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use tenantry_adapters::metrics::replay::CsvReplay;
use tenantry_domain::unit::Span;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile_in("/dev/shm").expect("there is memory");
    file.write_all(bytes).expect("there is memory");
    if let Ok(read) = CsvReplay::open("fuzz", [file.path()], Span::from_secs(300)) {
        assert!(read.values().all(|(_, _, value)| value.is_finite()));
        let _ = read.extent();
    }
});
