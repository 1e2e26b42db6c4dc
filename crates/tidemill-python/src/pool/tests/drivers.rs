//! No process outlives its driver.
