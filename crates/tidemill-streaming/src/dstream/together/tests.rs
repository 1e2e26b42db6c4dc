//! Operators on streams of different slides and contexts.

use std::time::Duration;

use tidemill_core::{Rdd, Timestamp};

use crate::context::StreamingContext;
use crate::dstream::{Compute, Computed, DStream, Missing, Parent};
use crate::error::Error;
use crate::testing::{Feed, TestContext};

/// Every other RDD of a stream.
struct Slower(DStream<(char, i32)>);

impl Compute<(char, i32)> for Slower {
    fn compute(&self, _: &StreamingContext, time: Timestamp) -> Computed<(char, i32)> {
        self.0.rdd(time)
    }

    fn parents(&self) -> Vec<Parent> {
        vec![self.0.as_parent(Duration::ZERO)]
    }
}

/// A stream with an RDD a second, and one with an RDD every two seconds.
fn two_slides(test: &TestContext) -> (Feed<(char, i32)>, DStream<(char, i32)>, DStream<(char, i32)>) {
    let (feed, every) = test.input();
    let slower = DStream::new(every.weak(), "slower", Duration::from_secs(2), Slower(every.clone()));
    (feed, every, slower)
}

/// What all operators on two streams say of two streams.
fn answers(one: &DStream<(char, i32)>, two: &DStream<(char, i32)>) -> Vec<(&'static str, Option<Error>)> {
    let union = |rdds: &[Rdd<(char, i32)>], _| rdds[0].union(&rdds[1]);
    let Some(streaming) = one.context() else { return Vec::new() };
    let both = [one.clone(), two.clone()];
    vec![
        ("union", one.union(two).err()),
        ("union", streaming.union(&both).err()),
        ("transform", streaming.transform(&both, union).err()),
        ("try_transform", streaming.try_transform(&both, move |rdds, time| Ok(union(rdds, time))).err()),
        ("transform_with", one.transform_with(two, |one, _, _| one).err()),
        ("try_transform_with", one.try_transform_with(two, Missing::Fails, |one, _, _| Ok(Some(one))).err()),
        ("cogroup", one.cogroup(two).err()),
        ("cogroup", one.cogroup_into(two, 2).err()),
        ("join", one.join(two).err()),
        ("join", one.join_into(two, 2).err()),
        ("left_outer_join", one.left_outer_join(two).err()),
        ("left_outer_join", one.left_outer_join_into(two, 2).err()),
        ("right_outer_join", one.right_outer_join(two).err()),
        ("right_outer_join", one.right_outer_join_into(two, 2).err()),
        ("full_outer_join", one.full_outer_join(two).err()),
        ("full_outer_join", one.full_outer_join_into(two, 2).err()),
    ]
}

#[test]
fn streams_of_different_slides_are_refused() {
    // behaviour 1.17, 1.18, 1.46, 10.14
    let test = TestContext::new();
    let (_, every, slower) = two_slides(&test);
    for (name, answer) in answers(&every, &slower) {
        let error = answer.unwrap();
        assert!(matches!(&error, Error::DifferentSlides { slides, .. } if slides.len() == 2), "{name}: {error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{name} at ")), "{text}");
        assert!(text.contains("requirement failed: Some of the DStreams have different slide durations"), "{text}");
    }
    assert!(answers(&every, &every).into_iter().all(|(_, answer)| answer.is_none()));
    assert!(answers(&slower, &slower).into_iter().all(|(_, answer)| answer.is_none()));
}

#[test]
fn streams_of_different_contexts_are_refused() {
    // behaviour 1.17
    let (test, other) = (TestContext::new(), TestContext::new());
    let ((_, one), (_, two)) = (test.input(), other.input());
    for (name, answer) in answers(&one, &two) {
        let error = answer.unwrap();
        assert!(matches!(&error, Error::DifferentContexts { .. }), "{name}: {error}");
    }
    let other_context = one.try_transform_with(&two, Missing::IsEmpty, |one, _, _| Ok(Some(one)));
    assert!(matches!(other_context, Err(Error::DifferentContexts { .. })));
    let foreign = other.streaming().union(&[one.clone(), one]);
    assert!(matches!(foreign, Err(Error::DifferentContexts { .. })));
}

#[test]
fn a_slower_stream_is_empty_between_its_batches_where_that_is_asked_for() {
    // behaviour 1.44, 10.14: PySpark's joins
    let test = TestContext::new();
    let (feed, every, slower) = two_slides(&test);
    let join = |one: Rdd<(char, i32)>, two: Rdd<(char, i32)>| Ok(Some(one.left_outer_join_into(&two, 1)));
    let of_every = every.try_transform_with(&slower, Missing::IsEmpty, move |one, two, _| join(one, two)).unwrap();
    let of_slower = slower.try_transform_with(&every, Missing::IsEmpty, move |one, two, _| join(one, two)).unwrap();
    assert_eq!((of_every.slide(), of_slower.slide()), (every.slide(), slower.slide()));
    let (seen, seen_slower) = (test.collect(&of_every), test.collect(&of_slower));
    for batch in 1..=4 {
        feed.push([('a', batch)]);
        test.tick().unwrap();
    }
    let row = |batch, other| (test.time(batch as u32), vec![('a', (batch, other))]);
    assert_eq!(seen.take(), [row(1, None), row(2, Some(2)), row(3, None), row(4, Some(4))]);
    assert_eq!(seen_slower.take(), [row(2, Some(2)), row(4, Some(4))]);
}
