"""What a job logged. Prefect keeps it; anything may stand in it."""

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterLevel
from prefect.client.schemas.sorting import LogSort

from casemill.monitoring.jobs import prefect
from casemill.monitoring.recorded_json import recorded_text

MOST_LINES = 200  # the most Prefect returns at once
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Colours and movements of terminals: what prints a log must not be steered by it."""


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def number(self) -> int:
        return logging.getLevelNamesMapping()[self.upper()]


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    level: str
    logger: str
    message: str
    task_run_id: UUID | None


def logs_of(job_id: UUID, after: int, level: LogLevel | None) -> list[LogLine]:
    """What follows the first `after` lines of that level or above, the oldest first, 200 at most.

    Raises PrefectUnreachable.
    """
    wanted = LogFilter(
        flow_run_id=LogFilterFlowRunId(any_=[job_id]),
        level=LogFilterLevel(ge_=level.number) if level else None,
    )
    with prefect() as client:
        found = client.read_logs(wanted, limit=MOST_LINES, offset=after, sort=LogSort.TIMESTAMP_ASC)
    return [
        LogLine(
            at=line.timestamp,
            level=_word(line.level),
            logger=_plain(line.name),
            message=_plain(line.message),
            task_run_id=line.task_run_id,
        )
        for line in found
    ]


def _word(number: int) -> str:
    """The highest level that is not above it."""
    return max(
        (level for level in LogLevel if level.number <= number),
        key=lambda level: level.number,
        default=LogLevel.DEBUG,
    )


def _plain(text: str) -> str:
    return _CONTROLS.sub("", recorded_text(text) or "")
