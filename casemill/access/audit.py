"""Everything that somebody does is written down, whatever becomes of it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlmodel import Session

from casemill.access.actor import Actor
from casemill.db import Database
from casemill.errors import CasemillError, Denied, NotSignedIn, Unavailable
from casemill.models import AuditRecord, AuditResult

_MOST_CHARACTERS = 2000


@contextmanager
def audited(
    database: Database, actor: Actor, action: str, target: str | None = None
) -> Generator[dict[str, Any]]:
    """Writes one record when the block ends: done, or how it failed. The block may add details.

    action is a noun and a verb, such as job.cancel; target such as job:<id>. No secrets in details.
    """
    detail: dict[str, Any] = {}
    result, message = AuditResult.DONE, None
    try:
        yield detail
    except BaseException as error:
        message = _said(error)
        result = _result_of(error)
        raise
    finally:
        with database.write() as session:
            write_down(
                session,
                action,
                result,
                via=actor.via,
                user_id=actor.user_id,
                user_name=actor.name,
                address=actor.address,
                target=target,
                message=message,
                detail=detail,
            )


def write_down(
    session: Session,
    action: str,
    result: AuditResult,
    *,
    via: str,
    user_id: UUID | None = None,
    user_name: str | None = None,
    address: str | None = None,
    target: str | None = None,
    message: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """One record, for what has no actor yet; kept if the transaction is."""
    session.add(
        AuditRecord(
            user_id=user_id,
            user_name=user_name,
            via=via,
            address=address,
            action=action,
            target=_kept(target),
            result=result,
            message=_kept(message),
            detail=json.loads(json.dumps(detail or {}, default=str)),
        )
    )


def _kept(text: str | None) -> str | None:
    """What every database takes: no action goes unrecorded for a character somebody put into it."""
    if text is None:
        return None
    return text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode().replace("\x00", "?")


def _said(error: BaseException) -> str:
    """Our own sentences; of other errors only the kind, for their texts may hold what was sent."""
    return str(error) if isinstance(error, CasemillError) else type(error).__name__


def _result_of(error: BaseException) -> AuditResult:
    if isinstance(error, Denied | NotSignedIn):
        return AuditResult.DENIED
    expected = isinstance(error, CasemillError) and not isinstance(error, Unavailable)
    return AuditResult.REFUSED if expected else AuditResult.FAILED
