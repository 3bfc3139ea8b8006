"""Everything that somebody does is written down, whatever becomes of it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from casemill.access.actor import Actor
from casemill.db import Database
from casemill.errors import CasemillError, Denied, Unavailable
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
        message = (str(error) or type(error).__name__)[:_MOST_CHARACTERS]
        result = _result_of(error)
        raise
    finally:
        record = AuditRecord(
            user_id=actor.user_id,
            user_name=actor.name,
            via=actor.via,
            address=actor.address,
            action=action,
            target=target,
            result=result,
            message=message,
            detail=detail,
        )
        with database.write() as session:
            session.add(record)


def _result_of(error: BaseException) -> AuditResult:
    if isinstance(error, Denied):
        return AuditResult.DENIED
    expected = isinstance(error, CasemillError) and not isinstance(error, Unavailable)
    return AuditResult.REFUSED if expected else AuditResult.FAILED
