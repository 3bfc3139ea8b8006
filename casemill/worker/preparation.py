"""What a run needs to be started: how, from which code, and the order for its process."""

import asyncio
import copy
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.processutils import command_from_string
from prefect.workers.base import BaseWorker

from casemill.worker.code_place import CodePlace, place_of
from casemill.worker.configuration import WarmConfiguration
from casemill.worker.known import Known
from casemill.worker.orders import Named, Order
from casemill.worker.patience import patiently
from casemill.worker.private import ControlChannel

_KNOWN_SECONDS = 5.0


class Preparation:
    """Of the runs of one worker. Asks Prefect for what their deployments, flows and queues are."""

    def __init__(
        self,
        worker: BaseWorker[Any, Any, Any],
        control: ControlChannel,
        learn: Callable[[CodePlace], None],
    ) -> None:
        self._worker = worker
        self._control = control
        self._learn = learn
        client = worker.client
        self._deployments = Known(lambda id: patiently(lambda: client.read_deployment(id)), _KNOWN_SECONDS)
        self._flows = Known(lambda id: patiently(lambda: client.read_flow(id)), _KNOWN_SECONDS)
        self._queues = Known(lambda id: patiently(lambda: client.read_work_queue(id)), _KNOWN_SECONDS)
        self._result_storage = Known(self._read_result_storage, _KNOWN_SECONDS)

    async def configure(self, run: FlowRun) -> WarmConfiguration:
        """As `BaseJobConfiguration.resolve_for_flow_run`, from what is known. Raises ObjectNotFound."""
        await self._look_up(run)
        worker = self._worker
        deployment = await self._deployments.get(run.deployment_id) if run.deployment_id else None
        flow = await self._flows.get(run.flow_id)
        pool = copy.deepcopy(worker.work_pool)
        values: dict[str, Any] = copy.deepcopy(deployment.job_variables or {}) if deployment else {}
        of_run = dict(run.job_variables or {})
        if isinstance(values.get("env"), dict):
            values["env"].update(of_run.pop("env", {}))
        configuration = await WarmConfiguration.from_template_and_values(
            base_job_template=pool.base_job_template, values={**values, **of_run}, client=worker.client
        )
        configuration.prepare_for_flow_run(
            run, deployment, flow, pool, worker.name, worker_id=worker.backend_id
        )
        return configuration

    async def _look_up(self, run: FlowRun) -> None:
        """Asks at once for all that is not known. What has no answer is asked for again where it is used."""
        questions: list[Awaitable[object]] = [
            self._flows.get(run.flow_id),
            self._result_storage.get(self._worker.work_pool.id),
        ]
        if run.deployment_id is not None:
            questions.append(self._deployments.get(run.deployment_id))
        if run.work_queue_id is not None:
            questions.append(self._queues.get(run.work_queue_id))
        await asyncio.gather(*questions, return_exceptions=True)

    async def place(self, run: FlowRun) -> CodePlace:
        if run.deployment_id is None:
            return CodePlace()
        return place_of(await self._deployments.get(run.deployment_id))

    @asynccontextmanager
    async def ordered(
        self, run: FlowRun, configuration: WarmConfiguration, place: CodePlace
    ) -> AsyncGenerator[Order]:
        """For as long as the process has its folder, and its engine is listened to."""
        self._learn(place)
        related = await self._related(run, configuration)
        storage = await self._result_storage.get(self._worker.work_pool.id)
        port, token = self._control.register(run.id)
        more = {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
        command = configuration.own_command
        try:
            with _folder(configuration.working_dir) as folder:
                yield Order(
                    number=0,
                    flow_run_id=str(run.id),
                    flow_run=run.model_dump_json(),
                    environment=configuration.environment(run, more),
                    working_directory=place.directory or folder,
                    entrypoint=place.entrypoint,
                    command=command_from_string(command) if command else None,
                    quiet=not configuration.stream_output,
                    result_storage=str(storage) if storage else None,
                    related=related,
                )
        finally:
            self._control.unregister(run.id)

    async def _read_result_storage(self, _pool_id: UUID) -> UUID | None:
        """Of all pools alike. None where the server does not tell, as for Prefect's engine."""
        try:
            found = await patiently(self._worker.client.read_server_default_result_storage)
        except httpx.HTTPError:
            return None
        return found.default_result_storage_block_id

    async def _related(self, run: FlowRun, configuration: WarmConfiguration) -> list[Named]:
        named = [
            Named(kind, str(thing.id), str(thing.id), thing.name, list(thing.tags))
            for kind, thing in (("flow", configuration.flow), ("deployment", configuration.deployment))
            if thing is not None
        ]
        if run.work_queue_id is not None:
            queue = await self._queues.get(run.work_queue_id)
            named.append(Named("work-queue", str(queue.id), str(queue.id), queue.name))
        pool = self._worker.work_pool
        return [*named, Named("work-pool", pool.name, str(pool.id), pool.name)]


@contextmanager
def _folder(given: Path | None) -> Generator[str]:
    """The one given, or a new one that is deleted."""
    if given is not None:
        yield str(given)
        return
    with tempfile.TemporaryDirectory(prefix="casemill-run-", ignore_cleanup_errors=True) as folder:
        yield folder
