"""The worker type "casemill": each run in a process forked from one that has Prefect and the flows imported.

    prefect worker start --pool POOL --type casemill

It serves pools of its own type and of Prefect's type "process", which a stock worker serves as well.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import cached_property
from typing import Any

import anyio
import anyio.abc
import httpx
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.workers.base import BaseWorker, BaseWorkerResult

from casemill.errors import CasemillError
from casemill.worker.code_place import place_of
from casemill.worker.configuration import WarmConfiguration, WarmVariables
from casemill.worker.deaths import cause_of
from casemill.worker.errands import Errands
from casemill.worker.family import forking_is_sound
from casemill.worker.hand import Hand
from casemill.worker.hands import Hands
from casemill.worker.health import Health
from casemill.worker.hooks import Hooks
from casemill.worker.preparation import Preparation
from casemill.worker.private import ControlChannel, PrefectsSubmission, fall_silent
from casemill.worker.run_states import RunStates
from casemill.worker.wakeups import Wakeups
from casemill.worker.warm_process import OutOfDate, ParentGone
from casemill.worker.warm_processes import WarmProcesses

_GATHER_SECONDS = 0.02  # events come in bursts
_POLL_SECONDS = 5.0  # while events are heard; otherwise as often as Prefect's setting says
_REFRESH_SECONDS = 2.0
_LAST_WORDS_SECONDS = 2.0
_MOMENT_SECONDS = 1.0


class CannotFork(CasemillError):
    pass


class WarmResult(BaseWorkerResult):
    """status_code is 0 where the run itself has told how it ended, whatever its process did then."""

    cause: str = ""


class WarmWorker(PrefectsSubmission, BaseWorker[WarmConfiguration, WarmVariables, WarmResult]):
    type = "casemill"
    job_configuration = WarmConfiguration
    job_configuration_variables = WarmVariables
    _display_name = "Casemill"
    _description = (
        "Forks each run from a process that has Prefect and the flows imported, so that it starts at once."
    )

    def get_name_slug(self) -> str:
        """It is part of every event."""
        return self._name_slug

    @cached_property
    def _name_slug(self) -> str:
        return super().get_name_slug()

    async def setup(self) -> None:
        if not forking_is_sound():
            raise CannotFork(
                "The casemill worker needs Linux: elsewhere a process cannot be forked safely. Start "
                "Prefect's own with --type process; it serves the same pool"
            )
        serving = asyncio.current_task()
        assert serving is not None
        self._end_serving = serving.cancel
        self._open = AsyncExitStack()
        self._due = asyncio.Event()
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._is_ending = False
        self._errands = Errands()
        self._control = await self._open.enter_async_context(ControlChannel())
        self._warm = await self._open.enter_async_context(WarmProcesses(_environment))
        self._hands = Hands(self._control, self._errands)
        self._wakeups = Wakeups(self._due.set, self._hands.cancel, self._hands.suspend)
        self._health = Health(self.slots, self._warm.health)
        await super().setup()
        self._states = RunStates(self.client, self.name)
        self._preparation = Preparation(self, self._control, self._warm.learn)
        self._hooks = Hooks(self._preparation, self._warm)
        for service in (
            self._wakeups.run(),
            self._ask_when_due(),
            self._keep_warm(),
            self._hands.look_for_asked(self.client),
        ):
            self._errands.begin(service)

    async def teardown(self, *exc_info: Any) -> None:
        """What starts processes ends before what they are forked from does, so none is left behind."""
        self._is_ending = True
        try:
            with anyio.CancelScope(shield=True):
                await asyncio.gather(self._errands.end(), self._hands.let_go())
            await super().teardown(*exc_info)  # it leaves scopes that it entered outside of ours
        finally:
            with anyio.CancelScope(shield=True):
                await self._open.aclose()
                await fall_silent(_LAST_WORDS_SECONDS)

    async def sync_with_backend(self) -> None:
        await super().sync_with_backend()
        self._health.tell(self.worker_resource(), self.pool_resources())

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Asks Prefect for what is due; seldom where its events say when to."""
        now = asyncio.get_running_loop().time()
        if self._wakeups.is_listening and now - self._asked_at < _POLL_SECONDS:
            return []
        return await self._ask()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmResult:
        """Returns when the run's process is gone. Raises ParentGone if none could be had."""
        hand = self._hands.of(flow_run)
        place = await self._preparation.place(flow_run)
        async with self._preparation.ordered(flow_run, configuration, place) as order:
            hand.warm, hand.forked = await self._warm.fork(place.directory, order)
            if task_status is not None:
                task_status.started(hand.forked.pid)
            if hand.is_cancelled:
                self._errands.begin(hand.cancel(self._control))
            if hand.suspended is not None:
                await hand.suspend(hand.suspended)
            return await self._result(hand)

    async def _result(self, hand: Hand) -> WarmResult:
        assert hand.forked is not None
        pid = str(hand.forked.pid)
        try:
            ended = await asyncio.shield(hand.forked.ended)
            status, cause = ended.status, cause_of(ended, hand.is_cancelled)
        except ParentGone as gone:
            status, cause = -signal.SIGKILL, str(gone)
        if self._control.get_conclusion(hand.run.id) is not None:
            return WarmResult(identifier=pid, status_code=0)
        return WarmResult(identifier=pid, status_code=status, cause=cause)

    async def see_through(self, flow_run: FlowRun) -> None:
        hand = self._hands.take(flow_run)
        try:
            configuration = await self._take(hand)
            if configuration is not None:
                await self._run_to_end(hand, configuration)
        finally:
            self._hands.leave(flow_run.id)
            self._due.set()  # its place is free

    async def _take(self, hand: Hand) -> WarmConfiguration | None:
        """How to start the run, if it is ours to start."""
        try:
            configuration = await self._preparation.configure(hand.run)
        except ObjectNotFound:
            await self._states.cancelled(
                hand.run, "Its deployment is gone, so what it would have run is not known"
            )
            return None
        if not await self._states.take(hand.run):
            return None
        if hand.is_cancelled:
            await self._states.cancelled(hand.run, "Cancelled before it began")
            return None
        return configuration

    async def _run_to_end(self, hand: Hand, configuration: WarmConfiguration) -> None:
        submitted = self.tell_submitted(configuration)
        begun = _Begun(lambda pid: self._errands.begin(self._tell_where(hand, pid)))
        try:
            result = await self.run(hand.run, configuration, begun)
        except OutOfDate:
            await self._states.give_back(hand.run)
            return
        except Exception as error:  # the edge of one run
            self.get_flow_run_logger(hand.run).exception("The run could not be started")
            await self._states.crashed(hand.run, f"It could not be started: {type(error).__name__}: {error}")
            return
        self.tell_executed(result, configuration, submitted)
        if hand.is_let_go:
            return
        state = None
        if hand.is_cancelled:
            state = await self._states.cancelled(hand.run, "Flow run was cancelled successfully.")
        elif result.status_code:
            self.get_flow_run_logger(hand.run).error(result.cause)
            state = await self._states.crashed(hand.run, result.cause)
        if state is not None:
            await self._hooks.run(hand, configuration, state)

    async def _tell_where(self, hand: Hand, pid: int) -> None:
        """Its process once it has taken a moment: that of a short run is gone before anybody looks for it."""
        await self._states.tell_worker(hand.run, self._labels())
        await asyncio.sleep(_MOMENT_SECONDS)
        if hand.forked is not None and not hand.forked.ended.done():
            await self._states.tell_process(hand.run, pid)

    def _labels(self) -> dict[str, Any]:
        return {
            "prefect.worker.name": self.name,
            "prefect.worker.type": self.type,
            "prefect.work-pool.name": self.work_pool.name,
            "prefect.work-pool.id": str(self.work_pool.id),
        }

    async def _ask(self) -> list[FlowRun]:
        if self._is_ending:
            return []
        async with self._asking:  # two answers to the same question would overtake each other
            self._asked_at = asyncio.get_running_loop().time()
            return await super().get_and_submit_flow_runs()

    async def _ask_when_due(self) -> None:
        while True:
            await self._due.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._due.clear()
            try:
                await self._ask()
            except httpx.HTTPError as error:
                self.log().warning("Asking for runs failed: %s", error)

    async def _keep_warm(self) -> None:
        """Ahead of the first run, and whenever code changes."""
        with suppress(httpx.HTTPError):
            for deployment in await self.client.read_deployments(
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
            ):
                self._warm.learn(place_of(deployment))
        is_current = True
        while is_current:
            try:
                await self._warm.refresh()
            except ParentGone:
                self.log().exception("No process to fork from could be started")
            except OutOfDate as why:
                self.log().warning("%s: it ends when its runs have ended", why)
                self._is_ending, is_current = True, False
            if self._health.is_news():
                self._health.tell(self.worker_resource(), self.pool_resources())
            await asyncio.sleep(_REFRESH_SECONDS)
        while self._hands:
            await asyncio.sleep(_REFRESH_SECONDS)
        self._end_serving()  # no signal: in the background of a shell, the one that ends Prefect's is ignored


class _Begun(anyio.abc.TaskStatus[int]):
    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell

    def started(self, value: int | None = None) -> None:
        if value is not None:
            self._tell(value)


def _environment() -> dict[str, str]:
    """Of the processes that are forked from: as much of a run's as all have in common."""
    return {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
