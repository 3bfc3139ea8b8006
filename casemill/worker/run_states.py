"""What the worker tells Prefect of the runs it takes. What decides over a run is told until it is heard."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Cancelled, Crashed, Scheduled, Submitting
from prefect.utilities.engine import propose_state

from casemill.worker.patience import patiently

logger = logging.getLogger(__name__)

_COSMETIC_SECONDS = 60.0


class RunStates:
    """Of the runs of one worker."""

    def __init__(self, client: PrefectClient, worker_name: str) -> None:
        self._client = client
        self._taken = f"Taken by worker {worker_name}"

    async def take(self, run: FlowRun) -> bool:
        """Whether the run is ours now. Its state is then as Prefect has it.

        Prefect gives it to one worker only. Where the answer was lost, the message says whose it is.
        """
        state = Submitting(message=self._taken)
        try:
            answer = await patiently(lambda: propose_state(self._client, state, flow_run_id=run.id))
        except Abort as refusal:
            found = await self._read(run.id)
            answer = found.state if found else None
            if answer is None or not self._is_ours(run, answer):
                logger.info("Run %s is not for this worker: %s", run.id, refusal)
                return False
        except httpx.HTTPError:
            logger.warning("Run %s could not be taken; it stays where it is", run.id, exc_info=True)
            return False
        if answer.type != StateType.PENDING:
            return False
        run.state = answer
        return True

    async def tell_worker(self, run: FlowRun, labels: dict[str, Any]) -> None:
        """By this a run is found again whose worker is gone."""
        await self._tell_where(run, lambda: self._client.update_flow_run_labels(run.id, labels))

    async def tell_process(self, run: FlowRun, pid: int) -> None:
        await self._tell_where(run, lambda: self._client.update_flow_run(run.id, infrastructure_pid=str(pid)))

    async def _tell_where(self, run: FlowRun, tell: Callable[[], Awaitable[object]]) -> None:
        """The run goes on where that cannot be said."""
        try:
            await patiently(tell, _COSMETIC_SECONDS)
        except (httpx.HTTPError, ObjectNotFound) as error:
            logger.warning("Run %s goes on, but where it runs is not told: %s", run.id, error)

    async def give_back(self, run: FlowRun) -> None:
        """Of a run that was taken and not begun: another worker may take it."""
        state = Scheduled(message="Given back by a worker that has to be started again")
        with suppress(ObjectNotFound, httpx.HTTPError):
            await patiently(lambda: self._client.set_flow_run_state(run.id, state, force=True))

    async def crashed(self, run: FlowRun, why: str) -> State | None:
        """The state, if it is one: a run that is over by then stays what it is."""
        try:
            state = await patiently(
                lambda: propose_state(self._client, Crashed(message=why), flow_run_id=run.id)
            )
        except (Abort, ObjectNotFound, httpx.HTTPError) as error:
            logger.warning("Run %s is not marked as crashed (%s): %s", run.id, why, error)
            return None
        return state if state.is_crashed() else None

    async def cancelled(self, run: FlowRun, why: str) -> State | None:
        """To be called when its process is gone. A run that came to another end before stays what it is."""
        found = await self._read(run.id)
        if found is None or found.state is None or found.state.is_final():
            return None
        state = Cancelled(message=why)
        try:
            await patiently(lambda: self._client.set_flow_run_state(run.id, state, force=True))
        except (ObjectNotFound, httpx.HTTPError):
            logger.warning("Run %s is not marked as cancelled", run.id, exc_info=True)
            return None
        return state

    async def _read(self, run_id: UUID) -> FlowRun | None:
        try:
            return await patiently(lambda: self._client.read_flow_run(run_id))
        except (ObjectNotFound, httpx.HTTPError):
            return None

    def _is_ours(self, run: FlowRun, state: State) -> bool:
        newer = run.state is None or state.timestamp >= run.state.timestamp
        return state.type == StateType.PENDING and state.message == self._taken and newer
