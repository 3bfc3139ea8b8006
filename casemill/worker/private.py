"""What we need of Prefect and it does not offer: all of it, with the reason beside it.

tests/worker/test_private.py fails when Prefect changes one of these.
"""

# pyright: reportPrivateUsage=false
# That is what this file is for.

import asyncio
import logging
import ssl
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

import certifi
from prefect import Flow, flow_engine, results
from prefect._internal.concurrency.services import _active_services
from prefect._internal.control_listener import configure_from_env
from prefect._internal.metrics import (
    RunMetrics,  # pyright: ignore[reportUnknownVariableType]  # its flow's result is of no type
)
from prefect.client import orchestration
from prefect.client.schemas.objects import FlowRun
from prefect.engine import _drive_run_flow_result
from prefect.events import Event, RelatedResource
from prefect.events.related import RESOURCE_CACHE
from prefect.runner._control_channel import ControlChannel, ControlSignalStatus
from prefect.settings import Settings, get_current_settings
from prefect.workers.base import BaseJobConfiguration, BaseWorker, BaseWorkerResult

from casemill.models.columns import utc_now
from casemill.worker.orders import Named

if TYPE_CHECKING:
    _Worker = BaseWorker[Any, Any, Any]
else:
    _Worker = object

__all__ = [
    "ControlChannel",
    "ControlSignalStatus",
    "KnownSettings",
    "PrefectsSubmission",
    "drive",
    "fall_silent",
    "lighten",
    "listen_for_intents",
    "read_certificates",
    "remember",
]

# ControlChannel: a run's engine takes a SIGTERM for a crash unless it was told over this channel what it is
# for, and tells over it that it has reported how the run ended: the status of its process then means nothing.


def listen_for_intents() -> None:
    """The other end of the control channel, in the run's process. As `python -m prefect.engine` begins."""
    configure_from_env()


def drive(flow: Flow[..., Any], flow_run: FlowRun, result: object) -> None:
    """Runs what `run_flow` may have returned unrun: generators, coroutines. As `python -m prefect.engine`."""
    with RunMetrics(flow_run, flow):
        _drive_run_flow_result(flow, result)


def lighten(
    hear_suspension: Callable[..., AbstractContextManager[None]], result_storage: UUID | None
) -> None:
    """Takes from the engine in this process what costs every run much and gives it nothing here.

    It waits up to a second for the thread that sends heartbeats to wake up and end; the process ends it too.
    It listens for suspension over a connection of its own, for which the server has to sort all events.
    It reads all certificates for each of its clients, of which there are half a dozen, also for plain http.
    It asks twice for the server's default storage of results, which the worker knows.
    """
    beat = flow_engine._send_heartbeats

    async def read_storage() -> UUID | None:
        return result_storage

    for module, name, ours in (
        (flow_engine, "_send_heartbeats", partial(beat, join_on_exit=False)),
        (flow_engine, "observe_flow_run_suspension", hear_suspension),
        (orchestration, "ssl", _OneContext()),
        (results, "_read_server_default_result_storage_block_id", lambda: result_storage),
        (results, "_aread_server_default_result_storage_block_id", read_storage),
    ):
        setattr(module, name, ours)


def remember(related: Sequence[Named]) -> None:
    """What every event of the run names beside the run, and each process would ask the server for."""
    cache = cast(dict[str, Any], RESOURCE_CACHE)
    for thing in related:
        known = SimpleNamespace(id=thing.id, name=thing.name, tags=thing.tags)
        cache[f"{thing.kind}.{thing.key}"] = ({"kind": thing.kind, "object": known}, utc_now())


def read_certificates() -> None:
    """Once, for all that are forked from this process."""
    _OneContext.make()


class _OneContext:
    """The module `ssl`, but for contexts, of which one is made for each set of arguments."""

    create_default_context = staticmethod(lru_cache(8)(ssl.create_default_context))

    @classmethod
    def make(cls) -> None:
        """The one that Prefect's clients ask for, so that who is forked from here has it."""
        cls.create_default_context(cafile=get_current_settings().api.ssl_cert_file or certifi.where())

    def __getattr__(self, name: str) -> Any:
        return getattr(ssl, name)


async def fall_silent(seconds: float) -> None:
    """Gives the events and logs that are not sent yet so long to be sent, and gives up the rest.

    At its end Prefect would wait for a server that is gone until it comes back, and the process with it.
    """
    services = [service for service in list(_active_services) if service._started and not service._stopped]
    if services:
        await asyncio.wait([asyncio.wrap_future(service._drain()) for service in services], timeout=seconds)
    for service in services:
        if service._loop is not None and service._done_event is not None:
            service._loop.call_soon_threadsafe(service._done_event.set)


class KnownSettings(BaseJobConfiguration):
    """Spells out this process's settings for its runs once. Prefect does it for each, and looks through all
    of them for secrets: of what it takes to submit a run, that is most."""

    _spelled_out: ClassVar[tuple[Settings, dict[str, str]] | None] = None

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        settings = get_current_settings()
        if cls._spelled_out is None or cls._spelled_out[0] is not settings:
            cls._spelled_out = settings, settings.to_environment_variables(exclude_unset=True)
        return cls._spelled_out[1]


class PrefectsSubmission(_Worker):
    """Puts our way of submitting a run in the place of Prefect's, and says what it would have said.

    Prefect's asks the server seven times for each run, calls a run crashed when an answer is missing that
    does not matter, and cannot be told to wait for a server that restarts.
    """

    @abstractmethod
    async def see_through(self, flow_run: FlowRun) -> None:
        """From the moment that Prefect named the run until its process is gone."""

    async def _submit_run(self, flow_run: FlowRun) -> None:
        try:
            await self.see_through(flow_run)
        except Exception:  # the edge of one run: it must not end the worker, and with it all others
            self.get_flow_run_logger(flow_run).exception("The run could not be seen to its end")
        finally:
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)

    def in_hand(self) -> set[UUID]:
        return set(self._submitting_flow_run_ids)

    def slots(self) -> tuple[int, int | None]:
        """Taken, and all there are on this worker."""
        return len(self._submitting_flow_run_ids), self._limit

    def tell_submitted(self, configuration: BaseJobConfiguration) -> Event | None:
        return self._emit_flow_run_submitted_event(configuration)

    def tell_executed(
        self, result: BaseWorkerResult, configuration: BaseJobConfiguration, submitted: Event | None
    ) -> None:
        self._emit_flow_run_executed_event(result, configuration, submitted)

    def worker_resource(self) -> dict[str, str]:
        return self._event_resource()

    def pool_resources(self) -> list[RelatedResource]:
        """None until the pool was read."""
        return self._event_related_resources()

    def log(self) -> logging.Logger | logging.LoggerAdapter[Any]:
        return self._logger
