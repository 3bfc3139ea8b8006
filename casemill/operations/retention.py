"""How long what is over is kept, and which of it is past its time. Only decided here, not deleted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
    ATTEMPTS = "attempts"
    JOBS = "jobs"


class Retention(BaseModel):
    """How long what is over is kept. What is active, paused, pinned or of an open batch is kept anyway."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    finished_run_hours: float = Field(
        default=24, ge=1, description="Completed and cancelled runs are kept so long in Prefect."
    )
    ad_hoc_run_hours: float = Field(
        default=2, ge=0.1, description="The same for runs of no deployment; failed ones stay as other failed."
    )
    failed_run_days: float = Field(
        default=7, ge=1, description="Failed and crashed runs are kept so long in Prefect, to be retried."
    )
    offline_worker_minutes: float = Field(
        default=5, ge=2, description="A worker not heard of for so long is forgotten."
    )
    stale_claim_minutes: float = Field(
        default=10, ge=1, description="A claim that ran out so long ago is taken back."
    )
    feed_days: float = Field(default=7, ge=1, description="The feed of what changed is kept so long.")
    credential_days: float = Field(
        default=30,
        ge=0,
        description="Sessions, login links and tokens are kept so long after they expired or were revoked.",
    )
    temporary_file_hours: float = Field(
        default=24, ge=12, description="Files that a crash left behind are kept so long."
    )
    history_days: float = Field(
        default=90, ge=31, description="Jobs and attempts that are over are kept so long here."
    )

    @model_validator(mode="after")
    def _history_lasts_longest(self) -> Self:
        """A run that outlived its job's row would come back as a new one."""
        longest = timedelta(days=self.history_days)
        runs = (Kind.FINISHED_RUNS, Kind.AD_HOC_RUNS, Kind.FAILED_RUNS, Kind.FEED)
        if shorter := [kind for kind in runs if self.kept(kind) > longest]:
            raise ValueError(f"history_days is to be at least as long as {shorter[0]} are kept")
        return self

    def kept(self, kind: Kind) -> timedelta:
        match kind:
            case Kind.FINISHED_RUNS:
                return timedelta(hours=self.finished_run_hours)
            case Kind.AD_HOC_RUNS:
                return timedelta(hours=self.ad_hoc_run_hours)
            case Kind.FAILED_RUNS:
                return timedelta(days=self.failed_run_days)
            case Kind.WORKERS:
                return timedelta(minutes=self.offline_worker_minutes)
            case Kind.CLAIMS:
                return timedelta(minutes=self.stale_claim_minutes)
            case Kind.FEED:
                return timedelta(days=self.feed_days)
            case Kind.SESSIONS | Kind.LINKS | Kind.TOKENS:
                return timedelta(days=self.credential_days)
            case Kind.FILES:
                return timedelta(hours=self.temporary_file_hours)
            case Kind.ATTEMPTS | Kind.JOBS:
                return timedelta(days=self.history_days)

    def cutoff(self, kind: Kind, now: datetime) -> datetime:
        """What ended before that is past its time; what ended at it is not."""
        return now - self.kept(kind)


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
