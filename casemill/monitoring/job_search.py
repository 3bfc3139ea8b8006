"""Finding jobs by a piece of text, with an index over trigrams: FTS5 on SQLite, pg_trgm on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from casemill.errors import BadInput
from casemill.migrations.sqlite_triggers import SEARCH
from casemill.models import JobText, User
from casemill.monitoring.recorded_json import storable

SHORTEST = 3
"""Characters of a text to search for: an index over trigrams knows nothing shorter."""

_FEW = 2000


@dataclass(frozen=True, slots=True)
class Search:
    """Jobs with one of these numbers, and all jobs of these users, have the text.

    is_narrow: they are known to be few, so that it is best to begin with them.
    """

    numbers: Select[tuple[int]]
    user_ids: Sequence[UUID]
    is_narrow: bool


def search(session: Session, said: str) -> Search:
    """Jobs with this text in id, name, argument values, error or their user's name.

    Anywhere in them, whatever the case of its letters; no character means anything else than itself. Raises
    BadInput for what is shorter than three characters.
    """
    wanted = _sought(said)
    if len(wanted) < SHORTEST:
        raise BadInput(f"Search for at least {SHORTEST} characters; {said!r} would be found almost anywhere")
    # Users are few, and a user may be renamed: their names are looked through each time.
    named = select(User.id).where(col(User.name).icontains(wanted, autoescape=True))
    user_ids = session.exec(named).all()
    if session.get_bind().dialect.name != "sqlite":
        return Search(_by_pg_trgm(wanted), user_ids, is_narrow=False)  # it estimates that itself
    numbers = _by_fts5(wanted)
    is_narrow = not user_ids and len(session.scalars(numbers.limit(_FEW)).all()) < _FEW
    return Search(numbers, user_ids, is_narrow)


def _sought(said: str) -> str:
    """A whole id is sought as ids are written, however it was typed."""
    cleaned = storable(said).strip()
    try:
        return str(UUID(cleaned))
    except ValueError:
        return cleaned


def _by_fts5(wanted: str) -> Select[Any]:
    phrase = '"' + wanted.replace('"', '""') + '"'
    found = sql_select(text("rowid")).select_from(text(SEARCH))
    return found.where(text(f"{SEARCH} MATCH :phrase").bindparams(phrase=phrase))


def _by_pg_trgm(wanted: str) -> Select[Any]:
    found = sql_select(col(JobText.number))
    return found.where(col(JobText.text).contains(wanted.lower(), autoescape=True))
