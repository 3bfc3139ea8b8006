"""How long each class is kept: what an admin set, else what the settings say."""

from uuid import UUID

from pydantic import ValidationError
from sqlmodel import Session, select

from casemill.errors import BadInput
from casemill.models import KeptFor, RetentionName
from casemill.models.columns import utc_now
from casemill.operations.retention import LONGEST_DAYS, Retention, bounds_of, unit_of
from casemill.settings import Settings


def retention_in_force(session: Session, settings: Settings) -> Retention:
    """Where settings were changed since and do not fit what was set, no history goes until they do."""
    given = {row.name.value: row.value for row in session.exec(select(KeptFor))}
    both = {**settings.retention.model_dump(), **given}
    try:
        return Retention.model_validate(both)
    except ValidationError:
        return Retention.model_validate({**both, RetentionName.HISTORY_DAYS.value: LONGEST_DAYS})


def keep_for(
    session: Session, settings: Settings, name: RetentionName, value: float, by: UUID | None
) -> None:
    """The next cleanup goes by it. Raises BadInput for what would delete what is needed."""
    least, most = bounds_of(name)
    if not least <= value <= most:
        raise BadInput(f"{name} is {least:g} to {most:g} {unit_of(name)}, not {value:g}")
    in_force = retention_in_force(session, settings).model_dump()
    try:
        Retention.model_validate({**in_force, name.value: value})
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadInput(f"{name} cannot be {value:g} {unit_of(name)}: {why}") from error
    row = session.get(KeptFor, name) or KeptFor(name=name, value=value)
    row.value, row.changed_at, row.changed_by = value, utc_now(), by
    session.add(row)
