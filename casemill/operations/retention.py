"""How long what is over is kept, and which of it is past its time. Only decided here, not deleted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self
from uuid import UUID

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, model_validator

from casemill.models.kept_for import RetentionName


class Kind(StrEnum):
    """What is cleaned up, each by itself, in this order."""

    FINISHED_RUNS = "finished runs"  # completed and cancelled ones, in Prefect
    AD_HOC_RUNS = "ad hoc runs"  # the same without a deployment
    FAILED_RUNS = "failed runs"  # crashed ones too, with or without a deployment
    WORKERS = "offline workers"
    CLAIMS = "stale claims"
    FEED = "feed rows"
    SESSIONS = "sessions"
    LINKS = "login links"
    TOKENS = "tokens"
    FILES = "temporary files"
    MAIL = "contents of mail"  # and addresses; that each was sent is remembered
    ATTEMPTS = "attempts"
    JOBS = "jobs"


_RECORDED = (Kind.FINISHED_RUNS, Kind.AD_HOC_RUNS, Kind.FAILED_RUNS, Kind.FEED)
LONGEST_DAYS = 10 * 365
"""Nothing is kept longer than that."""

NAME_OF: dict[Kind, RetentionName] = {
    Kind.FINISHED_RUNS: RetentionName.FINISHED_RUN_HOURS,
    Kind.AD_HOC_RUNS: RetentionName.AD_HOC_RUN_HOURS,
    Kind.FAILED_RUNS: RetentionName.FAILED_RUN_DAYS,
    Kind.WORKERS: RetentionName.OFFLINE_WORKER_MINUTES,
    Kind.CLAIMS: RetentionName.STALE_CLAIM_MINUTES,
    Kind.FEED: RetentionName.FEED_DAYS,
    Kind.SESSIONS: RetentionName.CREDENTIAL_DAYS,
    Kind.LINKS: RetentionName.CREDENTIAL_DAYS,
    Kind.TOKENS: RetentionName.CREDENTIAL_DAYS,
    Kind.FILES: RetentionName.TEMPORARY_FILE_HOURS,
    Kind.MAIL: RetentionName.MAIL_DAYS,
    Kind.ATTEMPTS: RetentionName.HISTORY_DAYS,
    Kind.JOBS: RetentionName.HISTORY_DAYS,
}
"""The class each kind belongs to."""


def unit_of(name: RetentionName) -> str:
    """Days, hours or minutes: the last word of each name."""
    return name.rsplit("_", 1)[1]


class Retention(BaseModel):
    """How long what is over is kept. What is active, paused, pinned or of an open batch is kept anyway.

    The least of each is such that nothing goes which is still needed: a run is recorded before it goes, a
    browser that was away reads the feed, the view over 30 days is whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    finished_run_hours: float = Field(
        default=24,
        ge=1,
        le=LONGEST_DAYS * 24,
        description="Completed and cancelled runs are kept so long in Prefect.",
    )
    ad_hoc_run_hours: float = Field(
        default=2,
        ge=0.1,
        le=LONGEST_DAYS * 24,
        description="The same for runs of no deployment; failed ones stay as other failed.",
    )
    failed_run_days: float = Field(
        default=7,
        ge=1,
        le=LONGEST_DAYS,
        description="Failed and crashed runs are kept so long in Prefect, to be retried.",
    )
    offline_worker_minutes: float = Field(
        default=5,
        ge=2,
        le=LONGEST_DAYS * 24 * 60,
        description="A worker not heard of for so long is forgotten.",
    )
    stale_claim_minutes: float = Field(
        default=10,
        ge=1,
        le=24 * 60,
        description="A claim or lock that ran out so long ago is taken back.",
    )
    feed_days: float = Field(
        default=7, ge=1, le=LONGEST_DAYS, description="The feed of what changed is kept so long."
    )
    credential_days: float = Field(
        default=30,
        ge=0,
        le=LONGEST_DAYS,
        description="Sessions, login links and tokens are kept so long after they expired or were revoked.",
    )
    temporary_file_hours: float = Field(
        default=24,
        ge=12,
        le=LONGEST_DAYS * 24,
        description="Files that a crash left behind are kept so long.",
    )
    mail_days: float = Field(
        default=30,
        ge=1,
        le=LONGEST_DAYS,
        description="Addresses and contents of messages are kept so long after they were sent or too late; "
        "that they were is remembered for good, so that none is sent twice.",
    )
    history_days: float = Field(
        default=90,
        ge=31,
        le=LONGEST_DAYS,
        description="Jobs and attempts that are over are kept so long here.",
    )

    @model_validator(mode="after")
    def _history_lasts_longest(self) -> Self:
        """A run that outlived its job's row would come back as a new one."""
        longest = self.kept(Kind.JOBS)
        if shorter := [kind for kind in _RECORDED if self.kept(kind) > longest]:
            raise ValueError(f"history_days is to be at least as long as {shorter[0]} are kept")
        return self

    def kept(self, kind: Kind) -> timedelta:
        name = NAME_OF[kind]
        return timedelta(**{unit_of(name): getattr(self, name)})

    def cutoff(self, kind: Kind, now: datetime) -> datetime:
        """What ended before that is past its time; what ended at it is not."""
        return now - self.kept(kind)


def bounds_of(name: RetentionName) -> tuple[float, float]:
    """The least and the most that it can be."""
    limits = Retention.model_fields[name].metadata
    least = next(limit.ge for limit in limits if isinstance(limit, Ge))
    most = next(limit.le for limit in limits if isinstance(limit, Le))
    return float(str(least)), float(str(most))


@dataclass(frozen=True, slots=True)
class EndedRun:
    """is_held says that something still needs it, whatever its age."""

    id: UUID
    ended_at: datetime
    is_failed: bool
    is_ad_hoc: bool
    is_held: bool

    @property
    def kind(self) -> Kind:
        """Failed ones stay longest: they are what people come back for."""
        if self.is_failed:
            return Kind.FAILED_RUNS
        return Kind.AD_HOC_RUNS if self.is_ad_hoc else Kind.FINISHED_RUNS


@dataclass(frozen=True, slots=True)
class SilentWorker:
    """is_needed says that it is online, or that a job which is not over names it."""

    name: str
    heard_at: datetime
    is_needed: bool


@dataclass(frozen=True, slots=True)
class LeftFile:
    """changed_at is when anything in it was last changed; is_used says that a process works in it."""

    path: Path
    changed_at: datetime
    is_used: bool


def expired_runs(runs: Iterable[EndedRun], policy: Retention, now: datetime) -> list[UUID]:
    return [run.id for run in runs if not run.is_held and run.ended_at < policy.cutoff(run.kind, now)]


def expired_workers(workers: Iterable[SilentWorker], policy: Retention, now: datetime) -> list[str]:
    cutoff = policy.cutoff(Kind.WORKERS, now)
    return [worker.name for worker in workers if not worker.is_needed and worker.heard_at < cutoff]


def expired_files(files: Iterable[LeftFile], policy: Retention, now: datetime) -> list[Path]:
    cutoff = policy.cutoff(Kind.FILES, now)
    return [file.path for file in files if not file.is_used and file.changed_at < cutoff]


@dataclass(frozen=True, slots=True)
class Removed:
    """What came of one kind: removed (by a dry run: to be removed), and of those past their time, left."""

    kind: Kind
    count: int = 0
    left: int = 0
    why: str | None = None  # a sentence: why it was left, or nothing was looked at

    @property
    def row(self) -> dict[str, str | int]:
        return {"what": self.kind.value, "removed": self.count, "left": self.left, "why": self.why or ""}


def in_words(removed: Iterable[Removed], *, dry_run: bool) -> str:
    """One sentence that says how many of what."""
    found = list(removed)
    counted = ", ".join(f"{one.count} {one.kind}" for one in found if one.count)
    troubled = ", ".join(one.kind for one in found if one.left)
    said = f"{counted or 'nothing'} {'would be removed' if dry_run else 'removed'}"
    return f"{said}; not all could be: {troubled}" if troubled else said
