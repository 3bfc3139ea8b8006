"""Times as sentences say them."""

from datetime import UTC, datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def in_words(seconds: float | timedelta) -> str:
    """Such as "5 s", "12 min", "2 h 5 min", "3 days"; what is negative counts as nothing."""
    given = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    whole = max(round(given), 0)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{whole // _DAY} days"


def clock(moment: datetime, now: datetime) -> str:
    """The time of day, with the date where it is another day, in UTC: who reads it may be anywhere."""
    there = moment.astimezone(UTC)
    same_day = there.date() == now.astimezone(UTC).date()
    return f"{there:%H:%M:%S} UTC" if same_day else f"{there:%Y-%m-%d %H:%M} UTC"
