"""The flow that a schedule of a batch starts."""

from uuid import UUID, uuid4

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from sqlmodel import col, select

from casemill.models import Batch, BatchSchedule, User
from casemill.models.columns import utc_now
from casemill.monitoring.jobs import jobs_of_batch
from casemill.workspace import Workspace
from flows.scheduled_batch import scheduled_batch
from tests.conftest import NewOwner


@flow(name="extraction-batch")
def batch_flow(batch_id: str = "", case_ids: tuple[str, ...] = ()) -> None:
    pass


def deploy(client: SyncPrefectClient, pool: str) -> None:
    if pool not in {known.name for known in client.read_work_pools()}:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    batch_flow.to_deployment("default").apply(work_pool_name=pool)


def ordered(workspace: Workspace, **user: object) -> BatchSchedule:
    with workspace.database.write() as session:
        session.add(owner := User(name=f"user {uuid4()}", **user))
        session.flush()
        row = BatchSchedule(
            user_id=owner.id, name="nightly", steps=["parse"], cron="0 22 * * *", timezone="UTC"
        )
        session.add(row)
    return row


def kept(workspace: Workspace, schedule_id: UUID) -> BatchSchedule:
    with workspace.database.read() as session:
        return session.get_one(BatchSchedule, schedule_id)


def test_a_scheduled_job_hands_out_its_batch_and_is_done(
    flow_workspace: Workspace, new_case: NewOwner
) -> None:
    new_case(flow_workspace, "Smith v. Jones", letter="a letter")
    schedule = ordered(flow_workspace)
    with get_client(sync_client=True) as client:
        deploy(client, flow_workspace.settings.work_pool)
        state = scheduled_batch(schedule.id, return_state=True)
        with flow_workspace.database.read() as session:
            [batch] = session.exec(select(Batch).order_by(col(Batch.created_at))).all()
        assert state.is_completed() and state.message == f"Batch {batch.id} was started: 1 case"
        assert batch.user_id == schedule.user_id
        [job] = jobs_of_batch(batch.id)
        assert job.state and not job.state.is_final(), "it waits for nobody"
        run = kept(flow_workspace, schedule.id).last_job_id
        assert run and f"user:{schedule.user_id}" in client.read_flow_run(run).tags


def test_the_job_of_a_disabled_user_fails_and_says_so(flow_workspace: Workspace, new_case: NewOwner) -> None:
    new_case(flow_workspace, "Smith v. Jones", letter="a letter")
    schedule = ordered(flow_workspace, disabled_at=utc_now())
    state = scheduled_batch(schedule.id, return_state=True)
    assert state.is_failed() and "is disabled" in str(state.message)
    assert "is disabled" in str(kept(flow_workspace, schedule.id).last_words)
    with flow_workspace.database.read() as session:
        assert session.exec(select(Batch)).all() == []
