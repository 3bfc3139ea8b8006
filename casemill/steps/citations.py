"""Step citations: decisions, statutes and rules each document refers to, with their place."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from casemill.errors import CasemillError
from casemill.extraction.sandbox import Killed
from casemill.models import CaseDocument, Citation, ProcessingStatus
from casemill.steps.citing import FoundCitation, citations_from_json
from casemill.steps.context import StepContext
from casemill.steps.registry import step

_SECONDS_PER_CHARACTER = 60 / 1_000_000  # beside the limit's seconds: slow cores take 19 s for a million


class TextTooHard(CasemillError):
    """Citations of some documents could not be found within the limits."""


@step("citations", "Decisions, statutes and rules cited", requires=["chunk"])
def citations(context: StepContext) -> None:
    """Text is hostile: it is searched in the sandbox, several documents at a time.

    Raises TextTooHard, after the citations of all other documents are stored.
    """
    documents = context.documents(ProcessingStatus.READY)
    too_hard: list[str] = []
    done = 0
    for document, found in _searched(context, documents):
        if isinstance(found, Killed):
            too_hard.append(f"{document} {found.detail}")
            continue
        done += 1
        with context.saving(done, len(documents)) as session:
            _store(session, document, found)
    if too_hard:
        raise TextTooHard(
            f"The citations of {len(too_hard)} documents could not be found: {'; '.join(too_hard)}. "
            "Raise CASEMILL_EXTRACTION__SECONDS, or remove the documents, and retry"
        )
    if not documents:
        context.saved(0, 0)


def _searched(
    context: StepContext, documents: Sequence[UUID]
) -> Iterator[tuple[UUID, list[dict[str, Any]] | Killed]]:
    """Each document with what was found in it, in the order they are done."""
    workspace = context.workspace

    def search(document: UUID) -> list[dict[str, Any]] | Killed:
        with workspace.database.read() as session:
            text, page_count = session.exec(
                select(CaseDocument.text, CaseDocument.page_count).where(CaseDocument.id == document)
            ).one()
        told = workspace.sandbox.run(
            "casemill.steps.citing:citations_as_json",
            text=text or "",
            seconds=workspace.settings.extraction.seconds + len(text or "") * _SECONDS_PER_CHARACTER,
        )
        if isinstance(told, Killed):
            return told
        return [_row(citation, is_paged=page_count is not None) for citation in citations_from_json(told)]

    with ThreadPoolExecutor(workspace.settings.processes, "citations") as readers:
        searching = {readers.submit(search, document): document for document in documents}
        try:
            for future in as_completed(searching):
                yield searching[future], future.result()
        finally:
            readers.shutdown(cancel_futures=True)


def _row(citation: FoundCitation, *, is_paged: bool) -> dict[str, Any]:
    """A document that has no pages until it is printed has no page 1 either."""
    return asdict(citation) if is_paged else {**asdict(citation), "page": None}


def _store(session: Session, document: UUID, found: list[dict[str, Any]]) -> None:
    # Another batch may be replacing them too: it waits for the document's row, and then sees ours.
    session.exec(select(CaseDocument.id).where(CaseDocument.id == document).with_for_update()).one()
    session.exec(delete(Citation).where(col(Citation.case_document_id) == document))
    rows = [
        {"case_document_id": document, "ordinal": ordinal, **citation}
        for ordinal, citation in enumerate(found)
    ]
    if rows:
        session.connection().execute(insert(Citation), rows)
