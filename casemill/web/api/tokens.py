"""API tokens: everybody makes and revokes their own."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from casemill.access.audit import audited
from casemill.access.tokens import issue_token, revoke_token, tokens_of
from casemill.errors import Denied
from casemill.models import ApiToken, Role
from casemill.models.columns import utc_now
from casemill.web.deps import GivenWorkspace, Viewer
from casemill.web.text import Name, PageNumber, PerPage, pages

router = APIRouter(tags=["tokens"])

_MOST_DAYS = 3650


class ShownToken(BaseModel):
    """Without its secret, which nobody can read again."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    name: str
    hint: str = Field(description="The beginning of the secret, to tell tokens apart.")
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = Field(description="When it was last used, to the minute.")
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        return cls.model_validate(token)


class MadeToken(ShownToken):
    secret: str = Field(description="The token itself. Shown this once.")


class TokenList(BaseModel):
    tokens: list[ShownToken]
    total: int
    page: int
    pages: int


class NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="What it is for.")
    expires_in_days: int | None = Field(default=None, ge=1, le=_MOST_DAYS, description="None: it lasts.")


@router.get("/tokens")
def list_tokens(
    actor: Viewer,
    workspace: GivenWorkspace,
    user: Annotated[
        UUID | Literal["all"] | None, Query(description="Whose; admins only. Default: own.")
    ] = None,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> TokenList:
    """One's own, newest first, revoked ones too."""
    whose = actor.user_id if user is None else user
    if whose != actor.user_id and not actor.role.includes(Role.ADMIN):
        raise Denied("Only admins see the tokens of others; leave `user` out to see yours")
    with workspace.database.read() as session:
        found, total = tokens_of(session, None if whose == "all" else whose, page, per_page)
    shown = [ShownToken.of(token) for token in found]
    return TokenList(tokens=shown, total=total, page=page, pages=pages(total, per_page))


@router.post("/tokens", status_code=HTTPStatus.CREATED)
def make_token(given: NewToken, actor: Viewer, workspace: GivenWorkspace) -> MadeToken:
    """A token with the rights of its user, whatever they will be."""
    days = given.expires_in_days
    expires_at = utc_now() + timedelta(days=days) if days else None
    with audited(workspace.database, actor, "token.create") as detail:
        detail["name"] = given.name
        with workspace.database.write() as session:
            token, secret = issue_token(session, actor.user_id, given.name, expires_at)
        detail["id"] = token.id
    return MadeToken(**ShownToken.of(token).model_dump(), secret=secret)


@router.delete("/tokens/{id}", status_code=HTTPStatus.NO_CONTENT)
def end_token(token_id: Annotated[UUID, Path(alias="id")], actor: Viewer, workspace: GivenWorkspace) -> None:
    """Revoke a token: it lets nobody in any more. Admins may revoke anybody's."""
    only_of = None if actor.role.includes(Role.ADMIN) else actor.user_id
    with (
        audited(workspace.database, actor, "token.revoke", f"token:{token_id}") as detail,
        workspace.database.write() as session,
    ):
        token = revoke_token(session, token_id, only_of)
        detail |= {"name": token.name, "user_id": token.user_id}
