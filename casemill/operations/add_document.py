"""Takes a file in: its bytes into storage, its record into the database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import category
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from casemill.errors import NotFound
from casemill.extraction.contract import clean_text
from casemill.extraction.sniff import sniff
from casemill.models import DocumentModel
from casemill.operations.content import forget_content, lock_content
from casemill.operations.document_feed import tell_document
from casemill.storage.contract import file_sha256
from casemill.workspace import Workspace

_LONGEST_NAME = 255
_INVISIBLE = ("Cc", "Cf")  # Unicode's categories of control and format characters


@dataclass(frozen=True, slots=True)
class Added:
    """is_new is False where the owner had the same bytes already; that document is kept as it is."""

    document_id: UUID
    is_new: bool


def add_document(
    workspace: Workspace, model: DocumentModel, owner_id: UUID, path: Path, name: str | None = None
) -> Added:
    """Raises NotFound (no such owner) and StorageUnavailable. What the file is worth is found out later."""
    digest = file_sha256(path)
    _require_owner(workspace, model, owner_id)
    if existing := _same_bytes(workspace, model, owner_id, digest):
        return Added(existing, is_new=False)
    owner: dict[str, Any] = {model.owner_column: owner_id}
    document = model(
        **owner,
        name=clean_name(name or path.name),
        content_type=sniff(path).content_type,
        size=path.stat().st_size,
        sha256=digest,
        storage_key=workspace.documents.put(path, digest),
    )
    try:
        with workspace.database.write() as session:
            lock_content(session, digest)
            if not workspace.documents.exists(document.storage_key):  # its last other user was just deleted
                workspace.documents.put(path, digest)
            session.add(document)
            tell_document(session, document.id, document.processing_status)
    except IntegrityError:
        # The same file was being added twice at once; the other one came first. Or its owner was deleted.
        existing = _same_bytes(workspace, model, owner_id, digest)
        if existing is None:
            forget_content(workspace, digest, document.storage_key)
            _require_owner(workspace, model, owner_id)
            raise
        return Added(existing, is_new=False)
    return Added(document.id, is_new=True)


def clean_name(name: str) -> str:
    """A name that is safe to store and to show on one line; never used as a path.

    Goes: what cannot be seen, such as the marks that make "fdp.exe" read "exe.pdf".
    """
    return on_one_line(name.replace("\\", "/").rsplit("/", 1)[-1])[:_LONGEST_NAME].rstrip() or "unnamed"


def on_one_line(text: str) -> str:
    """What can be seen of it, with single spaces between."""
    visible = (each for each in clean_text(text) if each.isspace() or category(each) not in _INVISIBLE)
    return " ".join("".join(visible).split())


def _require_owner(workspace: Workspace, model: DocumentModel, owner_id: UUID) -> None:
    with workspace.database.read() as session:
        if session.get(model.owner_model, owner_id) is None:
            raise NotFound(f"No {model.owner_column.removesuffix('_id')} with id {owner_id}")


def _same_bytes(workspace: Workspace, model: DocumentModel, owner_id: UUID, digest: str) -> UUID | None:
    with workspace.database.read() as session:
        return session.exec(
            select(model.id).where(getattr(model, model.owner_column) == owner_id, model.sha256 == digest)
        ).first()
