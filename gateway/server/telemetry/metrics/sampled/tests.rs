use super::*;

#[test]
fn a_ledger_adds_up_whatever_is_replaced() {
    let mut ledger: LastReadings<&str, 1> = LastReadings::default();
    let (old, carried, fresh) = (Arc::new("old"), Arc::new("carried"), Arc::new("fresh"));

    assert_eq!(ledger.since(&old, [5]), [5]);
    assert_eq!(ledger.since(&old, [5]), [0]);
    assert_eq!(ledger.since(&old, [7]), [2]);
    assert_eq!(ledger.since(&old, [3]), [3], "begun anew");

    ledger.replace([&carried, &fresh], |c| [if *c == "carried" { 3 } else { 0 }]);
    assert_eq!(ledger.living().len(), 2);
    assert_eq!(ledger.since(&carried, [4]), [1], "what was carried over is not counted again");
    assert_eq!(ledger.since(&fresh, [1]), [1]);

    ledger.replace([&fresh], |_| [100]);
    assert_eq!(ledger.since(&fresh, [2]), [1], "a counter that stays keeps its account");
}

#[test]
fn what_is_gone_is_not_living() {
    let mut ledger: LastReadings<u8, 1> = LastReadings::default();
    ledger.since(&Arc::new(1), [1]);
    assert!(ledger.living().is_empty());
}
