"""Spark Streaming's programming model without a JVM: PySpark's names on a Rust engine."""
from __future__ import annotations
