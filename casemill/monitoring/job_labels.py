"""What a job's tags and flow say of it: its type, user and batch."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from casemill.models import JobType

_TYPE_OF_FLOW = {
    "extraction-batch": JobType.EXTRACTION,
    "document-pipeline": JobType.DOCUMENT_PROCESSING,
    "claim-verification": JobType.NOTIFICATION,
    "mail-delivery": JobType.NOTIFICATION,
    "trial-reminders": JobType.TRIAL,
    "trial-expirations": JobType.TRIAL,
    "search-sync": JobType.SYNC,
    "job-cleanup": JobType.MAINTENANCE,
}
_PRIORITY = "priority:"
_PRIORITIES = [str(priority) for priority in range(11)]


def told_by_tags(tags: Iterable[str], flow_name: str | None) -> dict[str, Any]:
    """Columns of a job. A tag that is not what it claims to be is a tag and nothing else."""
    pairs = [tag.split(":", 1) for tag in sorted(tags) if ":" in tag]
    named = next((value for key, value in pairs if key == "type" and value in list(JobType)), None)
    kind = JobType(named) if named else _TYPE_OF_FLOW.get(flow_name or "", JobType.MAINTENANCE)
    return {"type": kind, "user_id": _id(pairs, "user"), "batch_id": _id(pairs, "batch")}


def _id(pairs: list[list[str]], wanted: str) -> UUID | None:
    for key, value in pairs:
        if key == wanted:
            try:
                return UUID(value)
            except ValueError:
                continue
    return None


def priority_tag(priority: int) -> str:
    return f"{_PRIORITY}{priority}"


def priority_of(tags: Iterable[str]) -> int:
    """0 to 10, as its batch was given; 0 for what has no such tag."""
    given = [tag.removeprefix(_PRIORITY) for tag in tags if tag.startswith(_PRIORITY)]
    return max((int(value) for value in given if value in _PRIORITIES), default=0)
