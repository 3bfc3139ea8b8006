"""What endpoints are given: the workspace, and who asks."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.concurrency import run_in_threadpool

from casemill.access.actor import Actor
from casemill.access.signing import SigningKey
from casemill.errors import Denied, NotSignedIn
from casemill.models import Role
from casemill.web.entry import SAFE, Entry, entry_of
from casemill.web.gate import SIGN_IN, note_denied
from casemill.workspace import Workspace


def workspace_of(request: Request) -> Workspace:
    return request.app.state.workspace


def signing_key_of(request: Request) -> SigningKey:
    return request.app.state.signing_key


def signed_in(request: Request, workspace: Workspace) -> Actor:
    """Who asks, looked up once more: for what goes on so long that they may have lost their right to it.

    Raises NotSignedIn. Reads the database.
    """
    entry = entry_of(request, workspace.database, signing_key_of(request))
    if entry is None:
        raise NotSignedIn("You were signed out; sign in again")
    return entry.actor


async def entry_given(request: Request) -> Entry:
    """How who asks came in, as the gate found. Raises NotSignedIn."""
    entry: Entry | None = request.state.entry
    if entry is None:
        raise NotSignedIn(SIGN_IN)
    return entry


class _WithRole(SecurityBase):
    """Its role is in the OpenAPI document, as a scope of the token."""

    scheme_name = "token"
    model = HTTPBearer(
        description="An API token of POST /tokens. Browsers have a session of POST /session instead: a "
        "cookie, and with everything but GET its csrf_token in the header X-CSRF-Token."
    )

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Actor:
        entry = await entry_given(request)
        try:
            entry.actor.require(self.role)
        except Denied as denied:
            if request.method not in SAFE:
                database = workspace_of(request).database
                await run_in_threadpool(note_denied, database, request, entry, str(denied))
            raise
        return entry.actor


GivenWorkspace = Annotated[Workspace, Depends(workspace_of)]
GivenSigningKey = Annotated[SigningKey, Depends(signing_key_of)]
GivenEntry = Annotated[Entry, Depends(entry_given)]
Viewer = Annotated[Actor, Security(_WithRole(Role.VIEWER), scopes=[Role.VIEWER])]
Operator = Annotated[Actor, Security(_WithRole(Role.OPERATOR), scopes=[Role.OPERATOR])]
Admin = Annotated[Actor, Security(_WithRole(Role.ADMIN), scopes=[Role.ADMIN])]
"""Who asks, at least of that role. An endpoint says what it needs by the type of its `actor`."""
