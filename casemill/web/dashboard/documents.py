"""Documents: uploaded, followed until they are ready, looked at, read again, deleted."""

from functools import cached_property
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from casemill.access.actor import Actor
from casemill.errors import NotFound, Refused
from casemill.models import ProcessingStatus
from casemill.search.contract import OwnerKind
from casemill.web.api.cases import read_case
from casemill.web.api.documents import list_documents, read_document, read_document_text
from casemill.web.api.experts import read_expert
from casemill.web.dashboard.query import NoneIfEmpty
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.rendering import show
from casemill.web.shown_documents import DocumentList, DocumentPage, ShownDocument
from casemill.web.shown_owners import ShownOwner
from casemill.web.text import PageNumber, Word, pages
from casemill.workspace import Workspace

router = APIRouter()

_PER_PAGE = 50
_PART = 50_000  # characters of a page that are shown at once: a document without pages is one page


class DocumentsView:
    """What the list shows; each part is worked out when it is drawn."""

    statuses = tuple(ProcessingStatus)
    kinds = tuple(OwnerKind)

    def __init__(
        self,
        actor: Actor,
        workspace: Workspace,
        *,
        kind: OwnerKind | None,
        owner_id: UUID | None,
        status: ProcessingStatus | None,
        q: str | None,
        page: int,
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.kind, self.owner_id, self.status, self.q, self.page = kind, owner_id, status, q, page
        self.megabytes = workspace.settings.upload_mb

    @cached_property
    def owner(self) -> tuple[OwnerKind, ShownOwner] | None:
        """Whose documents alone are asked for, if there is such a case or expert."""
        if self.owner_id is None:
            return None
        try:
            return OwnerKind.CASE, read_case(self.owner_id, self._actor, self._workspace)
        except NotFound:
            pass
        try:
            return OwnerKind.EXPERT, read_expert(self.owner_id, self._actor, self._workspace)
        except NotFound:
            return None

    @cached_property
    def found(self) -> DocumentList:
        nothing = DocumentList(documents=[], statuses={}, total=0, page=self.page, pages=0)
        if self.owner_id and (self.owner is None or self.kind not in (None, self.owner[0])):
            return nothing
        return list_documents(
            self._actor,
            self._workspace,
            kind=self.kind,
            owner=self.owner_id,
            status=self.status,
            q=self.q,
            page=self.page,
            per_page=_PER_PAGE,
        )

    @property
    def is_filtered(self) -> bool:
        return any([self.kind, self.owner_id, self.status, self.q])


class DocumentView:
    """One document, and a page of its text."""

    def __init__(
        self, actor: Actor, workspace: Workspace, document: ShownDocument, *, page: int, part: int
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.document = document
        self.page, self.part = page, part

    @cached_property
    def text(self) -> DocumentPage | NotFound | Refused:
        """Or why there is none: no such page, or no text."""
        try:
            return read_document_text(self.document.id, self._actor, self._workspace, self.page)
        except (NotFound, Refused) as reason:
            return reason

    @property
    def is_there(self) -> bool:
        return isinstance(self.text, DocumentPage)

    @property
    def is_beyond(self) -> bool:
        """Whether there is text, and no such page of it."""
        return isinstance(self.text, NotFound)

    @property
    def parts(self) -> int:
        return max(1, pages(len(self._text), _PART))

    @property
    def shown_text(self) -> str:
        return self._text[(self.part - 1) * _PART : self.part * _PART]

    @property
    def _text(self) -> str:
        return self.text.text if isinstance(self.text, DocumentPage) else ""


@router.get("/documents")
def show_documents(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    kind: Annotated[OwnerKind | None, NoneIfEmpty] = None,
    owner: Annotated[UUID | None, NoneIfEmpty] = None,
    status: Annotated[ProcessingStatus | None, NoneIfEmpty] = None,
    q: Annotated[Word | None, NoneIfEmpty] = None,
    page: PageNumber = 1,
) -> HTMLResponse:
    view = DocumentsView(actor, workspace, kind=kind, owner_id=owner, status=status, q=q, page=page)
    return show(request, actor, "documents.html", view=view)


@router.get("/documents/{id}")
def show_document(
    request: Request,
    actor: Viewer,
    workspace: GivenWorkspace,
    document_id: Annotated[UUID, Path(alias="id")],
    page: PageNumber = 1,
    part: PageNumber = 1,
) -> HTMLResponse:
    document = read_document(document_id, actor, workspace)
    view = DocumentView(actor, workspace, document, page=page, part=part)
    return show(request, actor, "document.html", view=view)
