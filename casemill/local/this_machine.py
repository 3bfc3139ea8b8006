"""How the person at the machine gets in: a token for commands, a link for the browser.

Both are of the local user, an admin. Who can read the folder of all data may do all with it anyway.
"""

import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col

from casemill.access.login_links import new_login_link
from casemill.access.tokens import issue_token
from casemill.db import Database
from casemill.models import ApiToken
from casemill.models.columns import utc_now
from casemill.operations.local_user import local_user
from casemill.settings import Settings

_TOKEN_NAME = "this machine"  # noqa: S105  what people see in the list of tokens


def token_file(settings: Settings) -> Path:
    return settings.home / "api-token"


def write_token(database: Database, settings: Settings) -> None:
    """A new token for commands on this home, in a file that only its owner can read. Older ones end."""
    with database.write() as session:
        user_id = local_user(session).id
        _revoke(session, user_id)
        _, secret = issue_token(session, user_id, _TOKEN_NAME)
    path = token_file(settings)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)


def end_token(database: Database, settings: Settings) -> None:
    with database.write() as session:
        _revoke(session, local_user(session).id)
    token_file(settings).unlink(missing_ok=True)


def read_token(settings: Settings) -> str | None:
    with suppress(FileNotFoundError):
        return token_file(settings).read_text().strip() or None
    return None


def login_path(database: Database) -> str:
    """An address, relative to the API's, that signs in once as the local user."""
    with database.write() as session:
        return f"/login?token={new_login_link(session, local_user(session).id)}"


def _revoke(session: Session, user_id: UUID) -> None:
    mine = (col(ApiToken.user_id) == user_id, col(ApiToken.name) == _TOKEN_NAME)
    session.exec(
        update(ApiToken).where(*mine, col(ApiToken.revoked_at).is_(None)).values(revoked_at=utc_now())
    )
