//! Cases that hold on both databases.

/// Tests of functions that take a store, each on a fresh one of both kinds.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fresh = $crate::given::sqlite().await;
                super::$case(&fresh.store).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(fresh) = $crate::given::postgres().await {
                    super::$case(&fresh.store).await;
                }
            })*
        }
    };
}
