"""Claims: a row that one job works on, and nobody else until that job is done or dead."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from casemill.models.columns import Table, Utc


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a job: the fencing token. A later try of the same run outranks an earlier one."""

    run_id: UUID
    number: int = 1


class Claimable(Table):
    """Columns of a row that is worked on under a claim.

    claimed_by and claim_attempt name the attempt that owns the row (or owned it last); the claim holds
    until lease_until, which the owner keeps moving while it lives.
    """

    claimed_by: UUID | None = Field(default=None, index=True)
    claim_attempt: int | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Utc)
    attempts: int = 0
