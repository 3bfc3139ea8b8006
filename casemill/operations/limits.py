"""The limits in force: what an admin set, else what the settings say."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, select

from casemill.errors import BadInput
from casemill.models import Limit, LimitName
from casemill.models.columns import utc_now
from casemill.settings import Settings

_RANGES = {
    LimitName.JOBS_AT_ONCE: (1, 1000),
    LimitName.JOBS_PER_USER: (1, 1000),
    LimitName.JOB_SECONDS: (60, 30 * 24 * 3600),
    LimitName.RESULT_SECONDS: (1, 365 * 24 * 3600),
}


@dataclass(frozen=True, slots=True)
class Limits:
    jobs_at_once: int
    jobs_per_user: int
    job_seconds: int
    result_seconds: int


def limits_in_force(session: Session, settings: Settings) -> Limits:
    given: dict[LimitName, int] = {row.name: row.value for row in session.exec(select(Limit))}
    return Limits(
        jobs_at_once=given.get(LimitName.JOBS_AT_ONCE, settings.jobs_at_once),
        jobs_per_user=given.get(LimitName.JOBS_PER_USER, settings.jobs_per_user),
        job_seconds=given.get(LimitName.JOB_SECONDS, settings.job_seconds),
        result_seconds=given.get(LimitName.RESULT_SECONDS, settings.result_seconds),
    )


def set_limit(session: Session, name: LimitName, value: int, by: UUID | None) -> None:
    """Raises BadInput. Whoever calls this tells Prefect (see casemill.monitoring)."""
    least, most = _RANGES[name]
    if not least <= value <= most:
        raise BadInput(f"{name} is {least} to {most}, not {value}")
    row = session.get(Limit, name) or Limit(name=name, value=value)
    row.value, row.changed_at, row.changed_by = value, utc_now(), by
    session.add(row)
