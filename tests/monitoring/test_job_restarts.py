"""A job is retried, restarted, pinned or deleted: what becomes of it, of its ledger and of its results."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Completed, Crashed, Failed, Running
from sqlmodel import select

from casemill.errors import NotFound, Refused
from casemill.models import (
    Attempt,
    AttemptStatus,
    CaseDocument,
    CaseStep,
    Job,
    JobEvent,
    ProcessingStatus,
    StepState,
    TaskAttempt,
)
from casemill.models.columns import utc_now
from casemill.monitoring import job_controls
from casemill.monitoring.reconcile import Reconciler
from casemill.operations import claims
from casemill.steps.all import REGISTRY
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, states, work
from tests.monitoring.steering import Steered, process_for


def failing_batch(workspace: Workspace, new_case: NewOwner) -> tuple[UUID, UUID]:
    """A case that is parsed, and a failed step that blocks the next ones."""
    case = new_case(workspace, "a case", brief="Summary judgment, see 477 U.S. 317 (1986).")
    batch = begin(workspace.database, REGISTRY, [case])
    work(workspace, REGISTRY, batch)
    with workspace.database.write() as session:
        for row in session.exec(select(CaseStep).where(CaseStep.step != "parse")):
            row.state = StepState.FAILED if row.step == "chunk" else StepState.BLOCKED
            session.add(row)
    return batch, case


def test_retry_opens_what_did_not_succeed_and_the_same_job_waits_again(
    workspace: Workspace, prefect_client: SyncPrefectClient, new_case: NewOwner
) -> None:
    steered = Steered(workspace, prefect_client)
    batch, case = failing_batch(workspace, new_case)
    run = steered.run(Running(), Failed(message="1 failed steps"), batch_id=batch, case_ids=[str(case)])
    job_controls.retry(workspace, run)
    assert (steered.shown(run), steered.state(run)) == (("pending", None), "Scheduled")
    assert steered.job(run).error is None
    found = states(workspace.database, case)
    assert found.pop("parse") == "completed"
    assert set(found.values()) == {"pending"}
    steered.set(run, Running())
    steered.refresh(run)
    assert (steered.shown(run), steered.job(run).run_count) == (("running", None), 2)


def test_restart_clears_ledger_and_documents_and_keeps_the_history(
    workspace: Workspace, prefect_client: SyncPrefectClient, new_case: NewOwner
) -> None:
    steered = Steered(workspace, prefect_client)
    batch, case = failing_batch(workspace, new_case)
    untouched = new_case(workspace, "another", letter="Nothing to cite here.")
    other = begin(workspace.database, REGISTRY, [untouched])
    work(workspace, REGISTRY, other)
    run = steered.run(Running(), Completed(), batch_id=batch, case_ids=[str(case)])
    steered.apply()
    with workspace.database.write() as session:
        session.get_one(Job, run).progress = 100
        session.add(TaskAttempt(task_run_id=uuid4(), attempt=1, job_id=run, created_at=utc_now()))
    told = len(steered.feed(run))
    job_controls.restart(workspace, run)
    assert steered.shown(run) == ("pending", None)
    assert steered.job(run).progress == 0
    assert set(states(workspace.database, case).values()) == {"pending"}
    assert set(states(workspace.database, untouched).values()) == {"completed"}
    with workspace.database.read() as session:
        documents = dict(session.exec(select(CaseDocument.case_id, CaseDocument.processing_status)).all())
        tried = session.exec(
            select(CaseStep.attempts).where(CaseStep.case_id == case, CaseStep.step == "parse")
        )
        assert documents == {case: "pending", untouched: "ready"}
        assert tried.one() == 1
        assert session.exec(select(TaskAttempt).where(TaskAttempt.job_id == run)).one()
    assert len(steered.feed(run)) > told
    work(workspace, REGISTRY, batch)
    assert set(states(workspace.database, case).values()) == {"completed"}


def test_restart_leaves_what_another_job_is_working_on(steered: Steered, new_case: NewOwner) -> None:
    workspace = steered.workspace
    batch, case = failing_batch(workspace, new_case)
    other = Attempt(uuid4())
    with workspace.database.write() as session:
        row = session.exec(select(CaseStep).where(CaseStep.step == "chunk")).one()
        document = session.exec(select(CaseDocument)).one()
        row.state, document.processing_status = StepState.PENDING, ProcessingStatus.PENDING
        session.add_all([row, document])
        session.flush()
        for kind, held in ((claims.STEP, row.id), (claims.CASE_DOCUMENT, document.id)):
            assert claims.claim(session, kind, held, other, timedelta(minutes=1))
    run = steered.run(Running(), Failed(), batch_id=batch, case_ids=[str(case)])
    job_controls.restart(workspace, run)
    assert states(workspace.database, case)["chunk"] == "running"
    with workspace.database.read() as session:
        assert session.exec(select(CaseDocument.processing_status)).one() == "processing"


def test_restart_of_a_reading_job_reads_the_documents_it_was_given_again(
    steered: Steered, new_case: NewOwner
) -> None:
    workspace = steered.workspace
    case = new_case(workspace, "a case", brief="One.", reply="Two.")
    work(workspace, REGISTRY, begin(workspace.database, REGISTRY, [case], ["parse"]))
    with workspace.database.read() as session:
        ids = dict(session.exec(select(CaseDocument.name, CaseDocument.id)).all())
    run = steered.run(Running(), Completed(), document_ids=[str(ids["brief.pdf"]), "no id"])
    job_controls.restart(workspace, run)
    with workspace.database.read() as session:
        status = dict(session.exec(select(CaseDocument.name, CaseDocument.processing_status)).all())
    assert status == {"brief.pdf": "pending", "reply.pdf": "ready"}


def test_what_cannot_begin_again_is_refused_with_the_reason(steered: Steered) -> None:
    workspace = steered.workspace
    running, done = steered.run(Running()), steered.run(Running(), Completed())
    for again in (job_controls.retry, job_controls.restart):
        with pytest.raises(Refused, match="when it is over"):
            again(workspace, running)
    with pytest.raises(Refused, match="nothing of it failed"):
        job_controls.retry(workspace, done)
    crashed = steered.run(Running(), Crashed())
    with process_for(crashed), pytest.raises(Refused, match="still there"):
        job_controls.retry(workspace, crashed)
    job_controls.retry(workspace, crashed)
    assert steered.shown(crashed) == ("pending", None)


def test_a_deleted_job_is_gone_here_and_there_and_does_not_come_back(
    workspace: Workspace, prefect_client: SyncPrefectClient
) -> None:
    steered = Steered(workspace, prefect_client)
    run = steered.run(Running())
    with pytest.raises(Refused, match="cancel it before"):
        job_controls.delete(workspace, run)
    steered.set(run, Completed())
    steered.refresh(run)
    with workspace.database.write() as session:
        session.add(TaskAttempt(task_run_id=uuid4(), attempt=1, job_id=run, created_at=utc_now()))
    job_controls.delete(workspace, run)
    Reconciler(prefect_client, workspace.database, 20_000).reconcile(utc_now() - timedelta(minutes=1))
    steered.left_by(run)
    with workspace.database.read() as session:
        assert session.get(Job, run) is None
        for model in (TaskAttempt, JobEvent):
            assert session.exec(select(model).where(model.job_id == run)).all() == []
    with pytest.raises(NotFound):
        job_controls.delete(workspace, run)


def test_unpinned_results_go_at_once_if_their_time_is_over(steered: Steered) -> None:
    run = steered.run(Running())
    workspace = steered.workspace
    job_controls.pin(workspace, run, True)
    old = utc_now() - timedelta(hours=1)
    with workspace.database.write() as session:
        session.add(
            TaskAttempt(
                task_run_id=uuid4(),
                attempt=1,
                job_id=run,
                created_at=old,
                finished_at=old,
                status=AttemptStatus.SUCCESS,
                result={"found": 1},
            )
        )
    assert steered.job(run).pinned
    job_controls.pin(workspace, run, False)
    with workspace.database.read() as session:
        assert session.exec(select(TaskAttempt.result).where(TaskAttempt.job_id == run)).one() is None
    with pytest.raises(NotFound):
        job_controls.pin(workspace, uuid4(), True)
