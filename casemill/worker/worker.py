"""The worker type "casemill": each run in a process forked from one that has Prefect and the flows imported.

    prefect worker start --pool POOL --type casemill

It serves pools of its own type and of Prefect's type "process", which a stock worker serves as well.
"""

import asyncio
import copy
import os
import signal
import tempfile
from collections.abc import Callable, Coroutine, Generator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.utilities.processutils import command_from_string
from prefect.workers.base import BaseWorker, BaseWorkerResult

from casemill.errors import CasemillError
from casemill.worker.code_place import CodePlace, place_of
from casemill.worker.configuration import WarmConfiguration, WarmVariables
from casemill.worker.deaths import cause_of
from casemill.worker.family import forking_is_sound
from casemill.worker.hand import Hand
from casemill.worker.health import tell_health
from casemill.worker.known import Known
from casemill.worker.orders import Named, Order
from casemill.worker.patience import patiently
from casemill.worker.private import ControlChannel, PrefectsSubmission
from casemill.worker.run_states import RunStates
from casemill.worker.wakeups import Wakeups
from casemill.worker.warm_process import OutOfDate, ParentGone
from casemill.worker.warm_processes import WarmProcesses

_KNOWN_SECONDS = 5.0
_GATHER_SECONDS = 0.02  # events come in bursts
_POLL_SECONDS = 5.0  # while events are heard; otherwise as often as Prefect's setting says
_REFRESH_SECONDS = 2.0
_LOOK_FOR_ASKED_SECONDS = 10.0
_LET_GO_SECONDS = 2.0
_HOOK_SECONDS = 60.0


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

    async def setup(self) -> None:
        if not forking_is_sound():
            raise CannotFork(
                "The casemill worker needs Linux: elsewhere a process cannot be forked safely. Start "
                "Prefect's own with --type process; it serves the same pool"
            )
        self._hands: dict[UUID, Hand] = {}
        self._open = AsyncExitStack()
        self._due = asyncio.Event()
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._is_ending = False
        self._control = await self._open.enter_async_context(ControlChannel())
        self._warm = await self._open.enter_async_context(WarmProcesses(_environment))
        self._wakeups = Wakeups(self._due.set, self._cancel, self._suspend)
        self._tasks: set[asyncio.Task[None]] = set()
        await super().setup()
        self._states = RunStates(self.client, self.name)
        self._deployments = Known(
            lambda id: patiently(lambda: self.client.read_deployment(id)), _KNOWN_SECONDS
        )
        self._flows = Known(lambda id: patiently(lambda: self.client.read_flow(id)), _KNOWN_SECONDS)
        self._queues = Known(lambda id: patiently(lambda: self.client.read_work_queue(id)), _KNOWN_SECONDS)
        for service in (
            self._wakeups.run(),
            self._ask_when_due(),
            self._keep_warm(),
            self._look_for_asked(),
        ):
            self._begin(service)

    async def teardown(self, *exc_info: Any) -> None:
        """What starts processes ends before what they are forked from does, so none is left behind."""
        self._is_ending = True
        with anyio.CancelScope(shield=True):
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.gather(
                *(hand.let_go(self._control, _LET_GO_SECONDS) for hand in self._hands.values())
            )
            await super().teardown(*exc_info)
            await self._open.aclose()

    async def sync_with_backend(self) -> None:
        await super().sync_with_backend()
        tell_health(self.worker_resource(), self.slots(), self._warm.health())

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
        hand = self._hands.setdefault(flow_run.id, Hand(flow_run))
        place = await self._place(flow_run)
        with _folder(configuration.working_dir) as folder:
            try:
                order = await self._order(flow_run, configuration, place, folder)
                hand.warm, hand.forked = await self._warm.fork(place.directory, order)
                if task_status is not None:
                    task_status.started(hand.forked.pid)
                if hand.is_cancelled:
                    self._begin(hand.cancel(self._control))
                if hand.suspended is not None:
                    await hand.suspend(hand.suspended)
                return await self._result(hand)
            finally:
                self._control.unregister(flow_run.id)

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
        hand = self._hands[flow_run.id] = Hand(flow_run)
        try:
            configuration = await self._take(hand)
            if configuration is not None:
                await self._run_to_end(hand, configuration)
        finally:
            del self._hands[flow_run.id]
            self._due.set()  # its place is free

    async def _take(self, hand: Hand) -> WarmConfiguration | None:
        """How to start the run, if it is ours to start."""
        try:
            configuration = await self._configure(hand.run)
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
        begun = _Begun(lambda pid: self._begin(self._states.mark(hand.run, pid, self._labels())))
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
        if hand.is_cancelled:
            if state := await self._states.cancelled(hand.run, "Flow run was cancelled successfully."):
                await self._run_hooks(hand, configuration, "cancellation", state)
        elif result.status_code:
            self.get_flow_run_logger(hand.run).error(result.cause)
            if state := await self._states.crashed(hand.run, result.cause):
                await self._run_hooks(hand, configuration, "crashed", state)

    async def _run_hooks(
        self, hand: Hand, configuration: WarmConfiguration, kind: str, state: State[Any]
    ) -> None:
        """In a process of their own, for they are the flow's code. That they fail changes nothing."""
        run = hand.run
        place = await self._place(run)
        if hand.warm is not None and place.entrypoint in hand.warm.without_hooks:
            return
        with _folder(configuration.working_dir) as folder:
            order = await self._order(run, configuration, place, folder)
            order = replace(order, hook=kind, state=state.model_dump_json(), command=None)
            try:
                warm, forked = await self._warm.fork(place.directory, order)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_HOOK_SECONDS):
                        await asyncio.shield(forked.ended)
                        return
                await warm.signal(forked, signal.SIGKILL)
            except ParentGone:
                self.get_flow_run_logger(run).warning(
                    "The hooks for its %s were not run", kind, exc_info=True
                )

    async def _configure(self, run: FlowRun) -> WarmConfiguration:
        """As `BaseJobConfiguration.resolve_for_flow_run`, from what is known."""
        deployment = await self._deployments.get(run.deployment_id) if run.deployment_id else None
        flow = await self._flows.get(run.flow_id)
        pool = copy.deepcopy(self.work_pool)
        values: dict[str, Any] = copy.deepcopy(deployment.job_variables or {}) if deployment else {}
        of_run = dict(run.job_variables or {})
        if isinstance(values.get("env"), dict):
            values["env"].update(of_run.pop("env", {}))
        configuration = await self.job_configuration.from_template_and_values(
            base_job_template=pool.base_job_template, values={**values, **of_run}, client=self.client
        )
        configuration.prepare_for_flow_run(run, deployment, flow, pool, self.name, worker_id=self.backend_id)
        return configuration

    async def _place(self, run: FlowRun) -> CodePlace:
        if run.deployment_id is None:
            return CodePlace()
        return place_of(await self._deployments.get(run.deployment_id))

    async def _order(
        self, run: FlowRun, configuration: WarmConfiguration, place: CodePlace, folder: str
    ) -> Order:
        self._warm.learn(place)
        port, token = self._control.register(run.id)
        more = {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
        command = configuration.own_command
        return Order(
            number=0,
            flow_run_id=str(run.id),
            flow_run=run.model_dump_json(),
            environment=configuration.environment(run, more),
            working_directory=place.directory or folder,
            entrypoint=place.entrypoint,
            command=command_from_string(command) if command else None,
            quiet=not configuration.stream_output,
            related=await self._related(run, configuration),
        )

    async def _related(self, run: FlowRun, configuration: WarmConfiguration) -> list[Named]:
        named = [
            Named(kind, str(thing.id), str(thing.id), thing.name, list(thing.tags))
            for kind, thing in (("flow", configuration.flow), ("deployment", configuration.deployment))
            if thing is not None
        ]
        if run.work_queue_id is not None:
            queue = await self._queues.get(run.work_queue_id)
            named.append(Named("work-queue", str(queue.id), str(queue.id), queue.name))
        pool = self.work_pool
        return [*named, Named("work-pool", pool.name, str(pool.id), pool.name)]

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
        while not self._is_ending:
            try:
                await self._warm.refresh()
            except ParentGone:
                self.log().exception("No process to fork from could be started")
            except OutOfDate as why:
                self.log().warning("%s: it ends when its runs have ended", why)
                self._is_ending = True
            await asyncio.sleep(_REFRESH_SECONDS)
        while self._hands:
            await asyncio.sleep(_REFRESH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    async def _look_for_asked(self) -> None:
        """Where events are not heard, or one was lost."""
        while True:
            await asyncio.sleep(_LOOK_FOR_ASKED_SECONDS)
            asked = [id for id, hand in self._hands.items() if not hand.is_cancelled]
            if not asked:
                continue
            asked_for = [StateType.CANCELLING, StateType.CANCELLED, StateType.PAUSED]
            types = FlowRunFilterStateType(any_=asked_for)
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=asked), state=FlowRunFilterState(type=types))
            with suppress(httpx.HTTPError):
                for run in await self.client.read_flow_runs(flow_run_filter=wanted):
                    if run.state is None:
                        continue
                    if run.state.type != StateType.PAUSED:
                        self._cancel(run.id, run.state.timestamp)
                    elif run.state.name == "Suspended":
                        self._suspend(run.id, run.state)

    def _cancel(self, run_id: UUID, at: datetime) -> None:
        hand = self._hands.get(run_id)
        if hand is not None and not hand.is_cancelled and hand.began_before(at):
            self._begin(hand.cancel(self._control))

    def _suspend(self, run_id: UUID, state: State[Any]) -> None:
        hand = self._hands.get(run_id)
        if hand is not None and hand.began_before(state.timestamp):
            self._begin(hand.suspend(state))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Begun(anyio.abc.TaskStatus[int]):
    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell

    def started(self, value: int | None = None) -> None:
        if value is not None:
            self._tell(value)


@contextmanager
def _folder(given: Path | None) -> Generator[str]:
    """The one given, or a new one that is deleted."""
    if given is not None:
        yield str(given)
        return
    with tempfile.TemporaryDirectory(prefix="casemill-run-", ignore_cleanup_errors=True) as folder:
        yield folder


def _environment() -> dict[str, str]:
    """Of the processes that are forked from: as much of a run's as all have in common."""
    return {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
