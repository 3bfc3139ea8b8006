"""Who works on what: claims by guarded UPDATE, kept alive by a lease.

A claim names the attempt of a job that owns a row. Every later write of that attempt repeats the claim in its
WHERE clause, so an attempt that was given up for dead and is not can no longer change anything.
"""

import logging
import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, update
from sqlmodel import Session, col, select

from casemill.db import TRANSIENT, Database
from casemill.errors import LostClaim
from casemill.models import Attempt, CaseDocument, CaseStep, ExpertDocument, ProcessingStatus, StepState
from casemill.models.claim import Claimable
from casemill.models.columns import utc_now
from casemill.operations.document_feed import tell_document

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """A table whose rows are claimed: `waiting` rows become `working` ones."""

    model: type[Claimable]
    state: str
    waiting: StrEnum
    working: StrEnum

    def column(self, name: str) -> Any:
        return getattr(self.model, name)

    def held_by(self, attempt: Attempt) -> ColumnElement[bool]:
        return and_(
            self.column(self.state) == self.working,
            col(self.model.claimed_by) == attempt.run_id,
            col(self.model.claim_attempt) == attempt.number,
        )


STEP = Kind(CaseStep, "state", StepState.PENDING, StepState.RUNNING)
CASE_DOCUMENT = Kind(CaseDocument, "processing_status", ProcessingStatus.PENDING, ProcessingStatus.PROCESSING)
EXPERT_DOCUMENT = Kind(
    ExpertDocument, "processing_status", ProcessingStatus.PENDING, ProcessingStatus.PROCESSING
)
KINDS = (STEP, CASE_DOCUMENT, EXPERT_DOCUMENT)


def claim(
    session: Session, kind: Kind, row_id: object, attempt: Attempt, lease: timedelta, **values: Any
) -> bool:
    """True if the row is this attempt's now: it was waiting, or an earlier try of the attempt left it so.

    A try leaves a row claimed where the database is away when it gives up.
    """
    taken = session.exec(
        update(kind.model)
        .where(
            kind.column("id") == row_id,
            or_(kind.column(kind.state) == kind.waiting, kind.held_by(attempt)),
        )
        .values(
            **{kind.state: kind.working},
            claimed_by=attempt.run_id,
            claim_attempt=attempt.number,
            lease_until=utc_now() + lease,
            attempts=col(kind.model.attempts) + 1,
            **values,
        )
        .execution_options(synchronize_session=False)
    )
    return taken.rowcount == 1


def change(session: Session, kind: Kind, row_id: object, attempt: Attempt, **values: Any) -> None:
    """Changes a row under this attempt's claim; LostClaim if the claim is another's by now."""
    changed = session.exec(
        update(kind.model)
        .where(kind.column("id") == row_id, kind.held_by(attempt))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount == 0:
        raise LostClaim(
            f"{kind.model.__name__} {row_id} is no longer claimed by attempt {attempt.number} of job "
            f"{attempt.run_id}; what it found is dropped, and the attempt that owns it goes on"
        )


def owners(session: Session) -> set[UUID]:
    """The jobs that hold any claim."""
    found: set[UUID] = set()
    for kind in KINDS:
        held = select(kind.model.claimed_by).where(kind.column(kind.state) == kind.working).distinct()
        found.update(run_id for run_id in session.exec(held) if run_id is not None)
    return found


def take_back(session: Session, now: datetime, attempt: Attempt, dead: Collection[UUID] = ()) -> int:
    """Frees what the dead held: leases run out, jobs known to be dead, earlier attempts of this same job."""
    freed = 0
    for kind in KINDS:
        model = kind.model
        gone = or_(
            col(model.lease_until) < now,
            col(model.claimed_by).in_(list(dead)),
            and_(col(model.claimed_by) == attempt.run_id, col(model.claim_attempt) < attempt.number),
        )
        count = session.exec(
            update(model)
            .where(kind.column(kind.state) == kind.working, gone)
            .values({kind.state: kind.waiting})
            .execution_options(synchronize_session=False)
        ).rowcount
        if count and kind is not STEP:
            tell_document(session, None, ProcessingStatus.PENDING)
        freed += count
    return freed


def renew(session: Session, attempt: Attempt, until: datetime) -> None:
    for kind in KINDS:
        session.exec(
            update(kind.model)
            .where(kind.held_by(attempt))
            .values(lease_until=until)
            .execution_options(synchronize_session=False)
        )


@contextmanager
def lease_kept(database: Database, attempt: Attempt, lease: timedelta) -> Generator[None]:
    """Renews all claims of this attempt, from a thread of its own, until the block ends."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(lease.total_seconds() / 4):
            try:
                with database.write() as session:
                    renew(session, attempt, utc_now() + lease)
            except TRANSIENT as error:
                logger.warning("The lease of job %s was not renewed, trying again: %s", attempt.run_id, error)

    keeper = threading.Thread(target=keep, name="lease-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
