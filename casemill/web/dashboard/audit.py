"""Audit: who did what, on what, from where, with which result."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import col, select

from casemill.access.actor import Actor
from casemill.access.users import names_of
from casemill.errors import BadInput
from casemill.models import AuditResult, Batch, Job
from casemill.web.api.audit import RecordList, ShownRecord, list_audit_records, list_audited_actions
from casemill.web.dashboard.query import Day, NoneIfEmpty, Zone, begin_of
from casemill.web.deps import Admin, GivenWorkspace
from casemill.web.rendering import show
from casemill.web.shown_jobs import title_of
from casemill.web.text import PageNumber, Word
from casemill.workspace import Workspace

router = APIRouter()

_SHORT = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to, as the API takes it."""

    user: str | None = None
    action: str | None = None
    target: str | None = None
    result: AuditResult | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """On what: kind and name as people know it, and its page if it has one and still exists."""

    kind: str
    name: str
    href: str | None = None


class AuditView:
    """What the page shows; each part is worked out when it is drawn."""

    results = tuple(AuditResult)

    def __init__(
        self, actor: Actor, workspace: Workspace, *, wanted: Wanted, page: int, seen: int | None
    ) -> None:
        self._actor = actor
        self._workspace = workspace
        self.wanted = wanted
        self.page = page
        self._seen = seen

    @cached_property
    def found(self) -> RecordList:
        return self._list(self.page, 50)

    @property
    def new(self) -> int:
        """How many have come since the page was drawn, when it was said how many there were."""
        return 0 if self._seen is None else max(0, self._list(1, 1).total - self._seen)

    @property
    def is_filtered(self) -> bool:
        return self.wanted != Wanted()

    @cached_property
    def actions(self) -> list[str]:
        return list_audited_actions(self._actor, self._workspace).actions

    def target(self, record: ShownRecord) -> Target | None:
        if record.target is None:
            return None
        kind, _, name = record.target.partition(":")
        known = self._known.get(record.target)
        if known:
            return known
        named = record.detail.get("name")
        return Target(kind, named if isinstance(named, str) and named else name) if name else Target("", kind)

    @cached_property
    def _known(self) -> dict[str, Target]:
        """Those of the page that have a page of their own: a query for each kind, not for each row."""
        with self._workspace.database.read() as session:
            rows = select(Job.id, Job.name, Job.flow_name).where(col(Job.id).in_(self._ids("job")))
            jobs = {row[0]: title_of(*row) for row in session.exec(rows)}
            users = names_of(session, set(self._ids("user")))
            batches = session.exec(select(Batch.id).where(col(Batch.id).in_(self._ids("batch")))).all()
        found = {f"job:{job}": Target("job", name, f"/jobs/{job}") for job, name in jobs.items()}
        found |= {
            f"user:{user}": Target("user", name, f"/settings?user={user}") for user, name in users.items()
        }
        return found | {
            f"batch:{batch}": Target("batch", str(batch)[:_SHORT], f"/pipeline/dashboard?batch={batch}")
            for batch in batches
        }

    def _ids(self, kind: str) -> Iterable[UUID]:
        for record in self.found.records:
            given, _, name = (record.target or "").partition(":")
            if given == kind:
                try:
                    yield UUID(name)
                except ValueError:
                    continue

    def _list(self, page: int, per_page: int) -> RecordList:
        wanted = self.wanted
        return list_audit_records(
            self._actor,
            self._workspace,
            user=wanted.user,
            action=wanted.action,
            target=wanted.target,
            result=wanted.result,
            since=wanted.since,
            until=wanted.until,
            page=page,
            per_page=per_page,
        )


@router.get("/audit")
def show_audit(
    request: Request,
    actor: Admin,
    workspace: GivenWorkspace,
    user: Annotated[Word | None, NoneIfEmpty] = None,
    action: Annotated[Word | None, NoneIfEmpty] = None,
    target: Annotated[Word | None, NoneIfEmpty] = None,
    result: Annotated[AuditResult | None, NoneIfEmpty] = None,
    first: Annotated[Day, Query(alias="from")] = None,
    last: Annotated[Day, Query(alias="to", description="Included.")] = None,
    tz: Zone = "",
    page: PageNumber = 1,
    seen: Annotated[int | None, Query(ge=0, description="Entries there were when it was drawn.")] = None,
) -> HTMLResponse:
    """The newest first. The days of the filter are those of `tz`."""
    if first and last and first > last:
        raise BadInput("The first day is after the last one; swap them")
    until = begin_of(last + timedelta(days=1), tz) if last else None
    wanted = Wanted(user, action, target, result, begin_of(first, tz), until)
    view = AuditView(actor, workspace, wanted=wanted, page=page, seen=seen)
    return show(request, actor, "audit.html", view=view)
