//! `lines`: the lines of blocks of text.

use crate::rdd::{Input, Keeps, Rdd};
use crate::runs::{Runs, run_len};
use crate::ship::Function;
use crate::text::LineCursor;
use crate::{Stop, Text, TextBlock};

impl Rdd<TextBlock> {
    /// The lines of each block, without their ends (behaviour 1.12).
    ///
    /// ```
    /// let context = tidemill_core::Context::local(2)?;
    /// let block = tidemill_core::TextBlock::new("tide\r\nmill\n".to_string())?;
    /// assert_eq!(context.parallelize([block], 1).lines().collect()?, ["tide", "mill"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn lines(&self) -> Rdd<Text> {
        self.narrow("lines", Keeps::Nothing, Function { env: (), call: () }, |input, _| {
            Ok(Box::new(Lines { input, blocks: Vec::new(), cursor: None }))
        })
    }
}

struct Lines {
    input: Input<TextBlock>,
    /// Blocks at hand, in reverse.
    blocks: Vec<TextBlock>,
    cursor: Option<LineCursor>,
}

impl Runs<Text> for Lines {
    fn next(&mut self, into: &mut Vec<Text>) -> Result<bool, Stop> {
        while into.is_empty() {
            self.input.cx.check()?;
            if let Some(mut cursor) = self.cursor.take() {
                if cursor.next_run(into, run_len::<Text>()) {
                    self.cursor = Some(cursor);
                }
                continue;
            }
            if self.blocks.is_empty() {
                if !self.input.next(&mut self.blocks)? {
                    return Ok(false);
                }
                self.blocks.reverse();
            }
            self.cursor = self.blocks.pop().map(|block| block.lines());
        }
        Ok(true)
    }
}
