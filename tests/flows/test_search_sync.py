"""The flow that compares search with the database: what it finds, repairs, says, and survives."""

from uuid import UUID, uuid4

import pytest
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.states import State
from sqlmodel import select

from casemill.models import IndexReport
from casemill.models.columns import utc_now
from casemill.operations import search_sync as operations
from casemill.operations.index_health import SearchHealth, index_health
from casemill.search.contract import IndexedDocument, Owner, OwnerKind, Passage, SearchBroken
from casemill.workspace import Workspace
from flows.document_pipeline import document_pipeline
from flows.search_sync import search_sync
from tests.conftest import NewOwner
from tests.flows.killed import run_until_killed


def run(**parameters: object) -> State:
    return search_sync(**parameters, return_state=True)


def health(workspace: Workspace) -> SearchHealth:
    with workspace.database.read() as session:
        return index_health(session, utc_now())


def forget(workspace: Workspace, *owner_ids: UUID) -> None:
    """As if the index had been replaced by an old one: the database still says that all is indexed."""
    for owner_id in owner_ids:
        for kind in OwnerKind:
            workspace.index.delete_owner(Owner(kind, owner_id))


def add_stray(workspace: Workspace) -> Owner:
    stray = Owner(OwnerKind.CASE, uuid4())
    workspace.index.replace_document(
        IndexedDocument(uuid4(), "stray.pdf", stray, "gone", "1", (Passage(0, "negligence"),))
    )
    return stray


@pytest.fixture
def owners(flow_workspace: Workspace, new_case: NewOwner, new_expert: NewOwner) -> list[UUID]:
    made = [
        new_case(flow_workspace, "Smith", brief="Negligence."),
        new_case(flow_workspace, "Jones", brief="Contributory negligence."),
        new_expert(flow_workspace, "Dr. Grey", cv="Negligence of surgeons."),
    ]
    document_pipeline()
    return made


def test_it_puts_right_what_is_wrong_and_finds_nothing_the_second_time(
    flow_workspace: Workspace, owners: list[UUID]
) -> None:
    forget(flow_workspace, owners[0], owners[2])
    add_stray(flow_workspace)
    first = run()
    assert first.is_completed()
    said = "2 missing, 0 stale, 1 orphaned documents, 3 of 3 owners repaired"
    assert str(first.message) == said
    assert flow_workspace.index.search("negligence").total == 3
    artifact = Artifact.get("search-sync")
    assert artifact is not None
    for word in ("Smith", "Dr. Grey", "brief.pdf", "stray.pdf", "orphaned", "repaired"):
        assert word in str(artifact.data)
    assert (health(flow_workspace).state, health(flow_workspace).detail) == ("well", said)
    assert str(run().message) == "3 documents of 3 owners are as they should be"


def test_a_dry_run_only_says_what_is_wrong(flow_workspace: Workspace, owners: list[UUID]) -> None:
    forget(flow_workspace, owners[0])
    stray = add_stray(flow_workspace)
    state = run(dry_run=True)
    assert "1 missing, 0 stale, 1 orphaned documents of 2 owners, nothing repaired" in str(state.message)
    assert flow_workspace.index.held_documents(Owner(OwnerKind.CASE, owners[0])) == []
    assert len(flow_workspace.index.held_documents(stray)) == 1
    assert health(flow_workspace).state == "differs"


def test_killed_in_the_middle_and_run_again_all_is_put_right(
    flow_workspace: Workspace, owners: list[UUID]
) -> None:
    """It dies between two repairs; what it had repaired stays so, and nothing says that it was well."""
    forget(flow_workspace, *owners)
    add_stray(flow_workspace)
    run_until_killed(
        """
import os, signal, threading
from casemill.operations import search_sync as operations
from flows.search_sync import search_sync

repair, repaired, one_by_one = operations.repair_owner, [], threading.Lock()

def dying(*given):
    with one_by_one:
        done = repair(*given)
        repaired.append(done)
        if len(repaired) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

operations.repair_owner = dying
search_sync()
"""
    )
    assert flow_workspace.index.search("negligence").total == 3  # two of three, and the stray
    assert health(flow_workspace).state == "unknown"
    assert "1 missing, 0 stale, 1 orphaned documents, 2 of 2 owners repaired" in str(run().message)
    assert flow_workspace.index.search("negligence").total == 3
    assert health(flow_workspace).is_well


def test_an_owner_that_cannot_be_repaired_does_not_stop_the_others(
    flow_workspace: Workspace, owners: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(flow_workspace, *owners)
    repair = operations.repair_owner

    def refuse_one(workspace: Workspace, kind: OwnerKind, owner_id: UUID) -> object:
        if owner_id == owners[1]:
            raise ValueError("this one breaks")
        return repair(workspace, kind, owner_id)

    monkeypatch.setattr(operations, "repair_owner", refuse_one)
    state = run()
    assert state.is_failed()
    assert "2 of 3 owners repaired, 1 not" in str(state.message)
    assert flow_workspace.index.search("negligence").total == 2
    assert health(flow_workspace).state == "differs"


def test_an_index_that_is_broken_is_said_to_be(
    flow_workspace: Workspace, owners: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> None:
        raise SearchBroken("delete the file and index again")

    monkeypatch.setattr(operations, "compare_owners", broken)
    assert run().is_failed()
    assert health(flow_workspace).state == "failed"
    assert "SearchBroken: delete the file and index again" in health(flow_workspace).detail


def test_many_owners_are_compared_some_at_a_time(
    flow_workspace: Workspace, owners: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(flow_workspace, *owners)
    strays = [add_stray(flow_workspace) for _ in range(3)]
    compare, orphaned = operations.compare_owners, operations.orphaned_owners
    sizes: list[int] = []

    def compare_one(workspace: Workspace, kind: OwnerKind, after: UUID | None) -> object:
        compared = compare(workspace, kind, after, limit=1)
        sizes.append(compared.owners)
        return compared

    monkeypatch.setattr(operations, "compare_owners", compare_one)
    monkeypatch.setattr(
        operations, "orphaned_owners", lambda workspace, after: orphaned(workspace, after, limit=2)
    )
    assert "6 of 6 owners repaired" in str(run().message)
    assert max(sizes) == 1
    assert [flow_workspace.index.held_documents(stray) for stray in strays] == [[], [], []]


def test_its_report_is_of_the_job_and_the_job_has_its_type(flow_workspace: Workspace) -> None:
    state = run()
    with get_client(sync_client=True) as client:
        job = client.read_flow_run(state.state_details.flow_run_id)
    with flow_workspace.database.read() as session:
        assert session.exec(select(IndexReport.id)).one() == job.id
    assert "type:sync" in job.tags
