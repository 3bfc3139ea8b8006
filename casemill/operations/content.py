"""Files in storage: several documents may be of one file, which goes with the last of them."""

import logging

from sqlalchemy import text
from sqlmodel import Session, select

from casemill.operations.document_pipeline import MODELS
from casemill.storage.contract import StorageError
from casemill.workspace import Workspace

logger = logging.getLogger(__name__)


def lock_content(session: Session, sha256: str) -> None:
    """Until the transaction ends, nobody else adds the last document of this file, or deletes it.

    SQLite has one writer at a time: there the transaction itself is the lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(bytes.fromhex(sha256)[:8], signed=True)
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def forget_content(workspace: Workspace, sha256: str, storage_key: str) -> bool:
    """Deletes the file unless a document is of it. False if the store did not let go of it."""
    try:
        with workspace.database.write() as session:
            lock_content(session, sha256)
            if not any(
                session.exec(
                    select(model.id).where(model.sha256 == sha256, model.storage_key == storage_key).limit(1)
                ).first()
                for model in MODELS.values()
            ):
                workspace.documents.delete(storage_key)
    except StorageError as error:
        logger.warning("A file that no document is of any more stays in the store: %s", error)
        return False
    return True
