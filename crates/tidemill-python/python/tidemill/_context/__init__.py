"""The parts of `SparkContext`, a file for each theme."""
