"""Moments as people say them: by the clock on the wall, somewhere."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from casemill.errors import BadInput

_FURTHEST = timedelta(days=5 * 366)


def known_zone(name: str) -> ZoneInfo:
    """Raises BadInput."""
    if name not in available_timezones():
        raise BadInput(f"There is no time zone {name!r}; name one as in Europe/Berlin, or UTC")
    return ZoneInfo(name)


def coming_moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment in UTC; a text without an offset is wall time in the zone.

    Of a time that the clocks show twice, the first. Raises BadInput for what is no time, is over, is more
    than five years away, or is skipped when the clocks are set forward.
    """
    try:
        told = datetime.fromisoformat(text)
        moment = (told if told.tzinfo else told.replace(tzinfo=zone)).astimezone(UTC)
        shown = moment.astimezone(zone)
        asked = told.replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise BadInput(f"{text!r} is no date and time; write it as in 2026-11-23T22:00") from None
    if told.tzinfo is None and shown.replace(tzinfo=None) != asked:
        raise BadInput(f"{text} does not exist in {zone.key}: the clocks are set forward then; take another")
    if moment <= now:
        raise BadInput(f"{text} ({zone.key}) is over; give a time that is still to come, or start it now")
    if moment > now + _FURTHEST:
        raise BadInput(f"{text} is more than five years away; give a time that is nearer")
    return moment
