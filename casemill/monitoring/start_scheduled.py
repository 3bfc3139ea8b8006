"""The batch of a schedule, started the way the API starts batches."""

from collections import Counter
from functools import partial
from uuid import UUID

from casemill.access.audit import audited
from casemill.errors import CasemillError, Unavailable
from casemill.models import BatchSchedule
from casemill.models.columns import utc_now
from casemill.monitoring.batches import begin_ordered_batch, submit_missing
from casemill.monitoring.jobs import label_job, user_tag
from casemill.operations.choose_cases import Skipped
from casemill.operations.order_batch import NothingToDo
from casemill.operations.scheduled_batch import (
    AlreadyStarted,
    Due,
    NotStarted,
    note_outcome,
    what_is_due,
)
from casemill.workspace import Workspace

_MOST_REASONS = 3


def start_scheduled(workspace: Workspace, schedule_id: UUID, job_id: UUID, *, by_hand: bool) -> str:
    """What came of it, as a sentence; the schedule keeps it. A job that is run twice starts one batch.

    Raises Denied for a user who may start none, and what begin_ordered_batch raises.
    """
    _label(workspace, schedule_id, job_id)
    try:
        words, batch_id = _start(workspace, schedule_id, job_id, by_hand=by_hand)
    except Unavailable:
        raise  # it will be tried again
    except CasemillError as error:
        _note(workspace, schedule_id, job_id, str(error), None)
        raise
    _note(workspace, schedule_id, job_id, words, batch_id)
    return words


def _start(
    workspace: Workspace, schedule_id: UUID, job_id: UUID, *, by_hand: bool
) -> tuple[str, UUID | None]:
    look = partial(what_is_due, schedule_id=schedule_id, job_id=job_id, now=utc_now(), by_hand=by_hand)
    match workspace.database.persist(look):
        case NotStarted(words):
            return words, None
        case AlreadyStarted(batch_id):
            submit_missing(workspace, batch_id)
            return f"Batch {batch_id} was started", batch_id
        case Due(order, actor):
            try:
                with audited(workspace.database, actor, "batch.start", f"schedule:{schedule_id}") as detail:
                    begun = begin_ordered_batch(workspace, order, actor)
                    batch_id, choice = begun.ordered.batch.id, begun.ordered.choice
                    detail |= {
                        "batch_id": str(batch_id),
                        "added": len(choice.added),
                        "skipped": len(choice.skipped),
                    }
            except NothingToDo as nothing:
                return _why_not(nothing.skipped), None
            skipped = f", {len(choice.skipped)} skipped" if choice.skipped else ""
            return f"Batch {batch_id} was started: {_cases(len(choice.added))}{skipped}", batch_id


def _why_not(skipped: list[Skipped]) -> str:
    reasons = Counter(case.reason for case in skipped).most_common(_MOST_REASONS)
    told = "; ".join(f"{_cases(count)}: {reason}" for reason, count in reasons)
    return f"Nothing was started: no case can take part now. {told}"


def _cases(count: int) -> str:
    return f"{count} case{'s' * (count != 1)}"


def _label(workspace: Workspace, schedule_id: UUID, job_id: UUID) -> None:
    """What the clock started has no user yet; its own see it."""
    with workspace.database.read() as session:
        schedule = session.get(BatchSchedule, schedule_id)
    if schedule is not None:
        label_job(job_id, [user_tag(schedule.user_id)])


def _note(workspace: Workspace, schedule_id: UUID, job_id: UUID, words: str, batch_id: UUID | None) -> None:
    workspace.database.persist(
        partial(
            note_outcome,
            schedule_id=schedule_id,
            job_id=job_id,
            now=utc_now(),
            words=words,
            batch_id=batch_id,
        )
    )
