"""Moments as people say them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from casemill.errors import BadInput
from casemill.operations.wall_time import coming_moment, known_zone

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T22:00", datetime(2026, 3, 1, 21, tzinfo=UTC)),
        ("2026-07-01 22:00", datetime(2026, 7, 1, 20, tzinfo=UTC)),
        ("2026-03-01T22:00-05:00", datetime(2026, 3, 2, 3, tzinfo=UTC)),
        ("2026-03-01T22:00Z", datetime(2026, 3, 1, 22, tzinfo=UTC)),
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
    ids=["winter", "summer", "offset", "utc", "twice"],
)
def test_wall_time_is_a_moment_of_its_zone(text: str, moment: datetime) -> None:
    assert coming_moment(text, BERLIN, NOW) == moment


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-03-29T02:30", "does not exist"),
        ("2026-03-01T13:00", "is over"),
        ("9999-12-31T23:59", "five years"),
        ("0001-01-01T00:00", "no date and time"),
        ("tonight", "no date and time"),
        ("", "no date and time"),
    ],
)
def test_what_is_no_coming_moment_is_said(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        coming_moment(text, BERLIN, NOW)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../UTC", "/etc/localtime", "posixrules\x00"])
def test_an_unknown_zone_is_said(name: str) -> None:
    with pytest.raises(BadInput, match="no time zone"):
        known_zone(name)
