"""Documents: uploaded, looked at, read again, deleted."""

from collections.abc import Generator
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.errors import BadInput, CasemillError, NotFound, Unavailable
from casemill.models import CaseDocument, DocumentModel, ExpertDocument, ProcessingStatus
from casemill.models.columns import utc_now
from casemill.monitoring.reading import begin_reading
from casemill.operations.add_document import add_document, clean_name
from casemill.operations.delete_document import delete_document as delete
from casemill.operations.document_pipeline import MODELS
from casemill.operations.find_documents import (
    DocumentFilter,
    count_documents,
    document_with_id,
    documents_page,
    owner_names,
    text_of_page,
)
from casemill.operations.reprocess_document import reprocess_document
from casemill.search.contract import OwnerKind
from casemill.web.deps import GivenWorkspace, Operator, Viewer
from casemill.web.outages import outages_told
from casemill.web.shown_documents import (
    DocumentList,
    DocumentPage,
    Reprocessing,
    ShownDocument,
    Upload,
    UploadedFile,
    attachment,
)
from casemill.web.text import PageNumber, PerPage, Word, pages
from casemill.web.uploads import Limits, Received, TooLarge, receive_files, upload_folder
from casemill.workspace import Workspace

router = APIRouter(tags=["documents"])

Id = Annotated[UUID, Path(alias="id")]

_FILES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            }
        },
    }
}
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post("/cases/{id}/documents", status_code=201, openapi_extra=_FILES)
async def upload_case_documents(
    request: Request, case_id: Id, actor: Operator, workspace: GivenWorkspace
) -> Upload:
    """One file or many. A job reads them and makes them searchable."""
    return await _upload(request, workspace, actor, CaseDocument, case_id)


@router.post("/experts/{id}/documents", status_code=201, openapi_extra=_FILES)
async def upload_expert_documents(
    request: Request, expert_id: Id, actor: Operator, workspace: GivenWorkspace
) -> Upload:
    """One file or many. A job reads them and makes them searchable."""
    return await _upload(request, workspace, actor, ExpertDocument, expert_id)


@router.get("/cases/{id}/documents")
def list_case_documents(
    case_id: Id,
    _actor: Viewer,
    workspace: GivenWorkspace,
    status: ProcessingStatus | None = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> DocumentList:
    """The newest first."""
    return _list(workspace, DocumentFilter(OwnerKind.CASE, case_id, status), page, per_page)


@router.get("/experts/{id}/documents")
def list_expert_documents(
    expert_id: Id,
    _actor: Viewer,
    workspace: GivenWorkspace,
    status: ProcessingStatus | None = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> DocumentList:
    """The newest first."""
    return _list(workspace, DocumentFilter(OwnerKind.EXPERT, expert_id, status), page, per_page)


@router.get("/documents")
def list_documents(
    _actor: Viewer,
    workspace: GivenWorkspace,
    kind: Annotated[OwnerKind | None, Query(description="Only documents of cases, or of experts.")] = None,
    owner: Annotated[UUID | None, Query(description="Only documents of this case or expert.")] = None,
    status: ProcessingStatus | None = None,
    q: Annotated[Word | None, Query(description="Part of the name.")] = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> DocumentList:
    """Of all cases and experts, the newest first."""
    if owner is not None:
        kind = _kind_of(workspace, owner, kind)
    return _list(workspace, DocumentFilter(kind, owner, status, q), page, per_page)


@router.get("/documents/{id}")
def read_document(document_id: Id, _actor: Viewer, workspace: GivenWorkspace) -> ShownDocument:
    """Of a case or of an expert."""
    with workspace.database.read() as session:
        document = document_with_id(session, document_id)
        return ShownDocument.of(document, owner_names(session, [document])[document.owner_id])


@router.get("/documents/{id}/text")
def read_document_text(
    document_id: Id, _actor: Viewer, workspace: GivenWorkspace, page: PageNumber = 1
) -> DocumentPage:
    """The text of one page, once the document is ready."""
    with workspace.database.read() as session:
        text, count = text_of_page(session, document_id, page)
    return DocumentPage(document_id=document_id, page=page, pages=count, text=text)


def _fetched(document_id: Id, _actor: Viewer, workspace: GivenWorkspace) -> Generator[tuple[str, FilePath]]:
    """Name and file of a document; the file is there until the answer is sent."""
    with workspace.database.read() as session:
        document = document_with_id(session, document_id)
    with outages_told(), workspace.documents.fetch(document.storage_key) as path:
        yield document.name, path


@router.get("/documents/{id}/file", response_class=FileResponse, responses=_BYTES)
def download_document(fetched: Annotated[tuple[str, FilePath], Depends(_fetched)]) -> FileResponse:
    """The file as it was uploaded, to be saved: browsers are told not to open it."""
    name, path = fetched
    headers = {"Content-Disposition": attachment(name), "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, headers=headers, media_type="application/octet-stream")


@router.post("/documents/{id}/reprocessing", status_code=202)
def reprocess(document_id: Id, actor: Operator, workspace: GivenWorkspace) -> Reprocessing:
    """Reads it again. Its text stays as it is until then."""
    with audited(workspace.database, actor, "document.reprocess", f"document:{document_id}"):
        with workspace.database.write() as session:
            reprocess_document(session, document_id, utc_now())
        reading = begin_reading(workspace, actor)
    shown = read_document(document_id, actor, workspace)
    return Reprocessing(document=shown, job_id=reading.job_id, message=reading.message)


@router.delete("/documents/{id}", status_code=204)
def delete_document(document_id: Id, actor: Operator, workspace: GivenWorkspace) -> None:
    """With its text, and its file unless another document is of the same bytes. Not while it is worked on."""
    with audited(workspace.database, actor, "document.delete", f"document:{document_id}") as detail:
        with workspace.database.read() as session:
            document = document_with_id(session, document_id)
        detail |= {"name": document.name, "owner_id": str(document.owner_id)}
        delete(workspace, document_id)


async def _upload(
    request: Request, workspace: Workspace, actor: Actor, model: DocumentModel, owner_id: UUID
) -> Upload:
    """Nothing is taken in before all has come: what is too large, or breaks off, leaves nothing behind."""
    limits = Limits.of_megabytes(workspace.settings.upload_mb)
    async with upload_folder(workspace.settings.home) as folder:
        try:
            await run_in_threadpool(_require_owner, workspace, model, owner_id)
            received = await receive_files(request, folder, limits)
        except (BadInput, NotFound, Unavailable) as error:
            received = error
        try:
            return await run_in_threadpool(_take_in, workspace, actor, model, owner_id, received)
        except TooLarge as error:
            raise HTTPException(413, str(error)) from error


def _take_in(
    workspace: Workspace,
    actor: Actor,
    model: DocumentModel,
    owner_id: UUID,
    received: list[Received] | CasemillError,
) -> Upload:
    kind = model.owner_column.removesuffix("_id")
    with audited(workspace.database, actor, "document.upload", f"{kind}:{owner_id}") as detail:
        if isinstance(received, CasemillError):
            raise received
        taken = [_take(workspace, model, owner_id, file) for file in received]
        detail["documents"] = [
            {"name": file.name, "id": str(file.document_id) if file.document_id else None, "new": file.is_new}
            for file in taken
        ]
        if all(file.error for file in taken):
            raise Unavailable(taken[0].error or "")
        if not any(file.status == ProcessingStatus.PENDING for file in taken):
            return Upload(documents=taken, job_id=None, message="All of it was there already")
        reading = begin_reading(workspace, actor)
    return Upload(documents=taken, job_id=reading.job_id, message=reading.message)


def _take(workspace: Workspace, model: DocumentModel, owner_id: UUID, file: Received) -> UploadedFile:
    name = clean_name(file.name)
    try:
        with outages_told():
            added = add_document(workspace, model, owner_id, file.path, name)
        with workspace.database.read() as session:
            status = document_with_id(session, added.document_id).processing_status
    except (Unavailable, NotFound) as error:
        return UploadedFile(name=name, document_id=None, is_new=False, status=None, error=str(error))
    return UploadedFile(
        name=name, document_id=added.document_id, is_new=added.is_new, status=status, error=None
    )


def _list(workspace: Workspace, wanted: DocumentFilter, page: int, per_page: int) -> DocumentList:
    if wanted.kind and wanted.owner_id:
        _require_owner(workspace, MODELS[wanted.kind], wanted.owner_id)
    with workspace.database.read() as session:
        statuses = count_documents(session, wanted)
        found = documents_page(session, wanted, per_page, (page - 1) * per_page)
        names = owner_names(session, found)
    total = statuses.get(wanted.status, 0) if wanted.status else sum(statuses.values())
    return DocumentList(
        documents=[ShownDocument.of(each, names[each.owner_id]) for each in found],
        statuses=statuses,
        total=total,
        page=page,
        pages=pages(total, per_page),
    )


def _kind_of(workspace: Workspace, owner_id: UUID, kind: OwnerKind | None) -> OwnerKind:
    """The kind that was asked for, or else that of the owner. Raises NotFound."""
    with workspace.database.read() as session:
        for each, model in MODELS.items():
            if session.get(model.owner_model, owner_id) is not None:
                return kind or each
    raise NotFound(f"No case and no expert with id {owner_id}")


def _require_owner(workspace: Workspace, model: DocumentModel, owner_id: UUID) -> None:
    with workspace.database.read() as session:
        if session.get(model.owner_model, owner_id) is None:
            raise NotFound(f"No {model.owner_column.removesuffix('_id')} with id {owner_id}")
