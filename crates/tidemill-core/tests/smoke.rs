//! First things first.
use tidemill_core::*;
#[test]
fn words() {
    let context = Context::local(2).unwrap();
    let block = TextBlock::new("a b a\nc a\n".to_string()).unwrap();
    let counts = context
        .parallelize([block.clone(), block], 2)
        .lines()
        .flat_map(|l| l.split(' '))
        .map(|w| (w, 1i64))
        .reduce_by_key(|a, b| a + b);
    let mut c = counts.collect().unwrap();
    c.sort();
    assert_eq!(c, [("a", 6), ("b", 2), ("c", 2)].map(|(a, b)| (Text::from(a), b)));
    let e = context
        .parallelize(0..10, 2)
        .map(|x| if x == 7 { panic!("boom {x}") } else { x })
        .filter(|x| x % 2 == 0)
        .collect()
        .unwrap_err();
    assert!(e.to_string().contains("smoke.rs"), "{e}");
    println!("{e}");
    let mut r = context.parallelize(0..10i64, 2);
    for _ in 0..10_000 {
        r = r.map(|x| x + 1);
    }
    assert_eq!(r.collect().unwrap()[0], 10_000);
    drop(r);
}
