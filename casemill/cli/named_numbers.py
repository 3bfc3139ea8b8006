"""Numbers that have names, set and shown: limits, and how long what is over is kept."""

import math
from typing import Any

from casemill.cli.client import open_api
from casemill.cli.options import BadUsage, Home, settings_of


def set_and_read(
    path: str, given: list[str] | None, number: type[int] | type[float], like: str, home: Home
) -> dict[str, Any]:
    """Sets those that are given as NAME=VALUE, below the path; what the path then tells of all.

    Raises BadUsage before any is set; `like` is what it should have looked like.
    """
    wanted = dict(_name_and_value(one, number, like) for one in given or ())
    with open_api(settings_of(home)) as api:
        for name, value in wanted.items():
            api.put(f"{path}/{name}", {"value": value})
        return api.get(path)


def _name_and_value(given: str, number: type[int] | type[float], like: str) -> tuple[str, float]:
    name, _, written = given.partition("=")
    try:
        value = number(written)
    except ValueError:
        value = math.nan
    if not name or not math.isfinite(value):
        raise BadUsage(f"{given!r} is not like {like}")
    return name, value
