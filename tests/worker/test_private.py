"""What casemill/worker/private.py takes for granted of Prefect: this fails when Prefect changes it."""

import asyncio
import inspect
import ssl
from contextlib import nullcontext
from types import ModuleType
from typing import Any
from uuid import uuid4

import anyio
import pytest
from prefect import _flow_run_suspension, flow_engine, results
from prefect._internal import control_listener
from prefect._internal.concurrency.services import QueueService
from prefect.client import orchestration
from prefect.client.orchestration import SyncPrefectClient
from prefect.context import FlowRunContext
from prefect.events import related
from prefect.filesystems import LocalFileSystem
from prefect.runner._control_channel import ControlChannel, ControlSignalStatus
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.base import BaseJobConfiguration, BaseWorker

from casemill.worker import private
from casemill.worker.orders import Named
from casemill.worker.worker import WarmWorker


@pytest.fixture
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `lighten` replaces is put back."""
    replaced: list[tuple[ModuleType, str]] = [
        (flow_engine, "_send_heartbeats"),
        (flow_engine, "observe_flow_run_suspension"),
        (orchestration, "ssl"),
        (results, "_read_server_default_result_storage_block_id"),
        (results, "_aread_server_default_result_storage_block_id"),
    ]
    for module, name in replaced:
        monkeypatch.setattr(module, name, getattr(module, name))


def test_submission_is_where_we_put_ours() -> None:
    """A run that Prefect named comes to `_submit_run`, with a slot and a mark that we give back."""
    submitting = inspect.getsource(BaseWorker._submit_scheduled_flow_runs)
    assert "self._submitting_flow_run_ids.add(flow_run.id)" in submitting
    assert "self._limiter.acquire_on_behalf_of_nowait(flow_run.id)" in submitting
    assert "self._submit_run," in submitting
    assert list(inspect.signature(BaseWorker._submit_run).parameters) == ["self", "flow_run"]
    assert list(inspect.signature(BaseWorker._release_limit_slot).parameters) == ["self", "flow_run_id"]
    assert WarmWorker._submit_run is private.PrefectsSubmission._submit_run


def test_the_events_that_prefects_worker_tells_are_told_by_these() -> None:
    told = inspect.getsource(BaseWorker._submit_run_and_capture_errors)
    assert "self._emit_flow_run_submitted_event(configuration)" in told
    assert "self._emit_flow_run_executed_event(result, configuration, submitted_event)" in told
    health = inspect.signature(BaseWorker._event_related_resources).parameters
    assert health["configuration"].default is None, "the pool alone is told with the worker's health"


def test_a_run_gets_the_settings_of_this_process_as_prefect_spells_them_out() -> None:
    assert "**self._base_environment()," in inspect.getsource(BaseJobConfiguration.prepare_for_flow_run)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        assert private.KnownSettings._base_environment() == BaseJobConfiguration._base_environment()
        with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:2/api"}):
            assert private.KnownSettings._base_environment()["PREFECT_API_URL"] == "http://127.0.0.1:2/api"


class Stuck(QueueService[int]):
    """As events are while the server is gone."""

    async def _handle(self, item: int) -> None:
        await asyncio.Event().wait()


def test_what_cannot_be_said_is_given_up() -> None:
    """Prefect's own way to end is to wait for it, when the interpreter ends too."""
    service = Stuck.instance()
    service.send(1)
    anyio.run(private.fall_silent, 0.1)
    assert service._drain(at_exit=True).result(60) in (True, False)
    assert "self.drain(at_exit=True)" in inspect.getsource(Stuck._at_exit)


def test_an_intent_needs_a_process_that_listens() -> None:
    async def told() -> ControlSignalStatus:
        async with ControlChannel() as channel:
            run_id = uuid4()
            port, token = channel.register(run_id)
            assert port > 0
            assert token
            assert channel.get_conclusion(run_id) is None
            status = await channel.signal(run_id, "cancel")
            channel.unregister(run_id)
            return status

    assert anyio.run(told) is ControlSignalStatus.NOT_ACKNOWLEDGED
    assert 'os.environ.pop("PREFECT__CONTROL_PORT"' in inspect.getsource(control_listener.configure_from_env)


def test_the_engine_uses_what_is_made_lighter(as_it_was: None) -> None:
    """Where it is looked up, by that name, with these arguments."""
    engine = inspect.getsource(flow_engine)
    assert "with _send_heartbeats(self):" in engine
    assert "observe_flow_run_suspension(\n" in engine
    assert "join_on_exit" in inspect.signature(flow_engine._send_heartbeats).parameters
    observed = inspect.signature(_flow_run_suspension.observe_flow_run_suspension).parameters
    assert list(observed)[:2] == ["flow_run_id", "suspension_request"]
    assert hasattr(_flow_run_suspension.FlowRunSuspensionRequest(), "mark_requested")


def test_clients_share_one_tls_context(as_it_was: None) -> None:
    made: list[Any] = []
    private.lighten(lambda *_: nullcontext(), None)
    for _ in range(2):
        with SyncPrefectClient("http://127.0.0.1:1/api") as client:
            made.append(client._client._transport._pool._ssl_context)
    assert isinstance(made[0], ssl.SSLContext)
    assert made[0] is made[1]


def test_the_default_storage_of_results_is_not_asked_for(as_it_was: None) -> None:
    known = uuid4()
    private.lighten(lambda *_: nullcontext(), known)
    assert results._get_default_persist_result() is True
    assert anyio.run(results._aget_default_persist_result) is True
    private.lighten(lambda *_: nullcontext(), None)
    assert isinstance(results._get_default_result_storage().storage, LocalFileSystem)
    assert isinstance(anyio.run(results._aget_default_result_storage).storage, LocalFileSystem)


def test_what_is_remembered_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related, "RESOURCE_CACHE", private.RESOURCE_CACHE)
    id = str(uuid4())
    private.remember([Named("flow", id, id, "some-flow", ["a tag"])])

    async def asked(_: object) -> None:
        raise AssertionError("was asked for")

    entry = anyio.run(
        lambda: related._get_and_cache_related_object("flow", "flow", asked, id, private.RESOURCE_CACHE)
    )
    resource = related.object_as_related_resource(kind="flow", role="flow", object=entry["object"])
    assert (resource.id, resource.name) == (f"prefect.flow.{id}", "some-flow")
    assert FlowRunContext.get() is None
