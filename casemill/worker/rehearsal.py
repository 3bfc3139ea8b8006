"""What the first run in a process makes Prefect load and build, done once for all that are forked from it."""

from contextlib import suppress
from importlib import import_module

from prefect.client.schemas.actions import FlowRunUpdate, LogCreate
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.events import Event
from pydantic import BaseModel

_LATE = ("anyio._backends._asyncio", "pydantic.v1", "rich._emoji_codes")
"""Imported where they are first needed: to begin an event loop, to look at parameters, to write a log."""

_UNFINISHED: tuple[type[BaseModel], ...] = (FlowRun, TaskRun, FlowRunUpdate, LogCreate, Event)
"""Prefect has the schemas of its models built when they are first used; a run's takes longest."""


def rehearse() -> None:
    """It starts no thread and no event loop."""
    for name in _LATE:
        with suppress(ImportError):
            import_module(name)
    for model in _UNFINISHED:
        model.model_rebuild(raise_errors=False)  # then it is tried again where it is used
