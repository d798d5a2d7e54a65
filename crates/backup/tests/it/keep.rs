//! What is needed stays, whatever is dropped or broken off.

use std::collections::BTreeSet;

use tenantry_backup::{Archive, BackupError, DatabaseError, Pruning, Row, Shape, Source, Which, prune, take, verify};

use crate::given::*;

#[tokio::test]
async fn rows_come_back_from_each_backup_as_they_were() {
    let given = given();
    let archive = given.archive().await;
    let mut memory = Memory::new(6_000);
    let (first, whole) = taken(&archive, &memory, 0).await;
    let before = memory.clone();
    memory.tables.get_mut("one").unwrap().insert(700, b"altered".to_vec());
    memory.tables.get_mut("two").unwrap().remove(&3);
    let (second, little) = taken(&archive, &memory, 1).await;
    // Where pieces end is drawn anew with each archive's key; a piece has an eighth of all at most.
    assert!(little.written < whole.written && little.reused * 2 > little.bytes, "{little:?} of {whole:?}");
    assert_eq!(back(&archive, &archive.find(&Which::Named(first.clone())).await.unwrap()).await, before);
    assert_eq!(back(&archive, &newest(&archive).await).await, memory);
    // The newest at an instant or before it.
    let at = |hour| Which::At(about(hour).taken_at);
    assert_eq!(archive.find(&at(0)).await.unwrap().name, first);
    assert_eq!(archive.find(&at(9)).await.unwrap().name, second);
    let early = archive.find(&at(-1)).await.unwrap_err();
    assert!(matches!(early, BackupError::NoneSoOld { .. }) && early.code() == Some("T1102"), "{early}");
}

#[tokio::test]
async fn dropping_leaves_every_other_backup_whole() {
    let given = given();
    let archive = given.archive().await;
    let mut memory = Memory::new(1_000);
    let mut states = Vec::new();
    for hour in 0..6 {
        memory.tables.get_mut("one").unwrap().insert(hour * 150, format!("of hour {hour}").into_bytes());
        states.push((taken(&archive, &memory, hour).await.0, memory.clone()));
    }
    let dry = Pruning { keep: Some("last=2".parse().unwrap()), dry_run: true, ..Pruning::default() };
    let before = given.all().await;
    let would = prune(&archive, &dry).await.unwrap();
    assert_eq!(given.all().await, before);
    assert!(would.dropped.len() == 4 && would.chunks > 0, "{would:?}");
    let done = prune(&archive, &Pruning { dry_run: false, ..dry }).await.unwrap();
    assert_eq!(done, would);
    let verdict = verify(&archive, None, false, &mut |_| {}).await.unwrap();
    assert!(verdict.is_whole() && verdict.backups.len() == 2);
    for (name, state) in &states[4..] {
        assert_eq!(back(&archive, &archive.find(&Which::Named(name.clone())).await.unwrap()).await, *state);
    }
    assert_eq!(prune(&archive, &Pruning::default()).await.unwrap().chunks, 0, "nothing is left over");
    // One that is named goes; one that is not there is said not to be.
    let named = |name| Pruning { drop: vec![name], ..Pruning::default() };
    assert_eq!(prune(&archive, &named(states[4].0.clone())).await.unwrap().kept, [states[5].0.clone()]);
    assert_eq!(prune(&archive, &named(states[0].0.clone())).await.unwrap_err().code(), Some("T1102"));
}

#[tokio::test]
async fn nothing_is_dropped_while_a_backup_cannot_be_read() {
    let given = given();
    let archive = given.archive().await;
    taken(&archive, &Memory::new(300), 0).await;
    let (name, _) = taken(&archive, &Memory::new(400), 1).await;
    let path = given.of("snapshots").await[1].clone();
    given.write(&path, b"x".to_vec()).await;
    let before: BTreeSet<String> = given.all().await.into_keys().collect();
    let keep = Pruning { keep: Some("last=1".parse().unwrap()), ..Pruning::default() };
    let refused = prune(&archive, &keep).await.unwrap_err();
    assert!(matches!(&refused, BackupError::Unreadable { .. }) && refused.to_string().contains(name.as_str()));
    assert_eq!(given.all().await.into_keys().collect::<BTreeSet<_>>(), before);
    prune(&archive, &Pruning { drop: vec![name], ..Pruning::default() }).await.unwrap();
    assert!(verify(&archive, None, false, &mut |_| {}).await.unwrap().is_whole());
}

/// A database that fails after some pages, as when the program is killed there.
struct Failing(Memory, u32);

#[async_trait::async_trait]
impl Source for Failing {
    fn shapes(&self) -> &[Shape] {
        self.0.shapes()
    }

    async fn rows(
        &mut self,
        table: &Shape,
        after: Option<&[tenantry_backup::Cell]>,
    ) -> Result<Vec<Row>, DatabaseError> {
        self.1 = self.1.checked_sub(1).ok_or("killed")?;
        self.0.rows(table, after).await
    }
}

#[tokio::test]
async fn a_backup_that_breaks_off_anywhere_harms_nothing() {
    let given = given();
    let archive = given.archive().await;
    let memory = Memory::new(1_000);
    taken(&archive, &memory, 0).await;
    let pieces = given.of("chunks").await;
    let mut other = memory.clone();
    other.tables.get_mut("two").unwrap().values_mut().for_each(|what| what.extend(b"altered"));
    for pages in [0, 1, 50, 144, 200, 280] {
        let broken = take(&archive, &mut Failing(other.clone(), pages), about(1), &mut |_| {}).await;
        assert!(broken.is_err());
        assert_eq!(archive.list().await.unwrap().len(), 1, "{pages} pages");
        assert!(verify(&archive, None, false, &mut |_| {}).await.unwrap().is_whole());
    }
    assert!(given.of("chunks").await.len() > pieces.len(), "something was left over");
    let pruned = prune(&archive, &Pruning::default()).await.unwrap();
    assert!(pruned.chunks > 0 && pruned.dropped.is_empty());
    assert_eq!(given.of("chunks").await, pieces);
    assert_eq!(back(&archive, &newest(&archive).await).await, memory);
}

#[tokio::test]
async fn who_drops_and_who_takes_do_not_work_at_once_and_the_dead_hold_nobody_up() {
    let given = given();
    let archive = given.archive().await;
    taken(&archive, &Memory::new(10), 0).await;
    given.write("under/locks/backup-1", b"process 9 on elsewhere".to_vec()).await;
    let busy = prune(&archive, &Pruning::default()).await.unwrap_err();
    assert!(busy.code() == Some("T1105") && busy.to_string().contains("process 9 on elsewhere"), "{busy}");
    taken(&archive, &Memory::new(11), 1).await;
    given.remove("under/locks/backup-1").await;
    given.write("under/locks/prune-1", b"process 9 on elsewhere".to_vec()).await;
    let busy = take(&archive, &mut Memory::new(12), about(2), &mut |_| {}).await.unwrap_err();
    assert_eq!(busy.code(), Some("T1105"), "{busy}");
    assert_eq!(given.of("locks").await, ["under/locks/prune-1"], "who gives way leaves nothing");
    given.write("under/locks/prune-1", b"dead".to_vec()).await;
    taken(&archive, &Memory::new(12), 2).await;
    assert!(given.of("locks").await.is_empty());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..proptest::prelude::ProptestConfig::with_cases(24) })]

    /// Rows change, backups are taken, broken off and dropped, in any order: each that is left comes back as it was.
    #[test]
    fn whatever_is_taken_and_dropped_all_that_is_left_comes_back(
        steps in proptest::collection::vec((0_u8..4, 0_i64..600), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let given = given();
            let archive = given.archive().await;
            let mut memory = Memory::new(600);
            let mut states = std::collections::BTreeMap::new();
            for (hour, (step, number)) in (0_i64..).zip(steps) {
                memory.tables.get_mut("one").unwrap().insert(number, format!("{hour}").into_bytes());
                match step {
                    0 | 1 => drop(states.insert(taken(&archive, &memory, hour).await.0, memory.clone())),
                    2 => {
                        let pages = u32::try_from(number).unwrap() / 4;
                        let broken = take(&archive, &mut Failing(memory.clone(), pages), about(hour), &mut |_| {}).await;
                        assert!(broken.is_err());
                    }
                    _ => {
                        let keep = Some(format!("last={}", number % 3 + 1).parse().unwrap());
                        let pruned = prune(&archive, &Pruning { keep, ..Pruning::default() }).await.unwrap();
                        for name in &pruned.dropped {
                            states.remove(name);
                        }
                        assert_eq!(pruned.kept, states.keys().cloned().collect::<Vec<_>>());
                    }
                }
            }
            assert!(verify(&archive, None, false, &mut |_| {}).await.unwrap().is_whole());
            for (name, state) in states {
                assert_eq!(back(&archive, &archive.find(&Which::Named(name)).await.unwrap()).await, state);
            }
        });
    }
}

/// A database during whose reading somebody takes us for dead.
struct Robbed<'a>(Memory, &'a Given);

#[async_trait::async_trait]
impl Source for Robbed<'_> {
    fn shapes(&self) -> &[Shape] {
        self.0.shapes()
    }

    async fn rows(
        &mut self,
        table: &Shape,
        after: Option<&[tenantry_backup::Cell]>,
    ) -> Result<Vec<Row>, DatabaseError> {
        for path in self.1.of("locks").await {
            self.1.remove(&path).await;
        }
        self.0.rows(table, after).await
    }
}

#[tokio::test]
async fn who_was_taken_for_dead_finishes_nothing() {
    let given = given();
    let archive: Archive = given.archive().await;
    let error = take(&archive, &mut Robbed(Memory::new(10), &given), about(0), &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, BackupError::Overslept { .. }), "{error}");
    assert!(archive.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn two_deployments_do_not_share_an_archive() {
    let given = given();
    let archive = given.archive().await;
    let of = |deployment: &str, hour| tenantry_backup::About { deployment: Some(deployment.to_owned()), ..about(hour) };
    take(&archive, &mut Memory::new(1), of("a", 0), &mut |_| {}).await.unwrap();
    take(&archive, &mut Memory::new(1), of("a", 1), &mut |_| {}).await.unwrap();
    let refused = take(&archive, &mut Memory::new(1), of("b", 2), &mut |_| {}).await.unwrap_err();
    assert_eq!(refused.code(), Some("T1106"), "{refused}");
}
