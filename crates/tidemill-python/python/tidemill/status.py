"""What jobs and stages do; PySpark's `StatusTracker` (row 3.19)."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

__all__ = ["SparkJobInfo", "SparkStageInfo", "StatusTracker"]


class SparkJobInfo(NamedTuple):
    """A job: its number, the numbers of its stages, and RUNNING, SUCCEEDED, FAILED or UNKNOWN.

    >>> from tidemill import SparkJobInfo
    >>> SparkJobInfo(1, [2, 3], "RUNNING").stageIds
    [2, 3]
    """

    jobId: int
    stageIds: list[int]
    status: str


class SparkStageInfo(NamedTuple):
    """A stage: its number, its attempt, its name ("collect at app.py:12"), and how many of its tasks do what.

    >>> from tidemill import SparkStageInfo
    >>> SparkStageInfo(1, 0, "collect at app.py:12", 4, 1, 3, 0).numCompletedTasks
    3
    """

    stageId: int
    currentAttemptId: int
    name: str
    numTasks: int
    numActiveTasks: int
    numCompletedTasks: int
    numFailedTasks: int


class StatusTracker:
    """What jobs and stages do, of the recent past too. It is made by `SparkContext.statusTracker`.

    >>> sc.setJobGroup("counting", "")
    >>> sc.parallelize(range(4), 2).count()
    4
    >>> job, = sc.statusTracker().getJobIdsForGroup("counting")
    >>> sc.statusTracker().getJobInfo(job).status
    'SUCCEEDED'
    >>> sc.setLocalProperty("spark.jobGroup.id", None)
    """

    def __init__(self, jtracker: Any) -> None:
        self._jtracker = jtracker

    def getJobIdsForGroup(self, jobGroup: Optional[str] = None) -> list[int]:
        """The numbers of the known jobs of a group; without a group, of those that have none.

        >>> sc.statusTracker().getJobIdsForGroup("nobody's")
        []
        """
        return list(self._jtracker.job_ids_for_group(jobGroup))

    def getActiveStageIds(self) -> list[int]:
        """The numbers of the stages that run, sorted.

        >>> sc.statusTracker().getActiveStageIds()
        []
        """
        return sorted(self._jtracker.active_stages())

    def getActiveJobsIds(self) -> list[int]:
        """The numbers of the jobs that run, sorted.

        >>> sc.statusTracker().getActiveJobsIds()
        []
        """
        return sorted(self._jtracker.active_jobs())

    def getJobInfo(self, jobId: int) -> Optional[SparkJobInfo]:
        """A job, or None if it is not known, or no longer.

        >>> sc.statusTracker().getJobInfo(1_000_000) is None
        True
        """
        job = self._jtracker.job(jobId)
        return None if job is None else SparkJobInfo(job[0], list(job[1]), job[2])

    def getStageInfo(self, stageId: int) -> Optional[SparkStageInfo]:
        """A stage, or None if it is not known, or no longer.

        >>> sc.statusTracker().getStageInfo(1_000_000) is None
        True
        """
        stage = self._jtracker.stage(stageId)
        return None if stage is None else SparkStageInfo(*stage)
