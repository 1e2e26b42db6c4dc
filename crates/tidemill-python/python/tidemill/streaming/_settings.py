"""Which settings of a program go into its checkpoints, and which come from the process that goes on (behaviour 6.14, 6.16)."""
from __future__ import annotations

import urllib.parse
import warnings

from tidemill import _engine
from tidemill.conf import SparkConf

SECRET = "tidemill.checkpoint.secret"
"""What programs in checkpoints are signed with; no checkpoint holds it."""

# They belong to one process on one machine.
_OF_A_PROCESS = frozenset({
    "spark.app.id", "spark.app.startTime", "spark.app.submitTime", "spark.driver.host", "spark.driver.bindAddress",
    "spark.driver.port", "spark.ui.port", "spark.blockManager.port", "spark.kubernetes.driver.pod.name",
    "spark.kubernetes.executor.podNamePrefix",
})  # fmt: skip
# Where the new process has them they count, not those of the checkpoint.
_RELOADED = frozenset({
    "spark.yarn.app.id", "spark.yarn.app.attemptId", "spark.master", "spark.yarn.jars", "spark.yarn.keytab",
    "spark.yarn.principal", "spark.kerberos.keytab", "spark.kerberos.principal", "spark.kerberos.renewal.credentials",
    "spark.ui.filters", "spark.mesos.driver.frameworkId",
})  # fmt: skip


def kept(conf: SparkConf) -> tuple[list[tuple[str, str]], list[str]]:
    """The settings that a checkpoint holds, and the names of those that it must not hold because they are secrets."""
    given = conf.getAll()
    settings = _engine.kept_settings(given)
    withheld = sorted({key for key, _ in given}.difference(key for key, _ in settings))
    return [pair for pair in settings if pair[0] not in _OF_A_PROCESS], withheld


def without_credentials(address: str) -> str:
    """An address as a checkpoint may hold it: of another machine's files without name and password, and without a query.

    >>> from tidemill.streaming._settings import without_credentials
    >>> without_credentials("https://me:pw@host/model.zip?sig=abc"), without_credentials("file:/tmp/a?b")
    ('https://host/model.zip', 'file:/tmp/a?b')
    """
    parts = urllib.parse.urlsplit(address)
    if parts.scheme in ("", "file"):
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def recovered(settings: list[tuple[str, str]], withheld: list[str]) -> SparkConf:
    """The settings of a program that goes on: those of its checkpoint, and secrets and places from this process."""
    here = SparkConf(loadDefaults=True)
    conf = SparkConf(loadDefaults=False)
    for key, value in settings:
        if not (key in _RELOADED and here.contains(key)):
            conf.set(key, value)
    missing = [key for key in withheld if not here.contains(key) and key != SECRET]
    if missing:
        warnings.warn(
            f"Secrets are not written to checkpoints, and this process was not given {', '.join(missing)}: give them with "
            "--conf, in PYSPARK_SUBMIT_ARGS, or make the SparkContext before getOrCreate.",
            stacklevel=2,
        )
    return conf
