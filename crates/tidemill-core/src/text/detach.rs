//! `detached`: a scope in which texts that are cloned leave their blocks.

use std::cell::Cell;

use super::Text;

thread_local! {
    static DETACHING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, in which every clone of a [`Text`] is [detached](Text::detached): it lies in a block of its own.
///
/// So whatever a type is made of, a clone of it that is made in here keeps no input alive: tuples, vectors, options and
/// derived types clone their texts, and those know of the scope. What is shared and not cloned, as what an `Arc` points
/// to, stays as it is.
///
/// ```
/// use tidemill_core::text::detached;
/// use tidemill_core::{Text, TextBlock};
///
/// let block = TextBlock::new("a first line of some length\nand another".into())?;
/// let line = (1, block.lines().next());
/// let kept = detached(|| line.clone());
/// assert_eq!(kept, line);
/// let holds = |text: &Option<Text>| text.as_ref().and_then(|text| Some(text.within()?.0.len()));
/// assert_eq!((holds(&line.1), holds(&kept.1)), (Some(39), Some(27)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn detached<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            DETACHING.set(self.0);
        }
    }
    let _restore = Restore(DETACHING.replace(true));
    work()
}

/// Counts a reference to the block; in [`detached`] it copies the text out of it. Text in place does not ask.
impl Clone for Text {
    #[inline]
    fn clone(&self) -> Text {
        match &self.block {
            Some(block) if DETACHING.get() && block.len() > self.len() => Text::from(self.as_str()),
            block => Text { words: self.words, block: block.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TextBlock;

    #[derive(Clone)]
    enum Nested {
        Pair(Box<(Text, Vec<Option<Text>>)>),
    }

    #[test]
    fn clones_leave_their_block_whatever_they_are_in() {
        let block = TextBlock::new("a text of more than fifteen bytes, twice over".into()).unwrap();
        let text = block.get(0..20).unwrap();
        let in_block = |text: &Text| text.within().is_some_and(|(held, _)| held.len() == block.len());
        let nested = Nested::Pair(Box::new((text.clone(), vec![Some(text.clone()), None])));
        let Nested::Pair(shared) = nested.clone();
        assert!(in_block(&shared.0) && shared.1[0].as_ref().is_some_and(in_block));
        let Nested::Pair(alone) = detached(|| nested.clone());
        assert_eq!(alone, shared);
        assert!(!in_block(&alone.0) && !alone.1[0].as_ref().is_some_and(in_block));
        assert!(in_block(&text.clone()), "outside the scope clones share");
    }

    #[test]
    fn the_scope_ends_with_a_panic_and_one_in_another_goes_on() {
        let block = TextBlock::new("a text of more than fifteen bytes, twice over".into()).unwrap();
        let text = block.get(0..20).unwrap();
        let is_detached = || text.clone().within().is_some_and(|(held, _)| held.len() == 20);
        std::panic::catch_unwind(|| detached(|| panic!("a clone fails"))).unwrap_err();
        assert!(!is_detached());
        assert!(detached(|| {
            detached(|| ());
            is_detached()
        }));
    }

    #[test]
    fn what_is_alone_in_its_block_is_not_copied() {
        let text = Text::from("a text of more than fifteen bytes");
        let place = |text: &Text| text.as_bytes().as_ptr();
        assert_eq!(place(&detached(|| text.clone())), place(&text));
    }
}
