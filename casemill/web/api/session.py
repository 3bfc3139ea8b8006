"""The session of a browser: begun with a name and a password, told about, ended."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.access.passwords import LONGEST
from casemill.access.sessions import end_session
from casemill.access.sign_in import sign_in
from casemill.errors import Refused
from casemill.models import Role, Scope
from casemill.web.cookies import give_cookie, take_cookie
from casemill.web.deps import GivenEntry, GivenSigningKey, GivenWorkspace, Viewer
from casemill.web.entry import visit_of
from casemill.web.text import Name

router = APIRouter(tags=["session"])


class Credentials(BaseModel):
    name: Name
    password: Annotated[SecretStr, Field(max_length=LONGEST)]


class ShownSession(BaseModel):
    """Who one is, and what one may."""

    user_id: UUID
    name: str
    role: Role
    scope: Scope = Field(
        description="Whose jobs and batches one sees: `own`, or `all`. Admins see all anyway."
    )
    via: str = Field(description="How one came in: `session` or `token`.")
    expires_at: datetime | None = Field(description="When one has to come in anew; sessions in use last on.")
    csrf_token: str | None = Field(description="To be sent as X-CSRF-Token with all but GET. Sessions only.")


@router.post("/session", status_code=HTTPStatus.CREATED)
def create_session(
    given: Credentials, request: Request, response: Response, workspace: GivenWorkspace, key: GivenSigningKey
) -> ShownSession:
    """Sign in with a browser: sets a cookie. Programs send a token instead, and need no session."""
    visit = visit_of(request, key)
    begun = sign_in(workspace.database, given.name, given.password.get_secret_value(), visit)
    give_cookie(request, response, key, begun)
    actor = Actor.of(begun.user, "session", visit.address)
    return _shown(actor, begun.login.expires_at, key.csrf_token(begun.secret))


@router.get("/session")
def read_session(actor: Viewer, entry: GivenEntry, key: GivenSigningKey) -> ShownSession:
    """Who asks."""
    return _shown(actor, entry.expires_at, key.csrf_token(entry.secret) if entry.secret else None)


@router.delete("/session", status_code=HTTPStatus.NO_CONTENT)
def end_own_session(
    request: Request, response: Response, actor: Viewer, entry: GivenEntry, workspace: GivenWorkspace
) -> None:
    """Sign out."""
    with audited(workspace.database, actor, "session.end", f"user:{actor.user_id}"):
        if entry.secret is None:
            raise Refused("You came in with a token, not with a session; DELETE /tokens/{id} revokes tokens")
        with workspace.database.write() as session:
            end_session(session, entry.secret)
    take_cookie(request, response)


def _shown(actor: Actor, expires_at: datetime | None, csrf_token: str | None) -> ShownSession:
    return ShownSession(
        user_id=actor.user_id,
        name=actor.name,
        role=actor.role,
        scope=actor.scope,
        via=actor.via,
        expires_at=expires_at,
        csrf_token=csrf_token,
    )
