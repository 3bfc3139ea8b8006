"""Jobs handed to Prefect, and what Prefect says became of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Completed, Running, Scheduled

from casemill.monitoring.jobs import (
    batch_tag,
    dead_jobs,
    jobs_of_batch,
    label_job,
    submit_batch_job,
    submit_document_pipeline,
    user_queue,
)
from casemill.monitoring.orphans import reschedule_orphans
from casemill.settings import Settings


@flow(name="extraction-batch")
def batch_flow(batch_id: str = "", case_ids: tuple[str, ...] = ()) -> None:
    pass


@flow(name="document-pipeline")
def pipeline_flow() -> None:
    pass


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def settings(client: SyncPrefectClient) -> Iterator[Settings]:
    """Of a pool of its own, with both deployments in it. What then waits of them is nobody's any more."""
    settings = Settings(work_pool=f"pool-{uuid4()}")
    client.create_work_pool(WorkPoolCreate(name=settings.work_pool, type="process"))
    made = [
        deployed.to_deployment("default", tags=["drain"] if deployed is pipeline_flow else []).apply(
            work_pool_name=settings.work_pool
        )
        for deployed in (batch_flow, pipeline_flow)
    ]
    yield settings
    for deployment in made:
        client.delete_deployment(deployment)


def test_a_shard_is_submitted_once_a_round(settings: Settings) -> None:
    batch, case = uuid4(), uuid4()

    def submit(round_id: str) -> object:
        return submit_batch_job(batch, [case], user_id=None, queue=None, round_id=round_id)

    assert submit("first") == submit("first")
    assert submit("first") != submit("second")
    assert {job.parameters["case_ids"][0] for job in jobs_of_batch(batch)} == {str(case)}


def test_a_users_jobs_wait_in_a_queue_with_a_limit(settings: Settings, client: SyncPrefectClient) -> None:
    user = uuid4()
    queue = user_queue(settings, user)
    assert user_queue(settings, user) == queue == f"user-{user}"
    made = client.read_work_queue_by_name(queue, work_pool_name=settings.work_pool)
    assert made.concurrency_limit == 3


def test_a_thousand_uploads_need_few_jobs(settings: Settings, client: SyncPrefectClient) -> None:
    """A job that has not begun will see every upload until it does, so no second one is submitted."""
    waiting = submit_document_pipeline(None, None)
    assert submit_document_pipeline(None, None) == waiting
    client.set_flow_run_state(waiting, Running(), force=True)
    assert submit_document_pipeline(None, None) != waiting


def test_a_scheduled_sweep_of_later_is_not_waited_for(settings: Settings, client: SyncPrefectClient) -> None:
    """The sweep due in a quarter of an hour was taken for the job that reads an upload now."""
    later = client.create_flow_run_from_deployment(
        client.read_deployment_by_name("document-pipeline/default").id,
        state=Scheduled(scheduled_time=datetime.now(UTC) + timedelta(minutes=15)),
        tags=["drain"],
    )
    assert submit_document_pipeline(None, None) != later.id


def test_jobs_that_are_over_or_unknown_are_dead(client: SyncPrefectClient) -> None:
    done, running = (client.create_flow_run(batch_flow).id for _ in range(2))
    unknown = uuid4()
    client.set_flow_run_state(done, Completed(), force=True)
    client.set_flow_run_state(running, Running(), force=True)
    assert dead_jobs({done, running, unknown}) == {done, unknown}
    assert dead_jobs(set()) == set()


def test_a_job_started_by_hand_gets_its_labels(client: SyncPrefectClient) -> None:
    run = client.create_flow_run(batch_flow, tags=["mine"]).id
    batch = batch_tag(uuid4())
    label_job(run, [batch])
    label_job(run, [batch])
    assert set(client.read_flow_run(run).tags) == {"mine", batch}


@pytest.mark.parametrize(
    ("worker", "pid", "after"),
    [("here", "", "SCHEDULED"), ("here", "999999999", "SCHEDULED"), ("elsewhere", "", "RUNNING")],
    ids=["no process was begun", "its process is gone", "another host's"],
)
def test_jobs_whose_process_is_gone_go_on(
    settings: Settings, client: SyncPrefectClient, worker: str, pid: str, after: str
) -> None:
    run = submit_batch_job(uuid4(), [uuid4()], user_id=None, queue=None, round_id="only")
    client.update_flow_run_labels(run, {"prefect.worker.name": worker})
    client.set_flow_run_state(run, Running(), force=True)
    client.update_flow_run(run, infrastructure_pid=pid or None)
    assert reschedule_orphans(settings.work_pool, "here") == (after == "SCHEDULED")
    assert client.read_flow_run(run).state_type == after
