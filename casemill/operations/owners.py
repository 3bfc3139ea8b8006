"""Cases and experts: made, and found by what people call them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from casemill.errors import BadInput, CasemillError, NotFound, Refused
from casemill.models import Case, DocumentModel, Expert, ProcessingStatus
from casemill.operations.add_document import on_one_line

LONGEST_NAME = 255

Called = TypeVar("Called", Case, Expert)


class Ambiguous(CasemillError):
    """Several have this name."""


@dataclass(frozen=True, slots=True)
class OwnerSummary:
    """An owner and how many of its documents have which status."""

    id: UUID
    name: str
    documents: dict[ProcessingStatus, int]


def case_called(session: Session, name_or_id: str) -> Case:
    found = _called(session, Case, name_or_id)
    if not found:
        raise NotFound(f"No case {name_or_id!r}; `casemill case list` shows what there is")
    return found[0]


def expert_called(session: Session, name_or_id: str) -> Expert:
    """Names of people are not unique: Ambiguous if several have this one."""
    found = _called(session, Expert, name_or_id)
    if not found:
        raise NotFound(f"No expert {name_or_id!r}; `casemill expert list` shows who there is")
    if len(found) > 1:
        ids = ", ".join(str(expert.id) for expert in found)
        raise Ambiguous(f"{len(found)} experts are called {name_or_id!r}; name one by id: {ids}")
    return found[0]


def owner_summaries(session: Session, model: DocumentModel) -> list[OwnerSummary]:
    """All cases, or all experts, by name."""
    owner = model.owner_model
    owner_id = getattr(model, model.owner_column)
    counted = session.exec(
        select(owner_id, model.processing_status, func.count()).group_by(owner_id, model.processing_status)
    )
    counts: dict[UUID, dict[ProcessingStatus, int]] = {}
    for of, status, count in counted:
        counts.setdefault(of, {})[ProcessingStatus(status)] = count
    return [
        OwnerSummary(found, name, counts.get(found, {}))
        for found, name in session.exec(select(owner.id, owner.name).order_by(col(owner.name)))
    ]


def new_case(session: Session, name: str) -> Case:
    """Raises BadInput for what is no name, and Refused where a case is called so already."""
    name = owner_name(name)
    try:
        with session.begin_nested():
            session.add(case := Case(name=name))
    except IntegrityError:
        raise Refused(f"There is a case called {name!r} already; give this one another name") from None
    return case


def new_expert(session: Session, name: str) -> Expert:
    """Two people may have one name. Raises BadInput for what is no name."""
    session.add(expert := Expert(name=owner_name(name)))
    session.flush()
    return expert


def owner_name(name: str) -> str:
    """As it is kept: on one line, without what cannot be seen."""
    cleaned = on_one_line(name)
    if not 0 < len(cleaned) <= LONGEST_NAME:
        raise BadInput(f"A name has 1 to {LONGEST_NAME} characters that can be seen")
    return cleaned


def _called(session: Session, model: type[Called], name_or_id: str) -> Sequence[Called]:
    try:
        by_id = session.get(model, UUID(name_or_id))
    except ValueError:
        by_id = None
    if by_id is not None:
        return [by_id]
    return session.exec(select(model).where(model.name == name_or_id)).all()
