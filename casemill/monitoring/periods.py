"""The stretches of time that statistics are asked for."""

from datetime import timedelta
from enum import StrEnum


class Period(StrEnum):
    """Until now. bucket is the stretch in which its throughput is shown: 24 to 72 of them."""

    HOUR = "1h"
    QUARTER_DAY = "6h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def span(self) -> timedelta:
        return _SPANS[self][0]

    @property
    def bucket(self) -> timedelta:
        return _SPANS[self][1]


_SPANS = {
    Period.HOUR: (timedelta(hours=1), timedelta(minutes=1)),
    Period.QUARTER_DAY: (timedelta(hours=6), timedelta(minutes=5)),
    Period.DAY: (timedelta(hours=24), timedelta(hours=1)),
    Period.WEEK: (timedelta(days=7), timedelta(hours=3)),
    Period.MONTH: (timedelta(days=30), timedelta(hours=12)),
}
