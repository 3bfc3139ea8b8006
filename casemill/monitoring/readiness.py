"""Whether all that the API depends on is there."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

import httpx
from prefect.settings import PREFECT_API_URL
from sqlalchemy.exc import SQLAlchemyError

from casemill.db import Database
from casemill.migrations import newest, revision
from casemill.models import RecorderMark
from casemill.models.columns import utc_now
from casemill.models.recorder_mark import THE_RECORDER

FRESH = timedelta(seconds=30)
"""The recorder's mark moves every second; while it reconciles much at once, less often."""

_KEPT_SECONDS = 1.0
_PREFECT_SECONDS = 2.0


@dataclass
class Readiness:
    """Asked by anybody, as often as they like: what was found is good for a second."""

    database: Database
    _lock: Lock = field(default_factory=Lock)
    _found: dict[str, bool] = field(default_factory=dict[str, bool])
    _until: float = 0.0

    def check(self) -> dict[str, bool]:
        """By name, whether it is well."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = {**_database(self.database), "prefect": prefect_answers()}
                self._until = time.monotonic() + _KEPT_SECONDS
            return self._found


def prefect_answers() -> bool:
    url = PREFECT_API_URL.value()
    if not url:
        return False
    try:
        return httpx.get(f"{url}/health", timeout=_PREFECT_SECONDS).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _database(database: Database) -> dict[str, bool]:
    found = {"database": False, "schema": False, "recorder": False}
    try:
        found["schema"] = revision(database) == newest()
        found["database"] = True
        if found["schema"]:
            with database.read() as session:
                mark = session.get(RecorderMark, THE_RECORDER)
            seen = mark.seen_at if mark else None
            found["recorder"] = seen is not None and utc_now() - seen < FRESH
    except SQLAlchemyError:
        return found
    return found
