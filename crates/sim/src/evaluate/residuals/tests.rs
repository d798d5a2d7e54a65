use super::*;

#[test]
fn conformal_quantiles_are_ranks_of_the_errors_that_are_left() {
    let mut errors = Errors::default();
    assert_eq!(errors.quantile(0.5), None);
    for origin in 0..9 {
        // 4, 3, … −4
        errors.learn(origin, 4.0 - origin as f64);
    }
    // Of nine errors the 0.9 quantile has rank 9, and so has what lies above.
    let at = |errors: &Errors, level: f64| errors.quantile(level).unwrap();
    assert_eq!([0.1, 0.5, 0.9, 0.99].map(|level| at(&errors, level)), [-4.0, 0.0, 4.0, 4.0]);
    errors.forget_before(4);
    assert_eq!(errors.by_size, [-4.0, -3.0, -2.0, -1.0, 0.0]);
    assert_eq!([0.1, 0.5, 0.9].map(|level| at(&errors, level)), [-4.0, -2.0, 0.0]);
}
