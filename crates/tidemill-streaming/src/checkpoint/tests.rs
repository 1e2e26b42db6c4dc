//! What is tested of all formats on disk together.

mod fuzz;
