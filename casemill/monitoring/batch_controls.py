"""What people ask of a batch: the same of each of its jobs, and of its ledger where jobs are over.

All raise NotFound for no such batch, Refused with what to do instead where it makes no sense, and
PrefectUnreachable. Whether the batch is theirs to steer is for the caller to know.
"""

from collections.abc import Callable, Collection
from functools import partial
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType
from sqlmodel import Session, col, select

from casemill.errors import Refused
from casemill.models import CaseStep, Job, JobStatus, JobSubStatus, StepState
from casemill.models.columns import utc_now
from casemill.monitoring import job_controls
from casemill.monitoring.batches import submit_missing, submit_open_cases
from casemill.monitoring.cancel_many import cancelling
from casemill.monitoring.each_job import JobResult, each_job
from casemill.monitoring.jobs import is_over, jobs_of_batch
from casemill.monitoring.record_now import record_now
from casemill.operations.batch_progress import batch_named
from casemill.operations.batch_standing import Standing, standings
from casemill.operations.run_step import reopen
from casemill.operations.start_batch import cases_of
from casemill.operations.start_over import clear_ledger, free_claims
from casemill.workspace import Workspace

_SUBMITTED = "Submitted: it works on what is left"
_UNSETTLED = (StepState.PENDING, StepState.RUNNING)
_BROKEN = (StepState.FAILED, StepState.BLOCKED)


def cancel_batch(workspace: Workspace, batch_id: UUID, why: str | None = None) -> list[JobResult]:
    """Those that wait first, so that none of them takes the place of one that ends."""
    with cancelling(workspace, why) as cancel:
        return _ask_all(workspace, batch_id, cancel, "Asked to cancel", "cancel")


def pause_batch(workspace: Workspace, batch_id: UUID) -> list[JobResult]:
    """What runs takes notice between steps; what waits does not begin."""
    return _ask_all(workspace, batch_id, partial(job_controls.pause, workspace), "Asked to pause", "pause")


def resume_batch(workspace: Workspace, batch_id: UUID) -> list[JobResult]:
    """Its paused jobs go on; where it was cancelled or stopped, new jobs go on with what is not done."""
    standing = _now(workspace, batch_id)
    if standing.jobs.active == 0:
        if not standing.ledger.left:
            raise Refused(_nothing_left(standing))
        return _next_round(workspace, batch_id)
    with workspace.database.read() as session:
        paused = list(
            session.exec(
                select(Job.id)
                .where(Job.batch_id == batch_id, Job.status == JobStatus.PAUSED)
                .order_by(col(Job.created_at), col(Job.id))
            )
        )
    if not paused:
        raise Refused(f"The batch is {standing.status}. {standing.why or 'None of its jobs is paused'}")
    return list(each_job(paused, partial(job_controls.resume, workspace), "Goes on"))


def retry_batch(
    workspace: Workspace, batch_id: UUID, case_ids: Collection[UUID] | None = None
) -> list[JobResult]:
    """What failed and what that blocked is tried again, in new jobs; what is completed stays.

    Of these cases alone, where any are named. While jobs of it are still at work, only cases that they are
    through with.
    """
    standing = _now(workspace, batch_id)
    if not standing.ledger.broken and not (standing.ledger.left and not standing.jobs.active):
        raise Refused(
            f"The batch is {standing.status}, and nothing of it has failed; there is nothing to retry"
        )
    with workspace.database.write() as session:
        if standing.jobs.active == 0:
            _free(session, batch_id)
            cases = None if case_ids is None else _broken(session, batch_id, case_ids)
        else:
            cases = _settled_with_failures(session, batch_id)
            if case_ids is not None:
                cases = [case for case in cases if case in case_ids]
        reopen(session, batch_id, cases)
    if cases == []:
        raise Refused(
            "Its jobs still work on the cases in which something failed; retry it when they are over"
            if standing.jobs.active
            else "Nothing has failed in these cases; there is nothing to retry"
        )
    return _next_round(workspace, batch_id, cases)


def restart_batch(workspace: Workspace, batch_id: UUID) -> list[JobResult]:
    """Everything again, completed steps and documents too, in new jobs. Earlier jobs stay in the history."""
    standing = _now(workspace, batch_id)
    if standing.jobs.active:
        raise Refused(f"The batch is {standing.status}; cancel it first, and restart it when it is cancelled")
    with workspace.database.write() as session:
        jobs = _free(session, batch_id)
        # By whichever job: all of them are over
        clear_ledger(session, batch_id, jobs[-1] if jobs else batch_id, cases_of(session, batch_id))
    return _next_round(workspace, batch_id)


def _ask_all(
    workspace: Workspace, batch_id: UUID, act: Callable[[UUID], object], done: str, what: str
) -> list[JobResult]:
    with workspace.database.read() as session:
        batch_named(session, batch_id)
    runs = [run for run in jobs_of_batch(batch_id) if not is_over(run)]
    record_now(workspace, [run.id for run in runs])
    ids = [run.id for run in sorted(runs, key=_waiting_first)]
    ids += [job_id for job_id in _shown_at_work(workspace, batch_id) if job_id not in set(ids)]
    if not ids:
        standing = _now(workspace, batch_id)
        raise Refused(
            f"The batch is {standing.status} and none of its jobs waits or runs; there is nothing to {what}"
        )
    results = list(each_job(ids, act, done))
    if not any(result.done for result in results):
        raise Refused(f"None of its jobs could be asked to {what}. {results[0].detail}")
    return results


def _shown_at_work(workspace: Workspace, batch_id: UUID) -> list[UUID]:
    """Jobs that Prefect calls over while their process is still there."""
    with workspace.database.read() as session:
        at_work = select(Job.id).where(
            Job.batch_id == batch_id,
            Job.status == JobStatus.RUNNING,
            Job.sub_status == JobSubStatus.CANCELLING,
        )
        return list(session.exec(at_work))


def _waiting_first(run: FlowRun) -> int:
    waits = (StateType.SCHEDULED, StateType.PENDING)
    return waits.index(run.state_type) if run.state_type in waits else len(waits)


def _now(workspace: Workspace, batch_id: UUID) -> Standing:
    """By its jobs as Prefect has them at this moment."""
    with workspace.database.read() as session:
        batch_named(session, batch_id)
    record_now(workspace, [run.id for run in jobs_of_batch(batch_id)])
    with workspace.database.read() as session:
        return standings(session, [batch_id], utc_now())[batch_id]


def _nothing_left(standing: Standing) -> str:
    if standing.ledger.broken:
        return "Nothing of the batch is left but what failed; retry it to try that again"
    return "The batch is completed; there is nothing to resume. Restart it to do all of it again"


def _free(session: Session, batch_id: UUID) -> list[UUID]:
    """What the batch's jobs held waits again. To be called when all of them are over; their ids."""
    jobs = list(session.exec(select(Job.id).where(Job.batch_id == batch_id)))
    for job_id in jobs:
        free_claims(session, job_id)
    return jobs


def _settled_with_failures(session: Session, batch_id: UUID) -> list[UUID]:
    mine = CaseStep.batch_id == batch_id
    unsettled = select(CaseStep.case_id).where(mine, col(CaseStep.state).in_(_UNSETTLED))
    broken = select(CaseStep.case_id).where(
        mine, col(CaseStep.state).in_(_BROKEN), col(CaseStep.case_id).not_in(unsettled)
    )
    return list(session.exec(broken.distinct()))


def _broken(session: Session, batch_id: UUID, among: Collection[UUID]) -> list[UUID]:
    found = select(CaseStep.case_id).where(
        CaseStep.batch_id == batch_id,
        col(CaseStep.state).in_(_BROKEN),
        col(CaseStep.case_id).in_(among),
    )
    return list(session.exec(found.distinct()))


def _next_round(workspace: Workspace, batch_id: UUID, cases: list[UUID] | None = None) -> list[JobResult]:
    """New jobs. Who asks twice at once gets the same ones: a round is named after the newest job there is."""
    with workspace.database.read() as session:
        newest = select(Job.id).where(Job.batch_id == batch_id)
        last = session.exec(newest.order_by(col(Job.created_at).desc(), col(Job.id).desc())).first()
    if last is None:
        jobs = submit_missing(workspace, batch_id)
    else:
        jobs = submit_open_cases(workspace, batch_id, cases, round_id=f"after {last}")
    return [JobResult(job_id, True, _SUBMITTED) for job_id in jobs]
