"""What Prefect's API says of runs, as the same changes that events make."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun

from casemill.monitoring.changes import AttemptState, Change, JobFacts, JobState
from casemill.monitoring.events import function_name
from casemill.monitoring.job_labels import told_by_tags
from casemill.monitoring.recorded_json import recorded, recorded_text, storable
from casemill.monitoring.state_words import attempt_word, job_words

WORKER_LABEL = "prefect.worker.name"


def changes_of_run(run: FlowRun, flow_name: str | None, asked_at: datetime, at_most: int) -> list[Change]:
    """The facts of a job and its state. Parameters longer than `at_most` characters are cut."""
    labels = cast(dict[str, Any], run.labels)
    worker = labels.get(WORKER_LABEL)
    facts: dict[str, Any] = {
        "name": storable(run.name),
        "flow_name": flow_name,
        "deployment_id": run.deployment_id,
        "parameters": recorded(run.parameters, at_most),
        "tags": [storable(tag) for tag in sorted(run.tags)],
        "labels": recorded(labels, at_most),
        "queue": run.work_queue_name,
        "worker": storable(str(worker)) if worker else None,
        "created_at": run.created or asked_at,
        "scheduled_at": _scheduled_at(run),
        "started_at": run.start_time,
        "execution_seconds": run.total_run_time.total_seconds(),
        **told_by_tags(run.tags, flow_name),
    }
    found: list[Change] = [JobFacts(run.id, facts)]
    if run.state is not None:
        state = run.state
        status, sub_status = job_words(state.type, state.name or "")
        found.append(
            JobState(
                job_id=run.id,
                at=state.timestamp,
                id=state.id,
                run_count=run.run_count,
                status=status,
                sub_status=sub_status,
                name=storable(state.name or ""),
                message=recorded_text(state.message) or None,
                job_name=storable(run.name),
                asked_at=asked_at,
            )
        )
    return found


def changes_of_task_run(run: TaskRun, history: Iterable[State[Any]] = ()) -> list[Change]:
    """The attempts of a task run; of one that was tried again, all of them need its history of states."""
    states = list(history) or ([run.state] if run.state else [])
    found: list[Change] = []
    count = 0 if len(states) > 1 else max(run.run_count - _begins(states), 0)
    for state in sorted(states, key=lambda state: (state.timestamp, state.id)):
        count += state.type == StateType.RUNNING
        number = max(count, 1)
        found.append(
            AttemptState(
                task_run_id=run.id,
                attempt=number,
                at=state.timestamp,
                id=state.id,
                status=attempt_word(state.type, state.name or ""),
                name=storable(state.name or ""),
                message=recorded_text(state.message) or None,
                function=function_name(run.task_key),
                task_name=storable(run.name),
                job_id=run.flow_run_id,
                tags=tuple(storable(tag) for tag in sorted(run.tags)),
                created_at=(run.expected_start_time if number == 1 else None) or state.timestamp,
                started_at=run.start_time if number == 1 and count == 1 else None,
            )
        )
    return found


def _begins(states: list[State[Any]]) -> int:
    return sum(state.type == StateType.RUNNING for state in states)


def _scheduled_at(run: FlowRun) -> datetime | None:
    """A job of a higher priority is dated back, to be served first; nothing is due before it is made."""
    due = run.next_scheduled_start_time or run.expected_start_time
    return max(due, run.created) if due and run.created else due
