//! What does not travel, and what is not let in.

use serde::{Deserialize, Serialize};
use tidemill_core::ship::{self, Bytes};
use tidemill_core::{Context, Local};

use crate::backend::Executor;
use crate::lineages::{in_another_process, on_threads};
use crate::wire::{Answer, Order};

pub(crate) fn capturing_closures_are_refused_with_their_line() {
    let factor = std::env::args().count() as i64 + 1;
    let (there, _) = in_another_process();
    let line = line!() + 1;
    let lineage = there.parallelize(0..3_i64, 1).map(move |x| x * factor);
    let refused = lineage.collect().unwrap_err().to_string();
    let expected = format!(
        "map at {}:{line}: its closure captures variables and cannot leave this process; \
         pass what it needs explicitly, as in `map_with(value, |value, x| ..)`",
        file!()
    );
    assert!(refused.ends_with(&expected), "{refused}\n{expected}");
    // As the message says:
    assert_eq!(there.parallelize(0..3_i64, 1).map_with(2, |factor, x| x * factor).collect().unwrap(), [0, 2, 4]);
    // On threads any closure will do.
    let here = on_threads().parallelize(0..3_i64, 1).map(move |x| x * factor).collect().unwrap();
    assert_eq!(here, [0, factor, 2 * factor]);
}

/// Knows no serde.
#[derive(Clone, Debug, PartialEq)]
struct Handle(i64);

pub(crate) fn local_values_are_refused_by_name() {
    let (there, _) = in_another_process();
    let sent = there.parallelize([Local(Handle(1))], 1).count().unwrap_err().to_string();
    assert!(sent.contains("parallelize at ") && sent.contains("refusals::Handle>"), "{sent}");
    let brought = there.parallelize([1], 1).map(|x| Local(Handle(x))).collect().unwrap_err().to_string();
    assert!(brought.contains("cannot encode a ") && brought.contains("refusals::Handle>"), "{brought}");
    // What neither comes nor goes may be anything, and on threads all may.
    assert_eq!(there.parallelize([1], 1).map(|x| Local(Handle(x))).map(|handle| handle.0.0).collect().unwrap(), [1]);
    assert_eq!(on_threads().parallelize([Local(Handle(1))], 1).collect().unwrap(), [Local(Handle(1))]);
}

pub(crate) fn panics_elsewhere_name_the_operator() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Limit(i64);
    let (there, _) = in_another_process();
    let line = line!() + 1;
    let checked = there.parallelize(0..10_i64, 2).map_with(Limit(7), |limit, x| {
        assert!(x < limit.0, "{x} is too much");
        x
    });
    let failed = checked.filter(|x| x % 2 == 0).collect().unwrap_err().to_string();
    assert!(failed.contains(&format!("map_with at {}:{line}", file!())), "{failed}");
    assert!(failed.contains("the function panicked: 7 is too much"), "{failed}");
    assert_eq!(there.parallelize([1], 1).collect().unwrap(), [1], "the executor lives");
}

/// What a map task does with the elements of its stage is the doing of who asked for the shuffle.
pub(crate) fn the_end_of_a_stage_names_who_asked_for_it() {
    let pairs = |context: &Context| context.parallelize((0..10_i64).map(|x| (x % 2, x)), 2).map(|pair| pair);
    for context in [in_another_process().0, on_threads()] {
        let line = line!() + 1;
        let sums = pairs(&context).reduce_by_key(|a, b| panic!("no sum of {a} and {b}"));
        let failed = sums.count().unwrap_err().to_string();
        let operator = format!("reduce_by_key at {}:{line}, partition ", file!());
        assert!(failed.contains(&operator) && failed.contains("the function panicked: no sum of "), "{failed}");
        // An action's own code is the action's: no operator is named beside it.
        let line = line!() + 1;
        let failed = pairs(&context).map(|(_, x)| x).reduce(|a, b| panic!("no sum of {a} and {b}"));
        let (failed, action) = (failed.unwrap_err().to_string(), format!("(reduce at {}:{line})", file!()));
        assert!(failed.contains(&format!("{action} failed: partition ")), "{failed}");
    }
}

pub(crate) fn another_build_is_refused() {
    let ours = ship::build_id().unwrap();
    let mut executor = Executor::start().unwrap();
    let Answer::Refused(why) = executor.ask(&Order::Hello { build: ours ^ 1, seed: 0 }).unwrap() else {
        panic!("another build was let in")
    };
    let expected = format!(
        "the lineage comes from build {:016x} and this process is build {ours:016x}; \
         start the driver and all executors from one and the same file",
        ours ^ 1
    );
    assert_eq!(why, expected);
    assert!(executor.end().unwrap(), "it ends in good order");
    let mut executor = Executor::start().unwrap();
    let stage = Bytes(Vec::new());
    assert!(matches!(executor.ask(&Order::Map { stage, partition: 0 }), Ok(Answer::Refused(_))), "no hello, no work");
}

pub(crate) fn noise_is_refused_and_the_executor_lives() {
    let (mut executor, _) = Executor::of_this_build(0).unwrap();
    let sealed_noise = {
        let mut bytes = ship::build_id().unwrap().to_le_bytes().to_vec();
        bytes.extend((0..200_u32).map(|n| (n * n % 251) as u8));
        bytes
    };
    for noise in [Vec::new(), vec![0; 11], vec![0xff; 4096], sealed_noise] {
        for result in [false, true] {
            let (stage, partition) = (Bytes(noise.clone()), 0);
            let order = if result { Order::Result { stage, partition } } else { Order::Map { stage, partition } };
            assert!(matches!(executor.ask(&order), Ok(Answer::Refused(_))));
        }
    }
    assert!(executor.end().unwrap());
}
