"""Batches as the API shows them."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from casemill.extraction.contract import Reason
from casemill.models import Batch, CaseStep, ProcessingStatus, StepState
from casemill.operations.batch_progress import CaseResult, StepProgress
from casemill.operations.batch_standing import Standing
from casemill.operations.batch_status import BatchStatus
from casemill.steps.options import BatchOptions
from casemill.web.shown_jobs import ShownJob

FROM_ATTRIBUTES = ConfigDict(from_attributes=True)


class ShownBatch(BaseModel):
    """A batch in a list."""

    batch_id: UUID
    user_id: UUID | None
    status: BatchStatus
    why: str | None = Field(
        description="Where the status alone does not say it: what it waits for, why it stopped."
    )
    percent: float = Field(ge=0, le=100, description="Of its steps; one that failed is through.")
    case_count: int
    steps: list[str]
    options: BatchOptions
    priority: int
    created_at: datetime

    @classmethod
    def of(cls, batch: Batch, standing: Standing) -> Self:
        return cls.model_validate(fields_of(batch, standing))


def fields_of(batch: Batch, standing: Standing) -> dict[str, object]:
    return {
        "batch_id": batch.id,
        "user_id": batch.user_id,
        "status": standing.status,
        "why": standing.why,
        "percent": min(standing.ledger.percent, 100.0),
        "case_count": case_count(batch, standing),
        "steps": batch.steps,
        "options": batch.options,
        "priority": batch.priority,
        "created_at": batch.created_at,
    }


def case_count(batch: Batch, standing: Standing) -> int:
    """Each case has a row for each step."""
    return standing.ledger.states.total() // max(len(batch.steps), 1)


class ShownStep(BaseModel):
    """One step over all cases; a running case counts by its documents."""

    name: str
    done: float
    total: int
    states: dict[StepState, int] = Field(description="In how many cases it is in which state.")

    @classmethod
    def of(cls, step: StepProgress) -> Self:
        states = {state: step.cases[state] for state in StepState if step.cases[state]}
        return cls(name=step.name, done=step.done, total=step.total, states=states)


class ShownDocument(BaseModel):
    model_config = FROM_ATTRIBUTES

    name: str
    status: ProcessingStatus
    reason: Reason | None = Field(description="Why it could not be read.")
    detail: str | None
    pages: int | None
    characters: int | None
    citations: int


class ShownCaseStep(BaseModel):
    model_config = FROM_ATTRIBUTES

    state: StepState
    done: int = Field(description="Documents that it is through with.")
    total: int | None
    started_at: datetime | None
    finished_at: datetime | None
    error_type: str | None
    error: str | None


class ShownCase(BaseModel):
    case_id: UUID
    case: str
    steps: dict[str, ShownCaseStep]
    documents: list[ShownDocument]

    @classmethod
    def of(cls, case: CaseResult) -> Self:
        return cls(
            case_id=case.id,
            case=case.name,
            steps={name: ShownCaseStep.model_validate(row) for name, row in case.steps.items()},
            documents=[ShownDocument.model_validate(document) for document in case.documents],
        )


class ShownWork(BaseModel):
    """A step that a job is at right now."""

    case_id: UUID
    case: str
    step: str
    done: int
    total: int | None
    started_at: datetime | None
    job_id: UUID | None

    @classmethod
    def of(cls, row: CaseStep, case: str) -> Self:
        return cls(
            case_id=row.case_id,
            case=case,
            step=row.step,
            done=row.done,
            total=row.total,
            started_at=row.started_at,
            job_id=row.claimed_by,
        )


class ShownFailure(BaseModel):
    case_id: UUID
    case: str
    step: str
    error_type: str | None
    error: str | None
    traceback: str | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: CaseStep, case: str) -> Self:
        return cls(
            case_id=row.case_id,
            case=case,
            step=row.step,
            error_type=row.error_type,
            error=row.error,
            traceback=row.traceback,
            finished_at=row.finished_at,
        )


class ShownEta(BaseModel):
    """Seconds until it is through, once it goes on if it does not run."""

    model_config = FROM_ATTRIBUTES

    seconds: float
    low: float
    high: float
    basis: str = Field(description="What this rests on.")


class BatchDetail(ShownBatch):
    """A batch with all that is known of it, its cases by pages."""

    step_progress: list[ShownStep]
    current: list[ShownWork] = Field(description="What is worked on at this moment.")
    cases: list[ShownCase] = Field(description="A page of them, by name.")
    page: int
    pages: int
    failures: list[ShownFailure] = Field(description="The latest first, at most 100.")
    failed: int = Field(description="How many steps failed.")
    jobs: list[ShownJob] = Field(description="The newest first, at most 200.")
    job_count: int
    eta: ShownEta | None = Field(description="Null: not known yet.")
