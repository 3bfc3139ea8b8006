"""Batches: started, seen, steered."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import func
from sqlmodel import Session, col, select

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.models import Batch, Job, StepState
from casemill.models.columns import utc_now
from casemill.monitoring import batch_controls
from casemill.monitoring.batches import begin_ordered_batch
from casemill.monitoring.each_job import JobResult
from casemill.operations.batch_progress import case_results, failed_rows, visible_batch, working_rows
from casemill.operations.batch_standing import standings, step_standings
from casemill.operations.batch_status import BatchStatus
from casemill.operations.eta import batch_eta
from casemill.operations.job_dependencies import MOST_AFTER, After
from casemill.operations.list_batches import list_batches
from casemill.operations.order_batch import BatchOrder, NothingToDo
from casemill.steps.options import BatchOptions
from casemill.web.deps import GivenWorkspace, Operator, Viewer
from casemill.web.problems import problem
from casemill.web.shown_batches import (
    FROM_ATTRIBUTES,
    BatchDetail,
    ShownBatch,
    ShownCase,
    ShownEta,
    ShownFailure,
    ShownStep,
    ShownWork,
    case_count,
    fields_of,
)
from casemill.web.shown_jobs import ShownJob
from casemill.web.shown_owners import MOST_CASES
from casemill.web.shown_results import ShownResult
from casemill.web.text import PageNumber, PerPage, Word, pages

router = APIRouter(tags=["batches"])

BatchId = Annotated[UUID, Path(alias="id")]

_MOST_FAILURES = 100
_MOST_JOBS = 200

Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class NewBatch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    case_ids: list[UUID] = Field(min_length=1, max_length=MOST_CASES)
    steps: list[Word] = Field(
        default=[], max_length=100, description="What they require is added. Empty: all steps."
    )
    options: BatchOptions = Field(default_factory=BatchOptions)
    priority: int = Field(
        default=0, ge=0, le=10, description="Its jobs go before the user's other waiting ones with less."
    )
    after: list[After] = Field(
        default=[], max_length=MOST_AFTER, description="Jobs that have to end before its jobs begin."
    )
    idempotency_key: Key | None = Field(default=None, description="The same as the header Idempotency-Key.")


class SkippedCase(BaseModel):
    model_config = FROM_ATTRIBUTES

    case_id: UUID
    reason: str


class StartedBatch(BaseModel):
    batch_id: UUID
    jobs: list[UUID]
    steps: list[str] = Field(description="Those asked for and what they require, in order.")
    priority: int
    added: list[UUID] = Field(description="The cases it runs over.")
    skipped: list[SkippedCase]


class BatchList(BaseModel):
    batches: list[ShownBatch]
    total: int
    page: int
    pages: int


class SteeredBatch(BaseModel):
    """A batch after it was steered, and what came of asking each of its jobs."""

    batch: ShownBatch
    results: list[ShownResult]


class BatchCancellation(BaseModel):
    why: Word | None = Field(default=None, description="A sentence for others, and for the log.")


class BatchRetry(BaseModel):
    case_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=MOST_CASES, description="Only these of its cases; null: all."
    )


@router.post(
    "/batches",
    status_code=HTTPStatus.CREATED,
    response_model=StartedBatch,
    responses={
        HTTPStatus.OK: {"model": StartedBatch, "description": "The same order had started it before."}
    },
)
def start_batch(
    new: NewBatch,
    request: Request,
    response: Response,
    actor: Operator,
    workspace: GivenWorkspace,
    idempotency_key: Annotated[Key | None, Header(description="The same key is the same batch.")] = None,
) -> Any:
    """Runs steps over cases. Cases that cannot take part are skipped with the reason.

    Sent twice with the same Idempotency-Key, or twice within some seconds, it is one batch, and the second
    answer is 200. If Prefect does not answer (503), the batch is kept; the same request again starts it.
    """
    order = BatchOrder(
        new.case_ids,
        new.steps,
        new.options,
        new.priority,
        idempotency_key or new.idempotency_key,
        new.after,
    )
    try:
        with audited(workspace.database, actor, "batch.start") as detail:
            detail |= {"cases": len(new.case_ids), "steps": new.steps, "priority": new.priority}
            detail |= {"after": [str(one) for one in new.after]} if new.after else {}
            begun = begin_ordered_batch(workspace, order, actor)
            batch, choice = begun.ordered.batch, begun.ordered.choice
            detail |= {
                "batch_id": str(batch.id),
                "is_new": begun.ordered.is_new,
                "added": len(choice.added),
                "skipped": len(choice.skipped),
                "jobs": len(begun.jobs),
            }
    except NothingToDo as nothing:
        errors = [{"where": str(case.case_id), "what": case.reason} for case in nothing.skipped]
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(nothing), errors)
    if not begun.ordered.is_new:
        response.status_code = HTTPStatus.OK
    return StartedBatch(
        batch_id=batch.id,
        jobs=begun.jobs,
        steps=batch.steps,
        priority=batch.priority,
        added=choice.added,
        skipped=[SkippedCase.model_validate(case) for case in choice.skipped],
    )


@router.get("/batches")
def get_batches(
    actor: Viewer,
    workspace: GivenWorkspace,
    status: Annotated[list[BatchStatus], Query(description="Only these; repeat it for more.")] = [],  # noqa: B006  FastAPI copies it
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> BatchList:
    """The newest first."""
    now = utc_now()
    with workspace.database.read() as session:
        found, total = list_batches(
            session, now, only_of=actor.only_of, statuses=status, page=page, per_page=per_page
        )
        standing = standings(session, [batch.id for batch in found], now)
    return BatchList(
        batches=[ShownBatch.of(batch, standing[batch.id]) for batch in found],
        total=total,
        page=page,
        pages=pages(total, per_page),
    )


@router.get("/batches/{id}")
def get_batch(
    batch_id: BatchId, actor: Viewer, workspace: GivenWorkspace, page: PageNumber = 1, per_page: PerPage = 50
) -> BatchDetail:
    """Where it is, what failed and why, when it will be through; its cases by pages, by name."""
    with workspace.database.read() as session:
        batch = visible_batch(session, actor, batch_id)
        return _detail(session, batch, page, per_page)


@router.post("/batches/{id}/cancellation", status_code=HTTPStatus.ACCEPTED)
def cancel_batch(
    batch_id: BatchId,
    actor: Operator,
    workspace: GivenWorkspace,
    cancellation: BatchCancellation | None = None,
) -> SteeredBatch:
    """All its jobs that wait, run or are paused. What is done stays; resumption goes on with the rest."""
    why = (cancellation.why or None) if cancellation else None
    return _steer(
        workspace, actor, batch_id, "cancel", lambda: batch_controls.cancel_batch(workspace, batch_id, why)
    )


@router.post("/batches/{id}/pause", status_code=HTTPStatus.ACCEPTED)
def pause_batch(batch_id: BatchId, actor: Operator, workspace: GivenWorkspace) -> SteeredBatch:
    """Takes effect between steps; jobs that wait do not begin."""
    return _steer(
        workspace, actor, batch_id, "pause", lambda: batch_controls.pause_batch(workspace, batch_id)
    )


@router.post("/batches/{id}/resumption", status_code=HTTPStatus.ACCEPTED)
def resume_batch(batch_id: BatchId, actor: Operator, workspace: GivenWorkspace) -> SteeredBatch:
    """Its paused jobs go on; one that was cancelled or stopped gets new jobs for what is not done."""
    return _steer(
        workspace, actor, batch_id, "resume", lambda: batch_controls.resume_batch(workspace, batch_id)
    )


@router.post("/batches/{id}/retry", status_code=HTTPStatus.ACCEPTED)
def retry_batch(
    batch_id: BatchId, actor: Operator, workspace: GivenWorkspace, retry: BatchRetry | None = None
) -> SteeredBatch:
    """What failed, and what that kept from running, is tried again."""
    cases = set(retry.case_ids) if retry and retry.case_ids else None
    return _steer(
        workspace, actor, batch_id, "retry", lambda: batch_controls.retry_batch(workspace, batch_id, cases)
    )


@router.post("/batches/{id}/restart", status_code=HTTPStatus.ACCEPTED)
def restart_batch(batch_id: BatchId, actor: Operator, workspace: GivenWorkspace) -> SteeredBatch:
    """Everything again from scratch, in new jobs; those before stay in the history."""
    return _steer(
        workspace, actor, batch_id, "restart", lambda: batch_controls.restart_batch(workspace, batch_id)
    )


def _steer(
    workspace: GivenWorkspace, actor: Actor, batch_id: UUID, what: str, act: Callable[[], list[JobResult]]
) -> SteeredBatch:
    with audited(workspace.database, actor, f"batch.{what}", f"batch:{batch_id}") as detail:
        with workspace.database.read() as session:
            batch = visible_batch(session, actor, batch_id)
        results = act()
        detail |= {"jobs": len(results), "done": sum(result.done for result in results)}
    with workspace.database.read() as session:
        standing = standings(session, [batch_id], utc_now())[batch_id]
    return SteeredBatch(
        batch=ShownBatch.of(batch, standing), results=[ShownResult.of(result) for result in results]
    )


def _detail(session: Session, batch: Batch, page: int, per_page: int) -> BatchDetail:
    now = utc_now()
    standing = standings(session, [batch.id], now)[batch.id]
    fields = fields_of(batch, standing)
    jobs = (
        select(Job).where(Job.batch_id == batch.id).order_by(col(Job.created_at).desc(), col(Job.id).desc())
    )
    counted = select(func.count()).select_from(Job).where(Job.batch_id == batch.id)
    eta = batch_eta(session, batch.id, now)
    return BatchDetail.model_validate(
        {
            **fields,
            "step_progress": [ShownStep.of(step) for step in step_standings(session, batch)],
            "current": [ShownWork.of(row, case) for row, case in working_rows(session, batch.id, now)],
            "cases": [
                ShownCase.of(case) for case in case_results(session, batch, per_page, (page - 1) * per_page)
            ],
            "page": page,
            "pages": pages(case_count(batch, standing), per_page),
            "failures": [
                ShownFailure.of(row, case) for row, case in failed_rows(session, batch.id, _MOST_FAILURES)
            ],
            "failed": standing.ledger.states[StepState.FAILED],
            "jobs": [ShownJob.of(job) for job in session.exec(jobs.limit(_MOST_JOBS))],
            "job_count": session.exec(counted).one(),
            "eta": ShownEta.model_validate(eta) if eta else None,
        }
    )
