"""What endpoints are given: the workspace, and who asks."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from casemill.access.actor import Actor
from casemill.access.tokens import user_of_token
from casemill.errors import NotSignedIn
from casemill.models import Role
from casemill.workspace import Workspace


def workspace_of(request: Request) -> Workspace:
    return request.app.state.workspace


GivenWorkspace = Annotated[Workspace, Depends(workspace_of)]


def signed_in(request: Request, workspace: GivenWorkspace) -> Actor:
    """Who asks. Raises NotSignedIn."""
    address = request.client.host if request.client else None
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        with workspace.database.read() as session:
            found = user_of_token(session, secret.strip())
        if found:
            return Actor.of(found[0], "token", address)
    raise NotSignedIn("Sign in, or send an API token as `Authorization: Bearer ...`")


def _with_role(role: Role) -> Callable[[Actor], Actor]:
    def check(actor: Annotated[Actor, Depends(signed_in)]) -> Actor:
        actor.require(role)
        return actor

    return check


Viewer = Annotated[Actor, Depends(_with_role(Role.VIEWER))]
Operator = Annotated[Actor, Depends(_with_role(Role.OPERATOR))]
Admin = Annotated[Actor, Depends(_with_role(Role.ADMIN))]
"""Who asks, at least of that role. An endpoint says what it needs by the type of its `actor`."""
