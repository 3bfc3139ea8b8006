"""What search really holds, compared with what the database says is ready, and put right.

The index is always looked at before the database. Whatever is written to the index was in the database first,
so an owner that the index holds and the database, asked afterwards, does not know is gone for good. For all
others the repair is to index the owner anew, which takes the database's word as it is then: what becomes
ready meanwhile is indexed, never deleted, however many jobs index the same owner at once.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session, col, select

from casemill.db import Database
from casemill.models import Chunk, DocumentModel, IndexReport, ProcessingStatus
from casemill.operations.chunk_document import chunk_column
from casemill.operations.document_pipeline import MODELS
from casemill.operations.index_documents import index_owner, version_of
from casemill.search.contract import HeldDocument, Owner, OwnerKind
from casemill.workspace import Workspace

AT_ONCE = 100
"""Owners compared in one go."""

NAMED = 20
"""Documents of one owner that are named; the others are counted."""

SHOWN = 500
"""Rows of a table for people."""


class Wrong(StrEnum):
    MISSING = "missing"  # ready, and search does not hold it
    STALE = "stale"  # search holds another version of it, or not all of its passages
    ORPHANED = "orphaned"  # search holds it, and it is not ready, or not this owner's, or gone


@dataclass(frozen=True, slots=True)
class ReadyDocument:
    """What search should hold. version is None for one whose text nobody has cut into chunks yet."""

    name: str
    version: str | None
    passages: int


@dataclass(frozen=True, slots=True)
class Difference:
    """An owner of whom search holds something else than is ready.

    owner_name is None for one whom the database does not know. counts has all that is wrong, named the names
    of some. Without either, search holds the right documents and only the record of it is behind.
    """

    kind: OwnerKind
    owner_id: UUID
    owner_name: str | None
    counts: dict[Wrong, int]
    named: tuple[tuple[Wrong, str], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Some owners compared. `last` is where to go on; None at the end."""

    last: UUID | None
    owners: int = 0
    documents: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])


@dataclass
class Findings:
    """All that one comparison found and did; rows are for people, those beyond SHOWN are counted only."""

    owners: int = 0
    documents: int = 0
    different: int = 0
    repaired: int = 0
    unrepaired: int = 0
    counts: Counter[Wrong] = field(default_factory=Counter[Wrong])
    rows: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def note(self, difference: Difference, outcome: str) -> None:
        self.different += 1
        self.counts.update(difference.counts)
        owner = difference.owner_name or str(difference.owner_id)
        for wrong, name in difference.named or ((None, "nothing but the record of it"),):
            if len(self.rows) < SHOWN:
                says = wrong or "behind"
                row = {"owner": owner, "kind": difference.kind, "document": name, "is": says, "then": outcome}
                self.rows.append(row)

    def report(self, job_id: UUID, now: datetime, *, dry_run: bool, error: str | None = None) -> IndexReport:
        return IndexReport(
            id=job_id,
            finished_at=now,
            dry_run=dry_run,
            owners=self.owners,
            documents=self.documents,
            missing=self.counts[Wrong.MISSING],
            stale=self.counts[Wrong.STALE],
            orphaned=self.counts[Wrong.ORPHANED],
            different=self.different,
            repaired=self.repaired,
            unrepaired=self.unrepaired,
            error=error,
        )


def differences(
    ready: Mapping[UUID, ReadyDocument], held: Mapping[UUID, HeldDocument]
) -> list[tuple[Wrong, str]]:
    """What is wrong with each document that is not as it should be, and its name."""
    found: list[tuple[Wrong, str]] = []
    for document_id, document in ready.items():
        of_index = held.get(document_id)
        if of_index is None:
            found.append((Wrong.MISSING, document.name))
        elif (of_index.version, of_index.passages) != (document.version, document.passages):
            found.append((Wrong.STALE, document.name))
    found.extend((Wrong.ORPHANED, held[gone].name) for gone in held.keys() - ready.keys())
    return found


def compare_owners(
    workspace: Workspace, kind: OwnerKind, after: UUID | None = None, limit: int = AT_ONCE
) -> Comparison:
    """The next owners that the database knows, by id, compared with what the index holds of them."""
    owner = MODELS[kind].owner_model
    query = select(owner.id).order_by(col(owner.id)).limit(limit)
    if after is not None:
        query = query.where(col(owner.id) > after)
    with workspace.database.read() as session:
        ids = session.exec(query).all()
    documents = 0
    found: list[Difference] = []
    for owner_id in ids:
        ready, difference = _compared(workspace, kind, owner_id)
        documents += ready
        if difference is not None:
            found.append(difference)
    return Comparison(ids[-1] if len(ids) == limit else None, len(ids), documents, found)


def orphaned_owners(
    workspace: Workspace, after: Owner | None = None, limit: int = AT_ONCE
) -> tuple[Owner | None, list[Difference]]:
    """Of the next owners that the index holds, those whom the database does not know; and where to go on."""
    held = workspace.index.held_owners(after=after, limit=limit)
    unknown = [owner for owner in held if not _is_known(workspace, owner)]
    found = [_difference(owner, None, {}, _held(workspace, owner)) for owner in unknown]
    return held[-1] if len(held) == limit else None, [one for one in found if one is not None]


def count_owners(database: Database) -> int:
    with database.read() as session:
        counts = [
            session.exec(select(func.count()).select_from(model.owner_model)).one()
            for model in MODELS.values()
        ]
    return sum(counts)


def repair_owner(workspace: Workspace, kind: OwnerKind, owner_id: UUID) -> Difference | None:
    """Makes search hold what is ready of the owner. What is still wrong afterwards; None is the rule."""
    owner = Owner(kind, owner_id)
    try:
        index_owner(workspace, MODELS[kind], owner_id)
    except NoResultFound:
        if _is_known(workspace, owner):  # it is one of its documents that went meanwhile
            raise
        workspace.index.delete_owner(owner)
    return _compared(workspace, kind, owner_id)[1]


def _compared(workspace: Workspace, kind: OwnerKind, owner_id: UUID) -> tuple[int, Difference | None]:
    """How many documents of the owner are ready, and what is wrong with what search holds of it."""
    owner, model = Owner(kind, owner_id), MODELS[kind]
    held = _held(workspace, owner)
    with workspace.database.read() as session:
        known = session.get(model.owner_model, owner_id)
        ready = _ready(session, model, owner_id)
    is_behind = known is not None and known.indexed_version < known.documents_version
    return len(ready), _difference(owner, known.name if known else None, ready, held, is_behind=is_behind)


def _difference(
    owner: Owner,
    name: str | None,
    ready: Mapping[UUID, ReadyDocument],
    held: Mapping[UUID, HeldDocument],
    *,
    is_behind: bool = False,
) -> Difference | None:
    wrong = differences(ready, held)
    if not wrong and not is_behind:
        return None
    counts = {kind: count for kind in Wrong if (count := sum(one == kind for one, _ in wrong))}
    return Difference(owner.kind, owner.id, name, counts, tuple(wrong[:NAMED]))


def _is_known(workspace: Workspace, owner: Owner) -> bool:
    with workspace.database.read() as session:
        return session.get(MODELS[owner.kind].owner_model, owner.id) is not None


def _held(workspace: Workspace, owner: Owner) -> dict[UUID, HeldDocument]:
    return {document.id: document for document in workspace.index.held_documents(owner)}


def _ready(session: Session, model: DocumentModel, owner_id: UUID) -> dict[UUID, ReadyDocument]:
    is_of_owner = getattr(model, model.owner_column) == owner_id
    of_document = getattr(Chunk, chunk_column(model))
    counted = session.exec(
        select(of_document, func.count())
        .where(of_document.in_(select(model.id).where(is_of_owner)))
        .group_by(of_document)
    )
    chunks: dict[UUID, int] = {document_id: count for document_id, count in counted}
    # Keeps SQLite from the index on the status: nearly all documents are ready, not only this owner's.
    is_ready = func.coalesce(model.processing_status, None) == ProcessingStatus.READY
    rows = session.exec(
        select(model.id, model.name, model.sha256, model.chunked_as)
        .where(is_of_owner, is_ready)
        .order_by(col(model.name), col(model.id))
    )
    return {
        id: ReadyDocument(
            name, version_of(sha256, chunked_as) if chunked_as else None, max(1, chunks.get(id, 0))
        )
        for id, name, sha256, chunked_as in rows
    }
