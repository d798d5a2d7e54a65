//! Prints how long sealing and opening take: `cargo run --release -p tenantry-keys --example seal`.
#![allow(clippy::print_stdout, reason = "it is for reading")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use tenantry_keys::{
    Bound, DataKeyId, DataKeyName, FileProvider, Key, KeyProvider as _, OVERHEAD, Owner, Purpose, Secret,
};

const ROUNDS: u32 = 200_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = Key::new(&Secret::random()?)?;
    for bytes in [64_usize, 1_024, 8_192] {
        let (plain, bound) = (vec![7; bytes], Bound::to("decisions").number(1).text("acme").text("api"));
        let began = Instant::now();
        let mut sealed = Vec::new();
        for _ in 0..ROUNDS {
            sealed = key.seal(black_box(&plain), &bound)?;
        }
        let sealing = began.elapsed() / ROUNDS;
        let began = Instant::now();
        for _ in 0..ROUNDS {
            black_box(key.open(black_box(&sealed), &bound)?);
        }
        println!("{bytes:>6} bytes   seal {sealing:>10.2?}   open {:>10.2?}", began.elapsed() / ROUNDS);
    }
    println!("an envelope is {OVERHEAD} bytes longer than what is in it");
    let dir = tempfile::tempdir()?;
    let provider = FileProvider::new(dir.path().join("keys"));
    let name = DataKeyName {
        id: DataKeyId::random()?,
        owner: Owner::Platform,
        purpose: Purpose::Config,
        version: 1,
        whole: false,
    };
    let wrapped = provider.wrap(&name.owner, &Secret::random()?, &name.bound()).await?;
    let began = Instant::now();
    for _ in 0..20_000 {
        black_box(provider.unwrap(&name.owner, &wrapped, &name.bound()).await?);
    }
    println!("a data key opened by its file of keys   {:.2?}", began.elapsed() / 20_000);
    Ok(())
}
