"""The exception classes, in `base` as in PySpark."""
