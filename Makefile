# What there is to do here. Each target first installs what it needs and this machine lacks, and says so.

# A rustup that was installed a moment ago is not in the PATH of this shell yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)

# How many batches the demo shows: `make demo BATCHES=60`.
BATCHES ?= 10

# How long `make fuzz` reads damaged files of each format, in seconds.
FUZZ_SECONDS ?= 600

.PHONY: targets demo test test-s3 test-hdfs fuzz chaos python conformance bench bench-peers
.DEFAULT_GOAL := targets

targets:
	@sed -n 's/^## //p' Makefile

## make demo    counts words over a stream for a few seconds, in Python, and shows each batch
demo: python
	.venv/bin/tidemill demo --batches $(BATCHES)

## make test    everything that CI runs: layout, lints, documentation, examples, tests
test:
	@.ci/setup test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo build --workspace --examples --locked
	cargo test --workspace --locked --no-fail-fast
	.ci/python test
	@.ci/hdfs

## make test-s3   runs the tests of object stores on a server that speaks S3's protocol, from PyPI
test-s3:
	@.ci/setup python
	@.ci/s3

## make test-hdfs   runs the tests of HDFS alone, on Hadoop's own servers, from Maven
test-hdfs:
	@.ci/setup hdfs
	@.ci/hdfs

## make fuzz    reads damaged files of each format on disk for ten minutes (FUZZ_SECONDS); none may panic
fuzz:
	@.ci/setup build
	FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test -p tidemill-streaming --lib --profile fuzzing --locked fuzz -- --nocapture

## make python  builds the Python package and installs it into .venv
python:
	@.ci/setup python
	@.ci/python install

## make conformance   runs the Python tests of behaviour on the real PySpark, which takes a while
conformance:
	@.ci/setup conformance
	@.ci/python conformance

## make chaos   crashes random programs 10,000 times at any operation of their disk, and kills real ones 3,000 times
chaos:
	@.ci/setup test
	CHAOS_CRASHES=10000 cargo test -p tidemill-streaming --test chaos --locked -- --nocapture
	TIDEMILL_KILLS=2000 TIDEMILL_BACKLOG_MIB=1024 cargo test -p tidemill --test kills --locked
	TIDEMILL_KILLS=1000 .ci/python chaos

## make bench   runs the benchmarks, prints tables and writes target/bench/results.json
bench:
	@.ci/setup python
	cargo bench -p tidemill --bench bench --locked
	@.ci/python install
	@.ci/python bench

## make bench-peers   runs the Python benchmarks beside PySpark, Bytewax and Pathway, which takes most of an hour
bench-peers:
	@.ci/setup conformance
	@.ci/python install
	@.ci/python bench-peers
