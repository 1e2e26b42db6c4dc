//! One job that holds all that it reads, whose attempts are given up now and then.
//!
//! What they took is written again, and nothing is missed so often that the job fails.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_is_written_again_for_those_who_need_it(
        slots in 1..4usize,
        maps in prop::collection::vec(1..5u32, 1..4),
        results in 1..4u32,
        steps in prop::collection::vec((prop::bool::weighted(0.3), any::<u16>()), 1..60),
    ) {
        // Each shuffle reads the one before it, and the result the last one.
        let shuffles = maps.iter().enumerate().map(|(place, maps)| (*maps, 1_u16 << place >> 1)).collect::<Vec<_>>();
        let mut world = World::new(slots, SchedulingMode::Fifo, 1, shuffles);
        let last = 1 << (maps.len() - 1);
        world.submit(last, results, 0, false, true).map_err(TestCaseError::fail)?;
        for (is_given_up, pick) in steps {
            let Some(task) = world.pick_task(pick) else { break };
            if is_given_up {
                world.look(task);
            }
            let step = if is_given_up { Step::GiveUp(pick) } else { Step::End(pick) };
            world.take(step).map_err(TestCaseError::fail)?;
        }
        world.run_to_the_end().map_err(TestCaseError::fail)?;
    }
}
