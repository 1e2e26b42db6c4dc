"""Which settings of a program go into its checkpoints, and which come from the process that goes on (behaviour 6.14, 6.16)."""
from __future__ import annotations

import re
import warnings

from tidemill import _engine
from tidemill.conf import SparkConf

SECRET = "tidemill.checkpoint.secret"
"""What programs in checkpoints are signed with; no checkpoint holds it."""

_REDACTION = "spark.redaction.regex"
_SECRETS = r"(?i)secret|password|token|access[.]?key"
# What is hidden whatever the program's own pattern says: credentials of connectors, names and passwords in addresses.
_CREDENTIALS = re.compile(
    rf"{_SECRETS}|credential|passphrase|passwd|account[._]?key|api[._-]?key|private[._-]?key|signing[._-]?key|sas[._-]?key"
    r"|://[^/@\s]*:[^/@\s]*@"
)
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
    pattern = conf.get(_REDACTION) or _SECRETS
    try:
        secret = re.compile(pattern)
    except re.error as error:
        raise _engine.refusal(f"{_REDACTION} is no regular expression: {pattern!r}: {error}") from error
    settings, withheld = [], []
    for key, value in sorted(conf.getAll()):
        hidden = any(each.search(text) for each in (secret, _CREDENTIALS) for text in (key, value))
        if key == SECRET or (hidden and key != _REDACTION):
            withheld.append(key)
        elif key not in _OF_A_PROCESS:
            settings.append((key, value))
    return settings, withheld


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
