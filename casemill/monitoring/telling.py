"""What our flows tell the recorder, as Prefect events: progress, results, errors of single attempts.

Prefect keeps neither the result of a task nor the traceback of an attempt that is followed by another, so the
tasks say these themselves.
"""

import time
import traceback
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State as PrefectState
from prefect.client.schemas.objects import TaskRun
from prefect.events import emit_event

from casemill.monitoring.recorded_json import recorded, recorded_text

PROGRESS = "casemill.progress"
RESULT = "casemill.result"
FAILED_ATTEMPT = "casemill.failed-attempt"

_PAUSE_SECONDS = 1.0
_LARGEST_RESULT = 100_000  # an event may have 1.5 MB; the recorder cuts to what is kept


class ProgressTeller:
    """Tells how far a job is, about once a second at most; what comes faster is left out."""

    def __init__(self, job_id: UUID) -> None:
        self._resource = {"prefect.resource.id": f"prefect.flow-run.{job_id}"}
        self._told_at = float("-inf")

    def tell(self, percent: float, message: str, processed: int, *, last: bool = False) -> None:
        """percent is 0 to 100; processed counts what the job is through with. The last one is always told."""
        now = time.monotonic()
        if last or now - self._told_at >= _PAUSE_SECONDS:
            self._told_at = now
            payload = {"percent": percent, "message": message, "processed": processed}
            emit_event(PROGRESS, resource=self._resource, payload=payload)


def tell_result(_task: object, run: TaskRun, state: PrefectState[Any]) -> None:
    """A hook for `on_completion`."""
    result = state.result(raise_on_failure=False)
    if result is not None:
        _tell(RESULT, run, {"result": recorded(result, _LARGEST_RESULT)})


def telling_failures(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a task with retries, of which each failed attempt is told with its traceback."""
    is_worth_it: Callable[[object, TaskRun, PrefectState[Any]], bool] = options["retry_condition_fn"]

    def tell_and_decide(task: object, run: TaskRun, state: PrefectState[Any]) -> bool:
        if isinstance(state.data, BaseException):
            _tell(FAILED_ATTEMPT, run, _described(state.data))
        return is_worth_it(task, run, state)

    return {**options, "retry_condition_fn": tell_and_decide}


def _tell(event: str, run: TaskRun, payload: dict[str, Any]) -> None:
    resource = {"prefect.resource.id": f"prefect.task-run.{run.id}", "prefect.resource.name": run.name}
    emit_event(event, resource=resource, payload={"attempt": max(run.run_count, 1), **payload})


def _described(error: BaseException) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": recorded_text(str(error)),
        "traceback": recorded_text("".join(traceback.format_exception(error)).rstrip()),
    }
