//! How workers die, and what becomes of their tasks.
