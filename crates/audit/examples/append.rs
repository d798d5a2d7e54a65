//! Times what an audit log costs: `cargo run --release -p tenantry-audit --example append`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program at the edge: it times itself and prints"
)]

use std::time::Instant;

use tenantry_audit::{
    Checkpoint, Entry, Outcome, SEED_LENGTH, SigningKeys, Tree, digest, hash_of, is_included, origin, prove_inclusion,
};
use tenantry_domain::id::TenantId;
use tenantry_domain::time::Timestamp;

const ENTRIES: u32 = 200_000;
const TIMES: u32 = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tenant = TenantId::new("acme")?;
    let entry = |seq: u32| Entry {
        action: "config.revise".into(),
        actor: "token:k3v9q0z7m2ab".into(),
        after: Some(digest(b"after")),
        at: Timestamp::from_millis(1_800_000_000_000 + i64::from(seq)),
        before: Some(digest(b"before")),
        detail: None,
        from: Some("192.0.2.7".into()),
        outcome: Outcome::Done,
        policies: vec!["role.tenant-admin".into()],
        reason: format!("change {seq}"),
        request: Some("0193f0c2".into()),
        resource: format!("tenant/acme@{seq}"),
        seq: u64::from(seq),
        tenant: Some(tenant.clone()),
    };
    let (mut tree, mut bytes) = (Tree::default(), 0);
    let clock = Instant::now();
    for seq in 0..ENTRIES {
        let written = entry(seq).to_bytes()?;
        bytes += written.len();
        tree.add(hash_of(&written))?;
    }
    let took = clock.elapsed().as_secs_f64();
    let count = f64::from(ENTRIES);
    println!("entries made, written and hashed  {:.0} a second, {:.0} bytes each", count / took, bytes as f64 / count);

    let (keys, size) = (SigningKeys::from_seed(&[7; SEED_LENGTH])?, tree.size());
    let checkpoint = Checkpoint { origin: origin("bench", Some(&tenant)), size, root: tree.root_at(size)? };
    let clock = Instant::now();
    let mut signed = String::new();
    for _ in 0..TIMES {
        signed = keys.sign(&checkpoint, Timestamp::from_millis(0))?;
    }
    let each = |clock: Instant| clock.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES);
    println!("a checkpoint signed twice         {:.0} us, {} bytes", each(clock), signed.len());
    let (public, clock) = (keys.public(), Instant::now());
    for _ in 0..TIMES {
        public.verify(&signed)?;
    }
    println!("and verified                      {:.0} us", each(clock));
    let (mut holds, clock) = (true, Instant::now());
    for seq in 0..TIMES {
        let proof = prove_inclusion(u64::from(seq), size, &tree)?;
        holds &= is_included(&proof, hash_of(&entry(seq).to_bytes()?), checkpoint.root);
    }
    println!("an entry proved and verified      {:.1} us ({holds})", each(clock));
    Ok(())
}
