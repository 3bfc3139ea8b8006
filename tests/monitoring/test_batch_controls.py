"""Steering a batch is steering its jobs; where those are over, new ones go on with its ledger."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Completed, Failed, Pending, Running
from sqlmodel import select

from casemill.access.actor import Actor
from casemill.errors import NotFound, Refused
from casemill.models import CaseStep, Role, Scope, StepState, User
from casemill.models.columns import utc_now
from casemill.monitoring.batch_controls import (
    cancel_batch,
    pause_batch,
    restart_batch,
    resume_batch,
    retry_batch,
)
from casemill.monitoring.batches import begin_ordered_batch
from casemill.monitoring.each_job import JobResult
from casemill.monitoring.jobs import jobs_of_batch
from casemill.operations.batch_progress import batch_named
from casemill.operations.batch_standing import standings
from casemill.operations.batch_status import BatchStatus
from casemill.operations.order_batch import BatchOrder
from casemill.workspace import Workspace
from tests.concurrency import at_once
from tests.conftest import NewOwner
from tests.pool import in_own_pool

CONTROLS = [cancel_batch, pause_batch, resume_batch, retry_batch, restart_batch]


@pytest.fixture
def desk_in_pool(desk: Workspace, prefect_client: SyncPrefectClient) -> Workspace:
    return in_own_pool(desk, prefect_client)


@pytest.fixture
def batch(desk_in_pool: Workspace, new_case: NewOwner) -> UUID:
    """Of three cases, in two jobs that wait."""
    with desk_in_pool.database.write() as session:
        session.add(user := User(name="Ada", role=Role.OPERATOR, scope=Scope.OWN))
    cases = [new_case(desk_in_pool, letter=f"letter {number}") for number in range(3)]
    return begin_ordered_batch(desk_in_pool, BatchOrder(cases), Actor.of(user, "token")).ordered.batch.id


def status(workspace: Workspace, batch: UUID) -> BatchStatus:
    with workspace.database.read() as session:
        return standings(session, [batch], utc_now())[batch].status


def set_rows(workspace: Workspace, batch: UUID, state: StepState) -> None:
    with workspace.database.write() as session:
        for row in session.exec(select(CaseStep).where(CaseStep.batch_id == batch)):
            row.state = state
            session.add(row)


def row_states(workspace: Workspace, batch: UUID) -> set[StepState]:
    with workspace.database.read() as session:
        return set(session.exec(select(CaseStep.state).where(CaseStep.batch_id == batch)))


def end(client: SyncPrefectClient, batch: UUID, state: Callable[..., object]) -> None:
    for run in jobs_of_batch(batch):
        client.set_flow_run_state(run.id, state(), force=True)


def types(batch: UUID) -> list[StateType]:
    return sorted(run.state_type for run in jobs_of_batch(batch) if run.state_type)


def all_done(results: list[JobResult]) -> bool:
    return bool(results) and all(result.done for result in results)


def test_jobs_that_wait_are_cancelled_and_new_ones_go_on(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    results = cancel_batch(desk_in_pool, batch, "wrong cases")
    assert len(results) == 2
    assert all_done(results)
    assert types(batch) == [StateType.CANCELLED] * 2
    assert status(desk_in_pool, batch) == BatchStatus.CANCELLED
    with pytest.raises(Refused, match="cancelled and none of its jobs waits or runs"):
        cancel_batch(desk_in_pool, batch)
    assert len(resume_batch(desk_in_pool, batch)) == 2
    assert types(batch) == [StateType.CANCELLED] * 2 + [StateType.SCHEDULED] * 2
    assert status(desk_in_pool, batch) == BatchStatus.PENDING


def test_what_runs_is_cancelling_until_its_process_is_gone(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    first, _ = jobs_of_batch(batch)
    prefect_client.set_flow_run_state(first.id, Pending(), force=True)
    prefect_client.set_flow_run_state(first.id, Running(), force=True)
    assert all_done(cancel_batch(desk_in_pool, batch))
    assert prefect_client.read_flow_run(first.id).state_type == StateType.CANCELLING
    assert status(desk_in_pool, batch) == BatchStatus.CANCELLING


def test_jobs_that_wait_are_paused_and_go_on(desk_in_pool: Workspace, batch: UUID) -> None:
    assert all_done(pause_batch(desk_in_pool, batch))
    assert types(batch) == [StateType.PAUSED] * 2
    assert status(desk_in_pool, batch) == BatchStatus.PAUSED
    with pytest.raises(Refused, match=r"could be asked to pause\. It is paused already"):
        pause_batch(desk_in_pool, batch)
    assert all_done(resume_batch(desk_in_pool, batch))
    assert types(batch) == [StateType.SCHEDULED] * 2
    assert status(desk_in_pool, batch) == BatchStatus.PENDING


def test_each_job_answers_for_itself(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    first, _ = jobs_of_batch(batch)
    prefect_client.set_flow_run_state(first.id, Pending(), force=True)  # a worker is just starting it
    results = {result.job_id: result for result in pause_batch(desk_in_pool, batch)}
    assert not results[first.id].done
    assert "try again in some seconds" in results[first.id].detail
    assert sum(result.done for result in results.values()) == 1


def test_what_failed_is_tried_again_in_new_jobs(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    set_rows(desk_in_pool, batch, StepState.FAILED)
    end(prefect_client, batch, Failed)
    assert all_done(retry_batch(desk_in_pool, batch))
    assert row_states(desk_in_pool, batch) == {StepState.PENDING}
    assert types(batch) == [StateType.FAILED] * 2 + [StateType.SCHEDULED] * 2
    assert status(desk_in_pool, batch) == BatchStatus.PENDING


def test_while_jobs_run_only_cases_that_they_are_through_with_are_tried_again(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    with desk_in_pool.database.write() as session:
        rows = session.exec(select(CaseStep).where(CaseStep.batch_id == batch).order_by("id")).all()
        through, half_way = rows[0].case_id, rows[-1].case_id
        for row in rows:
            if row.case_id == through or row.id == rows[-1].id:
                row.state = StepState.FAILED
                session.add(row)
    before = {run.id for run in jobs_of_batch(batch)}
    retry_batch(desk_in_pool, batch)
    [added] = [run for run in jobs_of_batch(batch) if run.id not in before]
    assert added.parameters["case_ids"] == [str(through)]
    with pytest.raises(Refused, match="still work on the cases"):
        retry_batch(desk_in_pool, batch)
    with desk_in_pool.database.read() as session:
        states = session.exec(select(CaseStep.state).where(CaseStep.case_id == half_way)).all()
    assert StepState.FAILED in states


def test_one_case_is_tried_again_by_itself(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    set_rows(desk_in_pool, batch, StepState.FAILED)
    end(prefect_client, batch, Failed)
    with desk_in_pool.database.read() as session:
        one, other = list(dict.fromkeys(session.exec(select(CaseStep.case_id).order_by("id"))))[:2]
    with pytest.raises(Refused, match="Nothing has failed in these cases"):
        retry_batch(desk_in_pool, batch, {uuid4()})
    [result] = retry_batch(desk_in_pool, batch, {one})
    [added] = [run for run in jobs_of_batch(batch) if run.id == result.job_id]
    assert added.parameters["case_ids"] == [str(one)]
    with desk_in_pool.database.read() as session:
        states = dict(session.exec(select(CaseStep.case_id, CaseStep.state)).all())
    assert (states[one], states[other]) == (StepState.PENDING, StepState.FAILED)
    retry_batch(desk_in_pool, batch, {other})
    assert row_states(desk_in_pool, batch) == {StepState.PENDING, StepState.FAILED}
    assert len(types(batch)) == 4


def test_a_restart_begins_from_scratch_when_all_is_over(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    with pytest.raises(Refused, match="is pending; cancel it first"):
        restart_batch(desk_in_pool, batch)
    set_rows(desk_in_pool, batch, StepState.COMPLETED)
    end(prefect_client, batch, Completed)
    with pytest.raises(Refused, match="completed; there is nothing to resume"):
        resume_batch(desk_in_pool, batch)
    with pytest.raises(Refused, match="nothing of it has failed"):
        retry_batch(desk_in_pool, batch)
    assert all_done(restart_batch(desk_in_pool, batch))
    assert row_states(desk_in_pool, batch) == {StepState.PENDING}
    assert types(batch) == [StateType.COMPLETED] * 2 + [StateType.SCHEDULED] * 2


def test_a_double_click_on_resume_submits_once(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    end(prefect_client, batch, Cancelled)

    def resume(_: int) -> list[JobResult]:
        try:
            return resume_batch(desk_in_pool, batch)
        except Refused:
            return []

    at_once(2, resume)
    assert types(batch) == [StateType.CANCELLED] * 2 + [StateType.SCHEDULED] * 2


def test_new_jobs_keep_the_priority_of_the_batch(
    desk_in_pool: Workspace, batch: UUID, prefect_client: SyncPrefectClient
) -> None:
    with desk_in_pool.database.write() as session:
        found = batch_named(session, batch)
        found.priority = 7
        session.add(found)
    end(prefect_client, batch, Cancelled)
    resume_batch(desk_in_pool, batch)
    tags = [run.tags for run in jobs_of_batch(batch) if run.state_type == StateType.SCHEDULED]
    assert len(tags) == 2
    assert all("priority:7" in given for given in tags)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.__name__)
def test_a_batch_that_does_not_exist_is_not_found(
    desk_in_pool: Workspace, control: Callable[[Workspace, UUID], object]
) -> None:
    with pytest.raises(NotFound, match="No batch"):
        control(desk_in_pool, uuid4())
