//! The door to other processes: one lineage on threads and in another process of this very program, with equal results.
//!
//! The program is both ends: with `--executor` it runs tasks that it is sent, and otherwise the tests below, in the form
//! of Rust's own harness.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

mod backend;
mod blocks;
mod executor;
mod lineages;
mod refusals;
mod services;
mod union;
mod wire;

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("addresses_differ_between_processes", lineages::addresses_differ_between_processes),
    ("words_are_counted_alike", lineages::words_are_counted_alike),
    ("values_travel_beside_functions", lineages::values_travel_beside_functions),
    ("stages_with_several_parents_travel", lineages::stages_with_several_parents_travel),
    ("operators_of_all_shapes_travel", lineages::operators_of_all_shapes_travel),
    ("shuffles_are_written_once_and_fetched", lineages::shuffles_are_written_once_and_fetched),
    ("what_is_lost_is_made_again", lineages::what_is_lost_is_made_again),
    ("threads_serialise_nothing", lineages::threads_serialise_nothing),
    ("long_lineages_travel", lineages::long_lineages_travel),
    ("capturing_closures_are_refused_with_their_line", refusals::capturing_closures_are_refused_with_their_line),
    ("local_values_are_refused_by_name", refusals::local_values_are_refused_by_name),
    ("panics_elsewhere_name_the_operator", refusals::panics_elsewhere_name_the_operator),
    ("the_end_of_a_stage_names_who_asked_for_it", refusals::the_end_of_a_stage_names_who_asked_for_it),
    ("another_build_is_refused", refusals::another_build_is_refused),
    ("services_start_and_stop_elsewhere", services::services_start_and_stop_elsewhere),
    ("services_that_say_nothing_else_stay", services::services_that_say_nothing_else_stay),
    ("noise_is_refused_and_the_executor_lives", refusals::noise_is_refused_and_the_executor_lives),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == backend::EXECUTOR) {
        return executor::run_on_a_small_stack();
    }
    if arguments.iter().any(|argument| argument == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let is_wanted = |name: &str| {
        let fits = |filter: &&String| if exact { name == filter.as_str() } else { name.contains(filter.as_str()) };
        wanted.is_empty() || wanted.iter().any(fits)
    };
    let chosen: Vec<&Test> = TESTS.iter().filter(|(name, _)| is_wanted(name)).collect();
    run(&chosen, TESTS.len() - chosen.len())
}

fn run(tests: &[&Test], filtered_out: usize) -> ExitCode {
    println!("\nrunning {} tests", tests.len());
    let mut failed = 0;
    for (name, test) in tests {
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    let (result, passed) = (if failed == 0 { "ok" } else { "FAILED" }, tests.len() - failed);
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {filtered_out} filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
