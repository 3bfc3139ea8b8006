"""A work pool of a test's own, with the deployments in it, and a worker's view of it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.types import DateTime

from casemill.models.columns import utc_now
from casemill.workspace import Workspace


@flow(name="extraction-batch")
def batch_flow(batch_id: str = "", case_ids: tuple[str, ...] = ()) -> None:
    pass


@flow(name="document-pipeline")
def pipeline_flow() -> None:
    pass


def in_own_pool(workspace: Workspace, client: SyncPrefectClient) -> Workspace:
    """The workspace, with its jobs in a pool that nothing else uses."""
    name = f"pool-{uuid4()}"
    client.create_work_pool(WorkPoolCreate(name=name, type="process", concurrency_limit=10))
    for deployed in (batch_flow, pipeline_flow):
        deployed.to_deployment("default").apply(work_pool_name=name)
    return replace(workspace, settings=workspace.settings.model_copy(update={"work_pool": name}))


def next_jobs(client: SyncPrefectClient, workspace: Workspace, limit: int = 50) -> list[UUID]:
    """What a worker that asks now is given, in this order."""
    soon = DateTime.fromtimestamp((utc_now() + timedelta(seconds=10)).timestamp(), "UTC")
    answer = client.get_scheduled_flow_runs_for_work_pool(workspace.settings.work_pool, scheduled_before=soon)
    return [given.flow_run.id for given in answer][:limit]
