"""Users, for admins; and everybody's own password."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from casemill.access.audit import audited
from casemill.access.guesses import CHANGE_PASSWORD
from casemill.access.login_links import MINUTES, new_login_link
from casemill.access.passwords import LONGEST, SHORTEST
from casemill.access.sessions import begin_session
from casemill.access.sign_in import Begun
from casemill.access.users import (
    UserChange,
    change_own_password,
    change_user,
    create_user,
    set_password,
    user_of_id,
    users_by_name,
)
from casemill.errors import Refused
from casemill.models import Role, Scope, User
from casemill.models.columns import utc_now
from casemill.web.cookies import give_cookie
from casemill.web.deps import Admin, GivenEntry, GivenSigningKey, GivenWorkspace, Viewer
from casemill.web.entry import visit_of
from casemill.web.text import Email, Name, PageNumber, PerPage, pages

router = APIRouter(tags=["users"])

UserId = Annotated[UUID, Path(alias="id")]
Password = Annotated[
    SecretStr, Field(max_length=LONGEST, description=f"At least {SHORTEST} characters, not the user's name.")
]
_SCOPE = "Default: `all` for viewers and admins, `own` for operators, who then see and steer only their own."


class ShownUser(BaseModel):
    id: UUID
    name: str
    email: str | None
    role: Role
    scope: Scope
    has_password: bool
    disabled_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        return cls.model_validate({**user.model_dump(), "has_password": user.password_hash is not None})


class UserList(BaseModel):
    users: list[ShownUser]
    total: int
    page: int
    pages: int


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    role: Role = Role.OPERATOR
    scope: Scope | None = Field(default=None, description=_SCOPE)
    email: Email | None = None
    password: Password | None = Field(default=None, description="None: a login link lets them in first.")


class ChangedUser(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    scope: Scope | None = Field(default=None, description="With a new role: its own, unless given.")
    email: Email | None = Field(default=None, description="Empty for none.")
    disabled: bool | None = Field(default=None, description="Disabled users are out at once and stay out.")


class NewPassword(BaseModel):
    password: Password


class OwnPassword(NewPassword):
    old: SecretStr | None = Field(
        default=None, max_length=LONGEST, description="The password until now, if there is one."
    )


class MadeLink(BaseModel):
    """Shown this once."""

    path: str = Field(description="Relative to the address of Casemill.", examples=["/login?token=..."])
    expires_at: datetime


@router.get("/users")
def list_users(
    actor: Admin,  # noqa: ARG001  who asks matters
    workspace: GivenWorkspace,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> UserList:
    """All users, by name."""
    with workspace.database.read() as session:
        users, total = users_by_name(session, page, per_page)
    shown = [ShownUser.of(user) for user in users]
    return UserList(users=shown, total=total, page=page, pages=pages(total, per_page))


@router.post("/users", status_code=HTTPStatus.CREATED)
def add_user(given: NewUser, actor: Admin, workspace: GivenWorkspace) -> ShownUser:
    """Add a user. Their queue is made when they first run something."""
    with audited(workspace.database, actor, "user.create") as detail:
        detail |= {"name": given.name, "role": given.role, "scope": given.scope}
        password = given.password.get_secret_value() if given.password else None
        with workspace.database.write() as session:
            user = create_user(session, given.name, given.role, given.scope, given.email, password)
        detail["id"] = user.id
    return ShownUser.of(user)


@router.put("/users/me/password", status_code=HTTPStatus.NO_CONTENT)
def change_password_of_mine(
    given: OwnPassword,
    request: Request,
    response: Response,
    actor: Viewer,
    entry: GivenEntry,
    workspace: GivenWorkspace,
    key: GivenSigningKey,
) -> None:
    """Change one's own password. All other sessions and tokens end."""
    old = given.old.get_secret_value() if given.old else None
    change_own_password(workspace.database, actor, old, given.password.get_secret_value(), entry.token_id)
    if entry.secret:
        with workspace.database.write() as session:
            user = user_of_id(session, actor.user_id)
            login, secret = begin_session(session, user.id, visit_of(request, key))
        give_cookie(request, response, key, Begun(user, login, secret))


@router.get("/users/{id}")
def read_user(user_id: UserId, actor: Admin, workspace: GivenWorkspace) -> ShownUser:  # noqa: ARG001
    with workspace.database.read() as session:
        return ShownUser.of(user_of_id(session, user_id))


@router.patch("/users/{id}")
def patch_user(user_id: UserId, given: ChangedUser, actor: Admin, workspace: GivenWorkspace) -> ShownUser:
    """Change what a user is and may. Disabling ends their sessions, links and tokens."""
    change = UserChange(given.role, given.scope, given.email, given.disabled)
    with audited(workspace.database, actor, "user.change", f"user:{user_id}") as detail:
        detail |= given.model_dump(mode="json", exclude_none=True)
        with workspace.database.write() as session:
            return ShownUser.of(change_user(session, user_id, change))


@router.put("/users/{id}/password", status_code=HTTPStatus.NO_CONTENT)
def put_password(
    user_id: UserId, given: NewPassword, actor: Admin, entry: GivenEntry, workspace: GivenWorkspace
) -> None:
    """Give a user a new password. Their sessions, links and tokens end, but the token that asks."""
    with (
        audited(workspace.database, actor, CHANGE_PASSWORD, f"user:{user_id}"),
        workspace.database.write() as session,
    ):
        user = user_of_id(session, user_id)
        set_password(session, user, given.password.get_secret_value(), entry.token_id)


@router.post("/users/{id}/login-link", status_code=HTTPStatus.CREATED)
def make_login_link(user_id: UserId, actor: Admin, workspace: GivenWorkspace) -> MadeLink:
    """A link that signs the user in once, to be handed to them."""
    with (
        audited(workspace.database, actor, "user.link", f"user:{user_id}"),
        workspace.database.write() as session,
    ):
        user = user_of_id(session, user_id)
        if user.disabled_at:
            raise Refused(f"{user.name} is disabled, and a link would not let them in; enable them first")
        secret = new_login_link(session, user.id)
    return MadeLink(path=f"/login?token={secret}", expires_at=utc_now() + timedelta(minutes=MINUTES))
