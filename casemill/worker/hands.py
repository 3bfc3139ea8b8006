"""The runs that a worker has in hand, and what is heard of them meanwhile: that they are to end or wait."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType

from casemill.worker.errands import Errands
from casemill.worker.hand import Hand
from casemill.worker.private import ControlChannel

_LOOK_SECONDS = 10.0
_LET_GO_SECONDS = 2.0


class Hands:
    """By the id of the run. What is heard of others is nothing to this worker."""

    def __init__(self, control: ControlChannel, errands: Errands) -> None:
        self._control = control
        self._errands = errands
        self._hands: dict[UUID, Hand] = {}

    def __len__(self) -> int:
        return len(self._hands)

    def take(self, run: FlowRun) -> Hand:
        hand = self._hands[run.id] = Hand(run)
        return hand

    def of(self, run: FlowRun) -> Hand:
        return self._hands.get(run.id) or self.take(run)

    def leave(self, run_id: UUID) -> None:
        del self._hands[run_id]

    def cancel(self, run_id: UUID, at: datetime) -> None:
        hand = self._hands.get(run_id)
        if hand is not None and not hand.is_cancelled and hand.began_before(at):
            self._errands.begin(hand.cancel(self._control))

    def suspend(self, run_id: UUID, state: State[Any]) -> None:
        hand = self._hands.get(run_id)
        if hand is not None and hand.began_before(state.timestamp):
            self._errands.begin(hand.suspend(state))

    async def let_go(self) -> None:
        """Of all: their processes are gone when this returns."""
        hands = self._hands.values()
        await asyncio.gather(*(hand.let_go(self._control, _LET_GO_SECONDS) for hand in hands))

    async def look_for_asked(self, client: PrefectClient) -> None:
        """Where events are not heard, or one was lost. Until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with suppress(httpx.HTTPError):
                for run in await self._asked(client):
                    if run.state is None:
                        continue
                    if run.state.type != StateType.PAUSED:
                        self.cancel(run.id, run.state.timestamp)
                    elif run.state.name == "Suspended":
                        self.suspend(run.id, run.state)

    async def _asked(self, client: PrefectClient) -> list[FlowRun]:
        ids = [id for id, hand in self._hands.items() if not hand.is_cancelled]
        if not ids:
            return []
        types = FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED, StateType.PAUSED])
        state = FlowRunFilterState(type=types)
        return await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids), state=state)
        )
