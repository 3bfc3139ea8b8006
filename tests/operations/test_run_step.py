"""A step of a case runs under a claim; whatever happens, the ledger says what became of it."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.errors import LostClaim
from casemill.models import Attempt, Batch, Case, CaseStep, StepState
from casemill.models.columns import utc_now
from casemill.operations import claims
from casemill.operations.run_step import StepOutcome, StepUnfinished, reopen, run_step
from casemill.search.contract import SearchUnavailable
from casemill.steps.context import StepContext, StepTimedOut
from casemill.steps.registry import StepNotRegistered, StepRegistry
from casemill.storage.contract import StorageUnavailable
from casemill.workspace import Workspace
from tests.concurrency import FickleDatabase
from tests.conftest import NewOwner
from tests.ledger import begin, chain_of, do_nothing, raising, row_of, states

ME = Attempt(uuid4())


@pytest.fixture
def case(workspace: Workspace, new_case: NewOwner) -> UUID:
    return new_case(workspace)


def run(
    workspace: Workspace,
    registry: StepRegistry,
    case_id: UUID,
    step: str,
    attempt: Attempt = ME,
    tries_left: int = 0,
) -> StepOutcome:
    row_id = row_of(workspace.database, case_id, step).id
    assert row_id is not None
    return run_step(workspace, registry, row_id, attempt, tries_left)


def give_result(session, text: str) -> None:
    """Stands for what a step finds out."""
    session.add(Case(name=f"result: {text}"))


def results(workspace: Workspace) -> list[str]:
    with workspace.database.read() as session:
        names = session.exec(select(Case.name)).all()
        return sorted(name.removeprefix("result: ") for name in names if name.startswith("result: "))


def test_a_step_that_ends_well_is_completed(workspace: Workspace, case: UUID):
    def read(context: StepContext) -> None:
        assert context.case.id == case
        for done in (1, 2, 3):
            with context.saving(done, 3) as session:
                give_result(session, f"page {done}")
            now = row_of(workspace.database, case, "read")
            assert (now.done, now.total) == (done, 3)
            assert (now.state == StepState.COMPLETED) == (done == 3)

    registry = chain_of(read=read, cut=do_nothing)
    begin(workspace.database, registry, [case])
    before = utc_now()
    assert run(workspace, registry, case, "read") == StepOutcome.COMPLETED
    row = row_of(workspace.database, case, "read")
    assert before <= row.started_at <= row.finished_at <= utc_now()
    assert (row.attempts, row.error_type, row.error, row.traceback) == (1, None, None, None)
    assert results(workspace) == ["page 1", "page 2", "page 3"]
    assert row_of(workspace.database, case, "cut").state == StepState.PENDING


def test_a_result_and_its_completion_are_stored_together_or_not_at_all(workspace: Workspace, case: UUID):
    def read(context: StepContext) -> None:
        with context.saving(1, 1) as session:
            give_result(session, "half of it")
            session.flush()
            raise KeyboardInterrupt

    registry = chain_of(read=read)
    begin(workspace.database, registry, [case])
    with pytest.raises(KeyboardInterrupt):
        run(workspace, registry, case, "read")
    assert results(workspace) == []
    assert row_of(workspace.database, case, "read").state == StepState.PENDING


def test_a_completed_step_is_not_run_again(workspace: Workspace, case: UUID):
    runs: list[StepContext] = []

    def read(context: StepContext) -> None:
        runs.append(context)
        context.saved(1, 1)

    registry = chain_of(read=read)
    begin(workspace.database, registry, [case])
    assert run(workspace, registry, case, "read") == StepOutcome.COMPLETED
    assert run(workspace, registry, case, "read", Attempt(uuid4())) == StepOutcome.ALREADY_DONE
    assert len(runs) == 1


def test_a_step_that_another_job_works_on_is_left_to_it(workspace: Workspace, case: UUID):
    other = Attempt(uuid4())

    def read(context: StepContext) -> None:
        if context.attempt == other:
            assert run(workspace, registry, case, "read") == StepOutcome.ELSEWHERE
        context.saved(1, 1)

    registry = chain_of(read=read)
    begin(workspace.database, registry, [case])
    assert run(workspace, registry, case, "read", other) == StepOutcome.COMPLETED
    assert row_of(workspace.database, case, "read").claimed_by == other.run_id


@pytest.mark.parametrize("error", [StorageUnavailable("the bucket is away"), SearchUnavailable("locked")])
def test_what_may_pass_by_itself_is_tried_again(workspace: Workspace, case: UUID, error: Exception):
    troubles = [error]

    def read(context: StepContext) -> None:
        if troubles:
            raise troubles.pop()
        context.saved(1, 1)

    registry = chain_of(read=read, cut=do_nothing)
    begin(workspace.database, registry, [case])
    with pytest.raises(type(error)):
        run(workspace, registry, case, "read", tries_left=1)
    row = row_of(workspace.database, case, "read")
    assert (row.state, row.error_type, row.error) == (StepState.PENDING, type(error).__name__, str(error))
    assert row_of(workspace.database, case, "cut").state == StepState.PENDING
    assert run(workspace, registry, case, "read") == StepOutcome.COMPLETED
    assert row_of(workspace.database, case, "read").attempts == 2


def test_a_completed_step_tells_of_no_error(workspace: Workspace, case: UUID):
    """The results of a batch listed "Not run: step 'read' failed" beside a step that was completed, because
    the words of an earlier try stayed in the row."""
    troubles = [ValueError("an odd page")]

    def read(context: StepContext) -> None:
        if troubles:
            raise troubles.pop()
        context.saved(1, 1)

    registry = chain_of(read=read, cut=do_nothing)
    batch_id = begin(workspace.database, registry, [case])
    with pytest.raises(ValueError, match="an odd page"):
        run(workspace, registry, case, "read")
    assert row_of(workspace.database, case, "cut").error == "Not run: step 'read' failed"
    with workspace.database.write() as session:
        assert reopen(session, batch_id) == 2
    for step in ("read", "cut"):
        run(workspace, registry, case, step)
        row = row_of(workspace.database, case, step)
        assert (row.state, row.error_type, row.error, row.traceback) == (
            StepState.COMPLETED,
            None,
            None,
            None,
        )


@pytest.mark.parametrize(
    ("error", "tries_left"),
    [(StorageUnavailable("away for good"), 0), (ValueError("an odd page"), 3), (AssertionError(), 3)],
)
def test_a_step_that_finally_failed_says_why(
    workspace: Workspace, case: UUID, error: Exception, tries_left: int
):
    registry = chain_of(read=raising(error))
    begin(workspace.database, registry, [case])
    with pytest.raises(type(error)):
        run(workspace, registry, case, "read", tries_left=tries_left)
    row = row_of(workspace.database, case, "read")
    assert row.state == StepState.FAILED
    assert row.error_type == type(error).__name__
    assert row.error == (str(error) or "AssertionError")
    assert row.traceback.startswith("Traceback")
    assert "in step\n    raise error" in row.traceback
    assert row.traceback.endswith("".join(traceback.format_exception_only(error)))
    assert row.finished_at is not None


def test_what_depends_on_a_failed_step_is_blocked_and_nothing_else(
    workspace: Workspace, case: UUID, new_case: NewOwner
):
    registry = chain_of(read=raising(ValueError("odd")), cut=do_nothing, show=do_nothing)
    registry.step("count", "Needs nothing")(do_nothing)
    other = new_case(workspace)
    begin(workspace.database, registry, [case, other])
    with pytest.raises(ValueError, match="odd"):
        run(workspace, registry, case, "read")
    assert states(workspace.database, case) == {
        "read": StepState.FAILED,
        "cut": StepState.BLOCKED,
        "show": StepState.BLOCKED,
        "count": StepState.PENDING,
    }
    assert set(states(workspace.database, other).values()) == {StepState.PENDING}
    assert row_of(workspace.database, case, "show").error == "Not run: step 'read' failed"


def test_a_failure_blocks_nothing_in_another_batch(workspace: Workspace, case: UUID):
    registry = chain_of(read=raising(ValueError("odd")), cut=do_nothing)
    first, second = (begin(workspace.database, registry, [case]) for _ in range(2))
    with workspace.database.read() as session:
        row_id = session.exec(
            select(CaseStep.id).where(CaseStep.batch_id == first, CaseStep.step == "read")
        ).one()
    with pytest.raises(ValueError, match="odd"):
        run_step(workspace, registry, row_id, ME, 0)
    with workspace.database.read() as session:
        of_second = session.exec(select(CaseStep.state).where(CaseStep.batch_id == second)).all()
    assert set(of_second) == {StepState.PENDING}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupted_step_did_not_fail(workspace: Workspace, case: UUID, error: BaseException):
    registry = chain_of(read=raising(error), cut=do_nothing)
    begin(workspace.database, registry, [case])
    with pytest.raises(type(error)):
        run(workspace, registry, case, "read")
    row = row_of(workspace.database, case, "read")
    assert (row.state, row.finished_at) == (StepState.PENDING, None)
    assert row_of(workspace.database, case, "cut").state == StepState.PENDING


@pytest.mark.parametrize(
    "forgetful", [lambda context: None, lambda context: context.saved(2, 3)], ids=["nothing", "two of three"]
)
def test_a_step_that_forgets_to_finish_is_a_failed_one(
    workspace: Workspace, case: UUID, forgetful: Callable[[StepContext], None]
):
    registry = chain_of(read=forgetful, cut=do_nothing)
    begin(workspace.database, registry, [case])
    with pytest.raises(StepUnfinished, match="Step 'read' ended without saving its last document"):
        run(workspace, registry, case, "read", tries_left=3)
    assert states(workspace.database, case) == {"read": StepState.FAILED, "cut": StepState.BLOCKED}


def test_an_error_may_quote_anything(workspace: Workspace, case: UUID):
    """An error that quoted a file's name could not be stored: the row stayed claimed, nobody learnt why."""
    registry = chain_of(read=raising(ValueError("cannot open 'a\0\x1b[2J\udcff.pdf'")), cut=do_nothing)
    begin(workspace.database, registry, [case])
    with pytest.raises(ValueError, match="cannot open"):
        run(workspace, registry, case, "read")
    row = row_of(workspace.database, case, "read")
    assert (row.state, row.error) == (StepState.FAILED, "cannot open 'a[2J.pdf'")
    assert row.traceback.endswith("ValueError: cannot open 'a[2J.pdf'\n")


def test_options_that_are_no_longer_known_fail_the_step(workspace: Workspace, case: UUID):
    """Options of a batch from before an upgrade were looked at after the claim and outside of it: the row
    stayed running until its job was dead, and again in the next job, for ever."""
    registry = chain_of(read=do_nothing)
    batch_id = begin(workspace.database, registry, [case])
    with workspace.database.write() as session:
        session.get_one(Batch, batch_id).options = {"an option of old": 1}
    with pytest.raises(ValueError, match="an option of old"):
        run(workspace, registry, case, "read", tries_left=3)
    assert row_of(workspace.database, case, "read").state == StepState.FAILED


def test_a_step_that_is_no_longer_registered_stays_as_it_is(workspace: Workspace, case: UUID):
    begin(workspace.database, chain_of(read=do_nothing), [case])
    with pytest.raises(StepNotRegistered, match="There is no step 'read'; the steps are cut"):
        run(workspace, chain_of(cut=do_nothing), case, "read")
    row = row_of(workspace.database, case, "read")
    assert (row.state, row.claimed_by) == (StepState.PENDING, None)


def hand_over(workspace: Workspace, case: UUID) -> Attempt:
    """Gives the running step to another job, as if the one that runs it were dead."""
    row, other = row_of(workspace.database, case, "read"), Attempt(uuid4())
    with workspace.database.write() as session:
        assert claims.take_back(session, utc_now(), other, dead=[row.claimed_by]) == 1
        assert claims.claim(session, claims.STEP, row.id, other, workspace.lease)
    return other


def test_an_attempt_that_was_given_up_for_dead_cannot_write_its_result(workspace: Workspace, case: UUID):
    owners: list[Attempt] = []

    def read(context: StepContext) -> None:
        with context.saving(1, 3) as session:
            give_result(session, "while it was mine")
        owners.append(hand_over(workspace, case))
        with context.saving(3, 3) as session:
            give_result(session, "when it was not")

    registry = chain_of(read=read, cut=do_nothing)
    begin(workspace.database, registry, [case])
    with pytest.raises(LostClaim):
        run(workspace, registry, case, "read", tries_left=3)
    assert results(workspace) == ["while it was mine"]
    row = row_of(workspace.database, case, "read")
    assert (row.state, row.claimed_by, row.error) == (StepState.RUNNING, owners[0].run_id, None)
    assert row_of(workspace.database, case, "cut").state == StepState.PENDING


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("odd")])
def test_an_attempt_that_was_given_up_for_dead_ends_by_its_own_error(
    workspace: Workspace, case: UUID, error: BaseException
):
    """A job that was told to stop had lost its claim before. The interruption became a LostClaim, one more
    failed step, and the job went on."""
    owners: list[Attempt] = []

    def read(context: StepContext) -> None:
        owners.append(hand_over(workspace, case))
        raise error

    registry = chain_of(read=read, cut=do_nothing)
    begin(workspace.database, registry, [case])
    with pytest.raises(type(error)):
        run(workspace, registry, case, "read")
    row = row_of(workspace.database, case, "read")
    assert (row.state, row.claimed_by, row.error) == (StepState.RUNNING, owners[0].run_id, None)
    assert row_of(workspace.database, case, "cut").state == StepState.PENDING


def test_a_step_is_tried_again_that_could_not_say_it_gave_up(
    desk: Workspace, sqlite_url: str, new_case: NewOwner
):
    """The database restarted under a step. Its row stayed claimed, and the lease of that claim was renewed
    for as long as the job lived; its next try was told that another job works on it."""
    database = FickleDatabase(sqlite_url)
    workspace = replace(desk, database=database)
    case = new_case(workspace)

    def read(context: StepContext) -> None:
        database.is_away = row_of(desk.database, case, "read").attempts == 1
        context.saved(1, 1)

    registry = chain_of(read=read)
    begin(workspace.database, registry, [case])
    with pytest.raises(Exception, match="the database is restarting"):
        run(workspace, registry, case, "read", tries_left=1)
    database.is_away = False
    assert run(workspace, registry, case, "read") == StepOutcome.COMPLETED
    database.close()


def test_what_failed_or_was_blocked_can_wait_again_case_by_case(
    workspace: Workspace, case: UUID, new_case: NewOwner
):
    registry = chain_of(read=raising(ValueError("odd")), cut=do_nothing)
    registry.step("count", "Needs nothing")(do_nothing)
    other = new_case(workspace)
    batch_id = begin(workspace.database, registry, [case, other])
    for each in (case, other):
        run(workspace, registry, each, "count")
        with pytest.raises(ValueError, match="odd"):
            run(workspace, registry, each, "read")
    with workspace.database.write() as session:
        assert reopen(session, batch_id, [case]) == 2
    pending, completed = StepState.PENDING, StepState.COMPLETED
    assert states(workspace.database, case) == {"read": pending, "cut": pending, "count": completed}
    assert states(workspace.database, other)["read"] == StepState.FAILED
    with workspace.database.write() as session:
        assert reopen(session, batch_id, []) == 0
        assert reopen(session, batch_id) == 2


def test_a_step_whose_time_is_over_fails_and_keeps_what_it_saved(desk: Workspace, new_case: NewOwner):
    slow = new_case(desk)
    saved: list[int] = []

    def crawl(context: StepContext) -> None:
        for done in range(1, 1_000):
            context.saved(done, 1_000)
            saved.append(done)

    registry = StepRegistry()
    registry.step("crawl", "Crawl", timeout_seconds=0.2)(crawl)
    begin(desk.database, registry, [slow])
    with pytest.raises(StepTimedOut, match="its time was over"):
        run(desk, registry, slow, "crawl")
    row = row_of(desk.database, slow, "crawl")
    assert (row.state, row.done) == (StepState.FAILED, saved[-1])
