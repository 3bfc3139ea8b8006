"""What a job of a batch finds to do: its shard, less what is done, plus what failed before."""

from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.errors import NotFound
from casemill.extraction.contract import Reason
from casemill.models import Attempt, CaseDocument, CaseStep, ProcessingStatus, StepState
from casemill.operations import claims
from casemill.operations.extraction_batch import Share, all_cases, failures
from casemill.operations.run_step import run_step
from casemill.steps.context import StepContext
from casemill.steps.registry import StepRegistry
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, chain_of, states, take_share, work


class Log:
    """Steps parse -> chunk -> index that note what they run on; those in `failing` fail."""

    def __init__(self) -> None:
        self.ran: list[tuple[UUID, str]] = []
        self.failing: set[tuple[UUID, str]] = set()

    @property
    def registry(self) -> StepRegistry:
        return chain_of(**{name: self._step(name) for name in ("parse", "chunk", "index")})

    def _step(self, name: str):
        def step(context: StepContext) -> None:
            self.ran.append((context.case.id, name))
            if (context.case.id, name) in self.failing:
                raise ValueError(f"{name} failed")
            context.saved(1, 1)

        return step


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def cases(workspace: Workspace, new_case: NewOwner) -> list[UUID]:
    return [new_case(workspace, f"case {letter}") for letter in "ABCDE"]


def waiting(share: Share) -> int:
    return share.frontier.waiting


def test_a_job_takes_the_first_shard_and_leaves_the_others(workspace: Workspace, log: Log, cases: list[UUID]):
    batch_id = begin(workspace.database, log.registry, cases)
    mine = take_share(workspace, log.registry, batch_id, Attempt(uuid4()))
    assert mine.case_ids == cases[:2]
    assert mine.other_shards == [cases[2:4], cases[4:]]
    assert set(mine.rows) == {(case, step) for case in cases[:2] for step in ("parse", "chunk", "index")}
    assert mine.case_names == {cases[0]: "case A", cases[1]: "case B"}
    assert mine.batch.id == batch_id


def test_a_job_that_was_given_cases_works_on_those_alone(workspace: Workspace, log: Log, cases: list[UUID]):
    batch_id = begin(workspace.database, log.registry, cases)
    mine = take_share(workspace, log.registry, batch_id, Attempt(uuid4()), case_ids=cases[1:4])
    assert mine.case_ids == cases[1:4]
    assert mine.other_shards == []


def test_shards_are_made_of_what_is_open(workspace: Workspace, log: Log, cases: list[UUID]):
    batch_id = begin(workspace.database, log.registry, cases)
    work(workspace, log.registry, batch_id, case_ids=[cases[0], cases[3]])
    mine = take_share(workspace, log.registry, batch_id, Attempt(uuid4()))
    assert [mine.case_ids, *mine.other_shards] == [cases[1:3], [cases[4]]]


def test_a_completed_batch_leaves_nothing_to_do(workspace: Workspace, log: Log, cases: list[UUID]):
    batch_id = begin(workspace.database, log.registry, cases[:2])
    work(workspace, log.registry, batch_id)
    mine = take_share(workspace, log.registry, batch_id, Attempt(uuid4()))
    assert (mine.case_ids, mine.other_shards, mine.rows, mine.frontier.next()) == ([], [], {}, None)


def test_a_case_that_failed_in_chunk_resumes_at_chunk(workspace: Workspace, log: Log, cases: list[UUID]):
    one, other = cases[:2]
    log.failing = {(one, "chunk")}
    batch_id = begin(workspace.database, log.registry, [one, other])
    work(workspace, log.registry, batch_id)
    assert states(workspace.database, one) == {
        "parse": StepState.COMPLETED,
        "chunk": StepState.FAILED,
        "index": StepState.BLOCKED,
    }
    assert set(states(workspace.database, other).values()) == {StepState.COMPLETED}
    log.failing, log.ran = set(), []
    work(workspace, log.registry, batch_id)
    assert log.ran == [(one, "chunk"), (one, "index")]
    assert set(states(workspace.database, one).values()) == {StepState.COMPLETED}


def test_a_failed_case_of_another_shard_is_left_as_it_is(workspace: Workspace, log: Log, cases: list[UUID]):
    log.failing = {(cases[0], "parse"), (cases[1], "parse")}
    batch_id = begin(workspace.database, log.registry, cases[:2])
    work(workspace, log.registry, batch_id)
    take_share(workspace, log.registry, batch_id, Attempt(uuid4()), case_ids=[cases[0]])
    assert states(workspace.database, cases[0])["parse"] == StepState.PENDING
    assert states(workspace.database, cases[1])["parse"] == StepState.FAILED


@pytest.mark.parametrize("death", ["known to be dead", "earlier attempt of the same job"])
def test_a_job_goes_on_where_a_dead_one_stopped(
    workspace: Workspace, log: Log, cases: list[UUID], death: str
):
    batch_id = begin(workspace.database, log.registry, cases[:1])
    gone = Attempt(uuid4(), 1)
    stopped = take_share(workspace, log.registry, batch_id, gone)
    place = stopped.frontier.next()
    assert place is not None
    run_step(workspace, log.registry, stopped.rows[place], gone, 0)
    with workspace.database.write() as session:
        row_id = stopped.rows[cases[0], "chunk"]
        assert claims.claim(session, claims.STEP, row_id, gone, workspace.lease)
    if death == "known to be dead":
        mine = take_share(workspace, log.registry, batch_id, Attempt(uuid4()), dead_jobs=[gone.run_id])
    else:
        mine = take_share(workspace, log.registry, batch_id, Attempt(gone.run_id, 2))
    assert mine.frontier.next() == (cases[0], "chunk")
    assert waiting(mine) == 1


def test_a_job_leaves_to_a_living_one_what_that_works_on(workspace: Workspace, log: Log, cases: list[UUID]):
    batch_id = begin(workspace.database, log.registry, cases[:2])
    other = Attempt(uuid4())
    theirs = take_share(workspace, log.registry, batch_id, other)
    with workspace.database.write() as session:
        assert claims.claim(session, claims.STEP, theirs.rows[cases[0], "parse"], other, workspace.lease)
    mine = take_share(workspace, log.registry, batch_id, Attempt(uuid4()))
    assert mine.frontier.next() == (cases[1], "parse")
    assert mine.frontier.next() is None


def test_a_job_of_a_batch_that_does_not_exist_says_so(workspace: Workspace, log: Log):
    with pytest.raises(NotFound, match=r"No batch .*; `casemill batch list` shows what there is"):
        take_share(workspace, log.registry, uuid4(), Attempt(uuid4()))


def test_failed_steps_and_unreadable_documents_are_told_to_people(
    workspace: Workspace, log: Log, new_case: NewOwner
):
    case = new_case(workspace, "Smith", contract="a contract", letter="a letter")
    log.failing = {(case, "parse")}
    batch_id = begin(workspace.database, log.registry, [case])
    work(workspace, log.registry, batch_id)
    with workspace.database.write() as session:
        letter = session.exec(select(CaseDocument).where(CaseDocument.name == "letter.pdf")).one()
        letter.processing_status = ProcessingStatus.FAILED
        letter.failure_reason, letter.failure_detail = Reason.EMPTY_FILE, "letter.pdf is empty"
    with workspace.database.read() as session:
        steps, documents = failures(session, batch_id, [case])
        assert steps == [{"case": "Smith", "what": "step parse", "why": "ValueError: parse failed"}]
        assert documents == [
            {"case": "Smith", "what": "letter.pdf", "why": "empty file: letter.pdf is empty"}
        ]
        assert failures(session, batch_id, [uuid4()]) == ([], [])


def test_cases_are_listed_by_name(workspace: Workspace, cases: list[UUID]):
    with workspace.database.read() as session:
        assert all_cases(session) == cases
        assert session.exec(select(CaseStep)).all() == []
