"""Words and times as commands print them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table


def listing(*columns: str | Column) -> Table:
    """A table of which 80 columns hold an id and four short columns; cells put under one another what belongs
    together."""
    return Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))


def named(name: str, id_: str) -> str:
    """For the first column of a listing: what people call it, and under it what commands do."""
    return f"{escape(name)}\n{id_}"


def day_and_time(at: str | None) -> str:
    """A moment of the API's in UTC, on two lines."""
    return f"{datetime.fromisoformat(at):%Y-%m-%d\n%H:%M:%S}" if at else ""


def status_words(job: Mapping[str, Any]) -> str:
    """Such as "running (cancelling)"."""
    sub_status = job.get("sub_status")
    return f"{job['status']} ({sub_status})" if sub_status else str(job["status"])


def moment(at: str | None) -> str:
    """A moment of the API's in UTC, to the second."""
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC" if at else ""


def duration(seconds: float) -> str:
    """Such as "40 s", "3 min" or "2 h 5 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def reasons_to_wait(shown: Mapping[str, Any]) -> list[str]:
    """Sentences, the most important first; none for a job that does not wait."""
    waiting: dict[str, Any] = shown.get("waiting") or {}
    return [str(reason["sentence"]) for reason in waiting.get("reasons", [])]


def place_in_queue(shown: Mapping[str, Any]) -> str:
    waiting: dict[str, Any] = shown.get("waiting") or {}
    return str(waiting.get("place") or "")
