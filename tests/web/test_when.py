"""When a schedule starts something, as people say it."""

import pytest

from casemill.web.when import cron_in_words, every

OWN = "By a cron of its own"


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("*/5 * * * *", "Every 5 min"),
        ("*/7 * * * *", OWN),  # not every 7 minutes: each hour begins anew
        ("* * * * *", OWN),
        ("5 * * * *", "Every hour, 5 min past"),
        ("0 * * * *", "Every hour, on the hour"),
        ("0 9 * * *", "Daily at 09:00 Europe/Berlin"),
        ("30 22 * * 1-5", "On weekdays at 22:30 Europe/Berlin"),
        ("0 22 * * MON-FRI", "On weekdays at 22:00 Europe/Berlin"),
        ("0 22 * * 0", "On Sundays at 22:00 Europe/Berlin"),
        ("0 22 * * 7", "On Sundays at 22:00 Europe/Berlin"),
        ("0 22 * * 4,1", "On Mondays and Thursdays at 22:00 Europe/Berlin"),
        ("0 22 * * fri-sun", OWN),
        ("0 22 * * 5-7", "On Fridays, Saturdays and Sundays at 22:00 Europe/Berlin"),
        ("0 22 * * 1#2", OWN),
        ("0 6 1 * *", "On day 1 of each month at 06:00 Europe/Berlin"),
        ("0 6 1 * 1", OWN),
        ("0 6 L * *", OWN),
        ("0 6 * 1 *", OWN),
        ("@daily", OWN),
        ("", OWN),
    ],
)
def test_a_cron_is_told_in_words(cron: str, words: str) -> None:
    assert cron_in_words(cron, "Europe/Berlin") == words


def test_an_interval_is_told_in_words() -> None:
    assert every(900) == "Every 15 min"
