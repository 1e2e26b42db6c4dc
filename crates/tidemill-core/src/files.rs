//! Files: what RDD sources and sinks need to read and write them, without knowing what an RDD is.
//!
//! A source first finds its files and cuts them up, on the driver: [`paths::find`], then [`splits::plan`],
//! [`records::plan_records`] or [`records::group`]. What comes out is plain data that travels to the tasks. A task then
//! reads its share: [`splits::read`], [`records::read_records`], [`records::read_whole`].
//!
//! A sink asks for an [`output::OutputFolder`]; each task writes an attempt and commits it; the driver commits the job.
//!
//! Only files that this machine's file system shows are read; outputs can go to [other machines](remote) as well. Every error names the file and says what to try.

pub mod checksummed;
pub mod compression;
pub mod frames;
pub mod globs;
pub mod output;
pub mod paths;
pub mod records;
pub mod remote;
pub mod splits;
