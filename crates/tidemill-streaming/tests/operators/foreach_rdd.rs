//! `foreach_rdd`: an output that does with each batch's RDD what the user's function does.

use std::sync::{Arc, Mutex};

use tidemill_streaming::testing::TestContext;

#[test]
fn outputs_run_in_order_of_registration_with_the_time_of_the_batch() {
    // behaviour 1.32, 2.15, 2.38
    let test = TestContext::new();
    let (feed, numbers) = test.input();
    let log = Arc::new(Mutex::new(Vec::new()));
    for name in ["first", "second"] {
        let log = Arc::clone(&log);
        numbers.foreach_rdd(move |rdd, time| {
            log.lock().unwrap().push((name, time.millis(), rdd.count()?));
            Ok(())
        });
    }
    feed.push([1, 2]);
    test.tick().unwrap();
    test.tick().unwrap();
    let expected = [("first", 1000, 2), ("second", 1000, 2), ("first", 2000, 0), ("second", 2000, 0)];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn what_its_function_saves_takes_the_place_of_what_was_there() {
    // behaviour 2.15, 4.64
    let folder = tempfile::tempdir().unwrap();
    let (text, objects) = (folder.path().join("text"), folder.path().join("objects"));
    let test = TestContext::new();
    let (feed, words) = test.input_in::<String>(2);
    let (to_text, to_objects) = (text.to_string_lossy().into_owned(), objects.to_string_lossy().into_owned());
    words.foreach_rdd(move |rdd, _| {
        rdd.save_as_text_file(&to_text)?;
        rdd.coalesce(rdd.count()?.max(1) as usize).save_as_object_file(&to_objects)?;
        Ok(())
    });
    for batch in [vec!["tide", "and"], vec!["mill"]] {
        feed.push(batch.into_iter().map(String::from));
        test.tick().unwrap();
    }
    let parts = ["part-00000", "part-00001"].map(|part| std::fs::read_to_string(text.join(part)).unwrap());
    assert_eq!(parts.concat(), "mill\n");
    assert!(objects.join("part-00000").exists() && !objects.join("part-00001").exists(), "no batches are mixed");
    let outside = test.streaming().context().parallelize([1], 1).save_as_text_file(&text.to_string_lossy());
    assert!(outside.unwrap_err().to_string().contains("already exists"), "outside of a batch it is as ever");
}

#[test]
fn it_is_not_called_for_a_batch_without_an_rdd() {
    // behaviour 1.43, 2.13
    let test = TestContext::new();
    let (feed, numbers) = test.input::<i32>();
    let seen = test.collect(&numbers);
    feed.push_none();
    test.tick().unwrap();
    feed.push([1]);
    test.tick().unwrap();
    assert_eq!(seen.take(), [(test.time(2), vec![1])]);
}

#[test]
fn operators_know_their_context() {
    let test = TestContext::new();
    let (_, numbers) = test.input::<i32>();
    let context = numbers.map(|x| x + 1).context().unwrap();
    assert_eq!(context.interval(), test.streaming().interval());
    assert!(context.checkpoint_directory().is_some());
}
