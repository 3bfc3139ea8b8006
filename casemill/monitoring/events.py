"""What one of Prefect's events means for our rows. Pure: an event in, changes out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events import Event

from casemill.monitoring.changes import (
    AttemptOutcome,
    AttemptState,
    Change,
    Heartbeat,
    JobGone,
    JobGuess,
    JobProgress,
    JobState,
    ProcessBegan,
    ProcessEnded,
    WorkerTold,
)
from casemill.monitoring.failure import Failure
from casemill.monitoring.job_labels import told_by_tags
from casemill.monitoring.process_evidence import ENDED, STARTED
from casemill.monitoring.recorded_json import recorded, recorded_text, storable
from casemill.monitoring.state_words import attempt_word, job_words
from casemill.monitoring.telling import FAILED_ATTEMPT, PROGRESS, RESULT
from casemill.monitoring.worker_health import WorkerHealth
from casemill.worker.health import HEALTH

PREFIXES = ["prefect.flow-run.", "prefect.task-run.", "prefect.worker.", "casemill."]
_JOB, _TASK = "prefect.flow-run.", "prefect.task-run."


def changes_of(event: Event, at_most: int) -> list[Change]:
    """None for an event that is not about us, or not what it should be: anybody may emit events.

    Results longer than `at_most` characters are cut.
    """
    try:
        if event.event.startswith(_JOB):
            return _job(event)
        if event.event.startswith(_TASK):
            return _attempt(event)
        if event.event in (STARTED, ENDED):
            return _process(event)
        if event.event == HEALTH:
            return _worker(event)
        return _told(event, at_most)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return []


def _job(event: Event) -> list[Change]:
    job_id = _id(event, _JOB)
    if event.event == "prefect.flow-run.heartbeat":
        return [Heartbeat(job_id, event.occurred)]
    if event.event == "prefect.flow-run.deleted":
        return [JobGone(job_id, event.occurred)]
    label = event.resource
    status, sub_status = job_words(StateType(label["prefect.state-type"]), label["prefect.state-name"])
    tags = [tag.id.removeprefix("prefect.tag.") for tag in event.related if tag.role == "tag"]
    flow_name = _named(event, "flow")
    guess = {
        "tags": [storable(tag) for tag in tags],
        "flow_name": flow_name,
        "queue": _named(event, "work-queue"),
        **told_by_tags(tags, flow_name),
    }
    return [
        JobGuess(job_id, event.occurred, guess),
        JobState(
            job_id=job_id,
            at=event.occurred,
            id=event.id,
            run_count=int(label["prefect.run-count"]),
            status=status,
            sub_status=sub_status,
            name=storable(label["prefect.state-name"]),
            message=recorded_text(label.get("prefect.state-message")) or None,
            job_name=storable(label.name or ""),
        ),
    ]


def _attempt(event: Event) -> list[Change]:
    label = event.resource
    run = cast(Mapping[str, Any], event.payload["task_run"])
    count = int(label["prefect.run-count"])
    made = run.get("expected_start_time") if count <= 1 else None  # these are the first attempt's
    started = run.get("start_time") if count <= 1 else None
    return [
        AttemptState(
            task_run_id=_id(event, _TASK),
            attempt=max(count, 1),
            at=event.occurred,
            id=event.id,
            status=attempt_word(StateType(label["prefect.state-type"]), label["prefect.state-name"]),
            name=storable(label["prefect.state-name"]),
            message=recorded_text(label.get("prefect.state-message")) or None,
            function=function_name(run["task_key"]),
            task_name=storable(label.name or ""),
            job_id=_job_of(event),
            tags=tuple(storable(tag) for tag in sorted(run["tags"])),
            created_at=datetime.fromisoformat(made) if made else event.occurred,
            started_at=datetime.fromisoformat(started) if started else None,
        )
    ]


def _process(event: Event) -> list[Change]:
    job_id = _job_of(event)
    if job_id is None:
        return []
    kind = ProcessBegan if event.event == STARTED else ProcessEnded
    return [kind(job_id, event.occurred)]


def _worker(event: Event) -> list[Change]:
    name, pool = event.resource.name, _named(event, "work-pool")
    if not name or pool is None:
        return []
    health = WorkerHealth.model_validate(event.payload)
    return [WorkerTold(storable(name), pool, event.occurred, health.model_dump())]


def _told(event: Event, at_most: int) -> list[Change]:
    told = event.payload
    if event.event == PROGRESS:
        processed = told.get("processed")
        return [
            JobProgress(
                job_id=_id(event, _JOB),
                at=event.occurred,
                percent=min(max(float(told["percent"]), 0.0), 100.0),
                message=recorded_text(told.get("message")),
                processed=None if processed is None else min(int(processed), 2**31 - 1),
            )
        ]
    if event.event == RESULT:
        values = {"result": recorded(told["result"], at_most)}
    elif event.event == FAILED_ATTEMPT:
        failure = Failure(
            storable(told["type"]), recorded_text(told.get("message")), recorded_text(told["traceback"])
        )
        values = failure_columns(failure)
    else:
        return []
    return [AttemptOutcome(_id(event, _TASK), int(told["attempt"]), event.occurred, values)]


def failure_columns(failure: Failure) -> dict[str, Any]:
    return {
        "error_type": failure.type,
        "error": failure.message,
        "traceback": failure.traceback,
        "error_fingerprint": failure.fingerprint,
    }


def function_name(task_key: str) -> str:
    """`read_page-3a184387` is the function read_page, in its module or file."""
    return storable(task_key.rsplit("-", 1)[0].rsplit(".", 1)[-1])


def _id(event: Event, prefix: str) -> UUID:
    if not event.resource.id.startswith(prefix):
        raise ValueError(f"{event.event} is not about a {prefix}")
    return UUID(event.resource.id.removeprefix(prefix))


def _job_of(event: Event) -> UUID | None:
    found = [related.id for related in event.related if related.role == "flow-run"]
    return UUID(found[0].removeprefix(_JOB)) if found else None


def _named(event: Event, role: str) -> str | None:
    related = event.resource_in_role.get(role)
    return storable(related.name) if related and related.name else None
