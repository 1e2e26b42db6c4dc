"""One suite for two engines: Tidemill, and with `--engine=pyspark` the real PySpark that it has to behave like."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
import stores

HERE = Path(__file__).parent
AS_PYSPARK = HERE / "as_pyspark"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", choices=("tidemill", "pyspark"), default=os.environ.get("TIDEMILL_CONFORMANCE") or "tidemill",
        help="what `import tidemill` means: this package, or the real PySpark",
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # What a shell runs in the background ignores Ctrl-C, and so would all that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "differs(row, why): fails on PySpark, on purpose")
    config.addinivalue_line("markers", "later(row, why): not built yet, runs on PySpark only")
    if config.getoption("--engine") == "pyspark":
        os.environ["TIDEMILL_CONFORMANCE"] = "pyspark"
        os.environ["PYTHONPATH"] = os.pathsep.join([str(AS_PYSPARK), str(HERE), str(HERE / "behaviour")])
        os.environ["PYSPARK_PYTHON"] = sys.executable
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        os.environ["PYSPARK_SUBMIT_ARGS"] = "--conf spark.ui.enabled=false pyspark-shell"
        sys.path.insert(0, str(AS_PYSPARK))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_pyspark = config.getoption("--engine") == "pyspark"
    if not on_pyspark:
        # As a program's own functions travel. Else each new worker would import the tests, and pytest with them.
        import cloudpickle

        for module in {item.module for item in items if isinstance(item, pytest.Function)}:
            cloudpickle.register_pickle_by_value(module)
    for item in items:
        for mark in item.iter_markers("differs"):
            if on_pyspark:
                item.add_marker(pytest.mark.xfail(strict=True, reason="{}: {}".format(*mark.args)))
        for mark in item.iter_markers("later"):
            if not on_pyspark:
                item.add_marker(pytest.mark.skip(reason="{}: {}".format(*mark.args)))


@pytest.fixture
def sc() -> Any:
    """A context of four slots; the same one for all tests until one of them stops it."""
    from tidemill import SparkContext

    return SparkContext._active_spark_context or SparkContext("local[4]", "tests")


@pytest.fixture
def no_context() -> Iterator[None]:
    """For a test that makes contexts of its own: none is there before, none is left behind."""
    from tidemill import SparkContext

    def stop() -> None:
        if SparkContext._active_spark_context is not None:
            SparkContext._active_spark_context.stop()

    stop()
    yield
    stop()


@pytest.fixture(scope="session")
def store() -> Iterator[tuple[str, str]]:
    """The URL of a bucket, and where its server is."""
    yield from stores.s3()


@pytest.fixture
def bucket(store: tuple[str, str], request: pytest.FixtureRequest) -> stores.Bucket:
    """A folder of the test's own in an object store."""
    name, endpoint = store
    return stores.Bucket(f"{name}/{request.node.originalname}-{os.urandom(4).hex()}", endpoint)


@pytest.fixture
def new_stream(sc: Any) -> Iterator[Callable[..., Any]]:
    """Makes streaming contexts, `new_stream(seconds)`, that are stopped when the test ends."""
    from harness import INTERVAL
    from tidemill.streaming import StreamingContext

    made = []

    def new(interval: float = INTERVAL) -> Any:
        made.append(StreamingContext(sc, interval))
        return made[-1]

    yield new
    for stream in made:
        stream.stop(False)


@pytest.fixture
def run_stream(sc: Any, new_stream: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Runs a stream program over given batches: `run_stream([[1, 2], [3]], lambda numbers: numbers.map(double))`.

    Each input is a list of batches, each of these a list of records or an RDD. `build` gets a stream of every input and
    gives the stream to look at. The answer is a list with what `collect` makes of that stream's RDD, for as many RDDs
    as the first input has batches, or `batches`. An error in a batch is raised.
    """
    from harness import eventually

    def run(
        build: Callable[..., Any],
        *inputs: list[Any],
        batches: int | None = None,
        collect: Callable[[Any], Any] = lambda rdd: rdd.collect(),
        checkpoint: bool = False,
        slices: int | None = None,
    ) -> list[Any]:
        ssc = new_stream()
        if checkpoint:
            ssc.checkpoint(str(tmp_path / "checkpoint"))

        def as_rdd(batch: Any) -> Any:
            return sc.parallelize(batch, slices) if isinstance(batch, list) else batch

        streams = [ssc.queueStream([as_rdd(batch) for batch in each]) for each in inputs]
        results: list[Any] = []

        def look(rdd: Any) -> None:
            results.append(collect(rdd))

        build(*streams).foreachRDD(look)
        wanted = len(inputs[0]) if batches is None else batches
        ssc.start()
        eventually(lambda: len(results) >= wanted or ssc.awaitTerminationOrTimeout(0.01), f"batch {wanted}")
        ssc.stop(False)
        return results[:wanted]

    return run


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the text of a program in a process of its own, with `tidemill` meaning what it means here."""

    def run(text: str, *arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "program.py"
        program.write_text(text, encoding="utf-8")
        path = os.pathsep.join(entry for entry in sys.path if entry)
        return subprocess.run(
            [sys.executable, str(program), *arguments], env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=True, text=True, timeout=timeout, cwd=tmp_path, check=False,
        )

    return run
