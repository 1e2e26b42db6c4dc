//! Texts against `str`.
