//! DStreams over RDDs.
