"""How a context runs and groups jobs: runJob, groups, tags, local properties, cancelling, profiles (row 3.12)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, Sequence, TypeVar

from tidemill.errors import PySparkRuntimeError
from tidemill.errors.engine import engine_error
from tidemill.rdd import RDD
from tidemill.status import StatusTracker

if TYPE_CHECKING:
    from tidemill._engine import Context as Engine
    from tidemill._context.meeting import MeetingPlace
    from tidemill._context.private_folder import PrivateFolder
    from tidemill.profiler import ProfilerCollector

T = TypeVar("T")
U = TypeVar("U")

_GROUP = "spark.jobGroup.id"
_DESCRIPTION = "spark.job.description"
_INTERRUPT = "spark.job.interruptOnCancel"
_TAGS = "spark.job.tags"


class JobsMixin:
    """The part of `SparkContext` that runs and groups jobs."""

    _engine: Engine
    _folder: PrivateFolder
    profiler_collector: Optional[ProfilerCollector]
    _meetings: Optional[MeetingPlace] = None

    def runJob(
        self,
        rdd: RDD[T],
        partitionFunc: Callable[[Iterable[T]], Iterable[U]],
        partitions: Optional[Sequence[int]] = None,
        allowLocal: bool = False,
    ) -> list[U]:
        """Runs `partitionFunc` on `partitions` (default: all) and gives what it returns, one after the other.

        Raises `EngineError` for a partition that is not there.

        >>> rdd = sc.parallelize(range(6), 3)
        >>> sc.runJob(rdd, lambda items: [x * x for x in items])
        [0, 1, 4, 9, 16, 25]
        >>> sc.runJob(rdd, lambda items: [x * x for x in items], [0, 2], True)
        [0, 1, 16, 25]
        """
        mapped = rdd.mapPartitions(partitionFunc)
        count = mapped.getNumPartitions()
        wanted = list(range(count)) if partitions is None else list(partitions)
        for partition in wanted:
            if not 0 <= partition < count:
                text = "Attempting to access a non-existent partition: %s. Total number of partitions: %d"
                raise engine_error(text % (partition, count), "input")
        return mapped._collected(wanted)

    def setJobGroup(self, groupId: str, description: str, interruptOnCancel: bool = False) -> None:
        """Puts all jobs that this thread starts from now on into a group, which `cancelJobGroup` cancels as one.

        >>> sc.setJobGroup("nightly", "counts of the night")
        >>> sc.getLocalProperty("spark.jobGroup.id")
        'nightly'
        >>> sc.setLocalProperty("spark.jobGroup.id", None)
        """
        self.setLocalProperty(_GROUP, groupId)
        self.setLocalProperty(_DESCRIPTION, description)
        self.setInterruptOnCancel(interruptOnCancel)

    def setInterruptOnCancel(self, interruptOnCancel: bool) -> None:
        """Whether cancelling interrupts tasks that run. It is remembered; a cancelled task always ends at once here.

        >>> sc.setInterruptOnCancel(True)
        >>> sc.getLocalProperty("spark.job.interruptOnCancel")
        'true'
        >>> sc.setInterruptOnCancel(False)
        """
        self.setLocalProperty(_INTERRUPT, "true" if interruptOnCancel else "false")

    def setJobDescription(self, value: str) -> None:
        """What the jobs that this thread starts from now on are for, in words.

        >>> sc.setJobDescription("counts of the night")
        >>> sc.getLocalProperty("spark.job.description")
        'counts of the night'
        >>> sc.setJobDescription(None)
        """
        self.setLocalProperty(_DESCRIPTION, value)

    def addJobTag(self, tag: str) -> None:
        """Gives a tag to all jobs that this thread starts from now on; a job may have many.

        Raises `EngineError` for an empty tag, or one with a comma.

        >>> sc.addJobTag("blue")
        >>> sc.getJobTags()
        {'blue'}
        >>> sc.clearJobTags()
        """
        self._set_tags(self._tags() + [_checked_tag(tag)])

    def removeJobTag(self, tag: str) -> None:
        """Takes a tag back.

        >>> sc.addJobTag("blue")
        >>> sc.removeJobTag("blue")
        >>> sc.getJobTags()
        set()
        """
        _checked_tag(tag)
        self._set_tags([held for held in self._tags() if held != tag])

    def getJobTags(self) -> set[str]:
        """The tags that this thread gives to its jobs.

        >>> sc.getJobTags()
        set()
        """
        return set(self._tags())

    def clearJobTags(self) -> None:
        """Takes all tags back.

        >>> sc.clearJobTags()
        """
        self._set_tags([])

    def setLocalProperty(self, key: str, value: Optional[str]) -> None:
        """Sets a property of the jobs that this thread starts; None removes it. Tasks read it by their `TaskContext`.

        >>> sc.setLocalProperty("color", "blue")
        >>> sc.getLocalProperty("color")
        'blue'
        >>> sc.setLocalProperty("color", None)
        """
        self._engine.set_local_property(key, None if value is None else str(value))

    def getLocalProperty(self, key: str) -> Optional[str]:
        """A property of this thread, or None.

        >>> sc.getLocalProperty("missing") is None
        True
        """
        return self._engine.get_local_property(key)

    def cancelJobGroup(self, groupId: str) -> None:
        """Cancels the jobs of a group that wait or run: their calls raise `EngineError`.

        >>> sc.cancelJobGroup("nightly")
        """
        self._engine.cancel_job_group(groupId)

    def cancelJobsWithTag(self, tag: str) -> None:
        """Cancels the jobs that have a tag.

        >>> sc.cancelJobsWithTag("blue")
        """
        self._engine.cancel_jobs_with_tag(_checked_tag(tag))

    def cancelAllJobs(self) -> None:
        """Cancels all jobs that wait or run.

        >>> sc.cancelAllJobs()
        """
        self._engine.cancel_all_jobs()

    def statusTracker(self) -> StatusTracker:
        """What jobs and stages do.

        >>> sc.statusTracker().getActiveJobsIds()
        []
        """
        return StatusTracker(self._engine.status())

    def show_profiles(self) -> None:
        """Prints the profiles of tasks. Raises `PySparkRuntimeError` unless `spark.python.profile` is true.

        >>> sc.show_profiles()
        Traceback (most recent call last):
            ...
        tidemill.errors.exceptions.base.PySparkRuntimeError: [INCORRECT_CONF_FOR_PROFILE] ...
        """
        self._profiles().show_profiles()

    def dump_profiles(self, path: str) -> None:
        """Writes the profiles of tasks into the folder `path`. Raises `PySparkRuntimeError` as `show_profiles`.

        >>> sc.dump_profiles("profiles")
        Traceback (most recent call last):
            ...
        tidemill.errors.exceptions.base.PySparkRuntimeError: [INCORRECT_CONF_FOR_PROFILE] ...
        """
        self._profiles().dump_profiles(path)

    def _profiles(self) -> ProfilerCollector:
        if self.profiler_collector is None:
            raise PySparkRuntimeError(error_class="INCORRECT_CONF_FOR_PROFILE", message_parameters={})
        self._after_job()
        return self.profiler_collector

    if TYPE_CHECKING:

        def _after_job(self) -> None: ...

    def _tags(self) -> list[str]:
        return [tag for tag in (self.getLocalProperty(_TAGS) or "").split(",") if tag]

    def _set_tags(self, tags: list[str]) -> None:
        self.setLocalProperty(_TAGS, ",".join(dict.fromkeys(tags)) or None)

    def _meeting_place(self) -> str:
        """The address of the socket where the tasks of a barrier stage meet; served from the first call on."""
        if self._meetings is None:
            from tidemill._context.meeting import MeetingPlace

            self._meetings = MeetingPlace(os.path.join(self._folder.path, "barrier"))
        return self._meetings.address

    def _close_meetings(self) -> None:
        if self._meetings is not None:
            self._meetings.close()
            self._meetings = None


def _checked_tag(tag: Any) -> str:
    if tag is None:
        raise engine_error("Spark job tag cannot be null.", "input")
    if not tag:
        raise engine_error("Spark job tag cannot be an empty string.", "input")
    if "," in tag:
        raise engine_error("Spark job tag cannot contain ','.", "input")
    return str(tag)
