"""When a cron fires, as Prefect reads it."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from prefect.server.schemas.schedules import CronSchedule
from pydantic import ValidationError

from casemill.errors import BadInput

_FIELDS = 5  # with a sixth, Prefect starts a job each second


def cron_times(cron: str, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
    """The next times in UTC, not to be asked where an event loop runs.

    A time that a day skips, because the clocks are set forward, comes up to an hour off on it; one that a day
    has twice comes once.

    Raises BadInput for what is no cron of five fields, and for one that never fires: for Prefect's scheduler,
    that one would keep all schedules of its deployment from firing.
    """
    explained = "write minute, hour, day, month and day of the week, as in 0 22 * * 1-5"
    if len(cron.split()) != _FIELDS:
        raise BadInput(f"{cron!r} is no cron of five fields; {explained}")
    try:
        schedule = CronSchedule(cron=cron, timezone=zone.key)
    except ValidationError:
        raise BadInput(f"{cron!r} is no cron that can be understood; {explained}") from None
    try:
        times = asyncio.run(schedule.get_dates(count, after))
    except ValueError:
        times = []
    if not times:
        raise BadInput(f"{cron!r} names a day that no calendar has, so it would never fire; {explained}")
    return [datetime.fromtimestamp(time.timestamp(), UTC) for time in times]
