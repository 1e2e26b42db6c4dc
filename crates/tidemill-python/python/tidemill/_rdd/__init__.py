"""The parts of `RDD`, a file for each theme, and what they stand on."""
