"""The flow of a batch: steps as task runs, failures kept apart, the ledger decides what is done."""

from datetime import timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.states import State
from sqlmodel import select

import flows.extraction_batch as module
from casemill.models import Batch, Case, CaseStep
from casemill.models.columns import utc_now
from casemill.monitoring.job_labels import priority_tag
from casemill.monitoring.jobs import batch_tag
from casemill.operations.start_batch import start_batch
from casemill.steps.context import StepContext
from casemill.steps.options import BatchOptions
from casemill.steps.registry import RetryPolicy, StepRegistry
from casemill.storage.contract import StorageUnavailable
from casemill.workspace import Workspace
from flows.extraction_batch import extraction_batch
from tests.conftest import NewOwner
from tests.ledger import chain_of, do_nothing, states


def run(**parameters: object) -> State:
    return extraction_batch(**parameters, return_state=True)


def batch_of(workspace: Workspace) -> UUID:
    with workspace.database.read() as session:
        return session.exec(select(Batch.id)).one()


def test_a_batch_takes_documents_through_all_steps(flow_workspace: Workspace, new_case: NewOwner) -> None:
    case = new_case(flow_workspace, "Roe v. Wade", brief="Summary judgment, see 477 U.S. 317 (1986).")
    state = run(case_ids=[case])
    assert state.is_completed()
    assert set(states(flow_workspace.database, case).values()) == {"completed"}
    assert flow_workspace.index.search('"summary judgment"').hits[0].page == 1


def test_a_case_that_fails_does_not_stop_the_others(
    flow_workspace: Workspace, new_case: NewOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = new_case(flow_workspace, "bad"), new_case(flow_workspace, "good")

    def fail_for_bad(context: StepContext) -> None:
        if context.case.id == bad:
            raise ValueError("this one cannot be done")
        context.saved(0, 0)

    monkeypatch.setattr(module, "REGISTRY", chain_of(first=fail_for_bad, second=do_nothing))
    state = run(case_ids=[bad, good])
    assert state.is_failed()
    assert "1 failed steps" in str(state.message)
    assert states(flow_workspace.database, bad) == {"first": "failed", "second": "blocked"}
    assert states(flow_workspace.database, good) == {"first": "completed", "second": "completed"}


def test_an_error_that_passes_is_tried_again_and_one_that_does_not_is_not(
    flow_workspace: Workspace, new_case: NewOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, hopeless = new_case(flow_workspace, "patient"), new_case(flow_workspace, "hopeless")
    tries: dict[UUID, int] = {patient: 0, hopeless: 0}

    def step(context: StepContext) -> None:
        tries[context.case.id] += 1
        if context.case.id == hopeless:
            raise ValueError("a bug")
        if tries[patient] < 3:
            raise StorageUnavailable("the network is down")
        context.saved(0, 0)

    registry = StepRegistry()
    registry.step("fetch", "Fetch", retry=RetryPolicy(retries=2, first_delay_seconds=0.1))(step)
    monkeypatch.setattr(module, "REGISTRY", registry)
    run(case_ids=[patient, hopeless])
    assert tries == {patient: 3, hopeless: 1}
    assert states(flow_workspace.database, patient) == {"fetch": "completed"}
    assert states(flow_workspace.database, hopeless) == {"fetch": "failed"}


def test_running_it_again_does_only_what_is_not_done(
    flow_workspace: Workspace, new_case: NewOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = new_case(flow_workspace, "resumed")
    ran: list[str] = []

    def first(context: StepContext) -> None:
        ran.append("first")
        context.saved(0, 0)

    def second(context: StepContext) -> None:
        ran.append("second")
        if ran.count("second") == 1:
            raise ValueError("not yet")
        context.saved(0, 0)

    monkeypatch.setattr(module, "REGISTRY", chain_of(first=first, second=second))
    assert run(case_ids=[case]).is_failed()
    assert run(batch_id=batch_of(flow_workspace)).is_completed()
    assert ran == ["first", "second", "second"]


def test_a_large_batch_started_by_hand_leaves_other_shards_to_other_jobs(
    flow_workspace: Workspace, new_case: NewOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This job works on its own shard and waits for nobody: limits cannot deadlock."""
    cases = [new_case(flow_workspace, f"case {number}") for number in range(5)]
    monkeypatch.setattr(module, "REGISTRY", chain_of(only=do_nothing))
    extraction_batch.to_deployment("default").apply()
    assert run(case_ids=cases).is_completed()
    batch = batch_of(flow_workspace)
    with get_client(sync_client=True) as client:
        tagged = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[batch_tag(batch)]))
        )
    waiting = [job for job in tagged if job.state is not None and job.state.is_scheduled()]
    left = [set(job.parameters["case_ids"]) for job in waiting]
    assert sorted(map(len, left)) == [1, 2]
    with flow_workspace.database.read() as session:
        done = session.exec(select(CaseStep.case_id).where(CaseStep.state == "completed")).all()
        names = session.exec(select(Case.name).where(Case.id.in_(done))).all()
    assert sorted(names) == ["case 0", "case 1"]
    assert {str(case) for case in cases} - {str(case) for case in done} == set().union(*left)


def test_the_other_shards_of_an_urgent_batch_are_urgent_too(
    flow_workspace: Workspace, new_case: NewOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [new_case(flow_workspace, f"case {number}") for number in range(3)]
    registry = chain_of(only=do_nothing)
    monkeypatch.setattr(module, "REGISTRY", registry)
    extraction_batch.to_deployment("default").apply()
    with flow_workspace.database.write() as session:
        batch = start_batch(session, registry, cases, (), BatchOptions(), priority=7).id
    assert run(batch_id=batch).is_completed()
    with get_client(sync_client=True) as client:
        urgent = FlowRunFilterTags(all_=[batch_tag(batch), priority_tag(7)])
        [shard] = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=urgent))
    assert shard.expected_start_time is not None
    assert utc_now() - shard.expected_start_time > timedelta(days=365)


def test_in_prefect_a_person_sees_case_and_step(flow_workspace: Workspace, new_case: NewOwner) -> None:
    case = new_case(flow_workspace, "Doe v. Bolton", letter="Nothing to cite here.")
    run(case_ids=[case], steps=["chunk"])
    with get_client(sync_client=True) as client:
        [job] = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                tags=FlowRunFilterTags(all_=[batch_tag(batch_of(flow_workspace)), "type:extraction"])
            )
        )
        names = {task.name for task in client.read_task_runs() if task.flow_run_id == job.id}
    assert job.name.endswith("1 case")
    assert names == {"Doe v. Bolton · parse", "Doe v. Bolton · chunk"}
