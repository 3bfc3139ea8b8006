"""What stands in the address of a page: as people and forms write it, empty where nothing is asked for."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Query
from pydantic import BeforeValidator

from casemill.errors import BadInput


def _none_if_empty(given: Any) -> Any:
    return None if given == "" else given


def _without_empty(given: Any) -> Any:
    return [each for each in cast(list[Any], given) if each != ""] if isinstance(given, list) else given


NoneIfEmpty = BeforeValidator(_none_if_empty)
WithoutEmpty = BeforeValidator(_without_empty)

Day = Annotated[date | None, NoneIfEmpty]
Zone = Annotated[
    str,
    Query(max_length=64, description="In which the days of the filter begin: a name of the IANA database."),
]


def begin_of(day: date | None, zone: str) -> datetime | None:
    """When it begins there. Raises BadInput for a zone that there is not."""
    return None if day is None else datetime.combine(day, time(), _zone(zone)).astimezone(UTC)


def end_of(day: date | None, zone: str) -> datetime | None:
    """Its last moment there. Raises BadInput for a zone that there is not."""
    if day is None:
        return None
    next_day = datetime.combine(day + timedelta(days=1), time(), _zone(zone))
    return next_day.astimezone(UTC) - timedelta(microseconds=1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"No time zone {name!r}; leave tz out for UTC") from None
