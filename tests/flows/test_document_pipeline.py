"""The flow of uploads: one run reads all that waits, then indexes whose documents changed."""

from uuid import uuid4

from prefect.client.orchestration import get_client
from sqlmodel import select

from casemill.models import CaseDocument, ExpertDocument
from casemill.search.contract import Owner, OwnerKind
from casemill.workspace import Workspace
from flows.document_pipeline import document_pipeline
from tests.conftest import NewOwner


def test_one_run_drains_all_that_wait(
    flow_workspace: Workspace, new_case: NewOwner, new_expert: NewOwner
) -> None:
    new_case(flow_workspace, "a case", brief="Negligence.", reply="Contributory negligence.")
    expert = new_expert(flow_workspace, "Dr. Grey", cv="Orthopaedic surgeon.", paper="Knee replacement.")
    state = document_pipeline(return_state=True)
    assert state.is_completed()
    assert str(state.message) == "4 documents, 0 unreadable, 2 owners indexed"
    found = flow_workspace.index.search_experts("surgeon knee").experts
    assert [(hit.owner, hit.matching_documents) for hit in found] == [(Owner(OwnerKind.EXPERT, expert), 2)]
    assert document_pipeline(return_state=True).message == "0 documents, 0 unreadable, 0 owners indexed"


def test_only_the_documents_given_are_read(flow_workspace: Workspace, new_expert: NewOwner) -> None:
    expert = new_expert(flow_workspace, "Dr. Grey", cv="Surgeon.", paper="Knee.")
    with flow_workspace.database.read() as session:
        chosen = session.exec(select(ExpertDocument.id).where(ExpertDocument.expert_id == expert)).first()
    document_pipeline(document_ids=[chosen])
    with flow_workspace.database.read() as session:
        status = dict(session.exec(select(ExpertDocument.id, ExpertDocument.processing_status)).all())
    assert status.pop(chosen) == "ready"
    assert set(status.values()) == {"pending"}


def test_a_file_that_is_gone_is_a_failed_document_and_the_rest_goes_on(
    flow_workspace: Workspace, new_case: NewOwner
) -> None:
    new_case(flow_workspace, "a case", lost="Lost.", kept="Kept.")
    with flow_workspace.database.read() as session:
        key = session.exec(select(CaseDocument.storage_key).where(CaseDocument.name == "lost.pdf")).one()
    flow_workspace.documents.delete(key)
    state = document_pipeline(return_state=True)
    assert str(state.message) == "2 documents, 1 unreadable, 1 owners indexed"
    with flow_workspace.database.read() as session:
        reason = session.exec(
            select(CaseDocument.failure_reason).where(CaseDocument.name == "lost.pdf")
        ).one()
    assert reason == "file missing from storage"


def test_its_tasks_carry_the_names_people_look_for(flow_workspace: Workspace, new_expert: NewOwner) -> None:
    name = f"Dr. {uuid4()}"
    new_expert(flow_workspace, name, cv="Surgeon.")
    document_pipeline()
    with get_client(sync_client=True) as client:
        keys = {task.task_key.rsplit("-", 1)[0].rsplit(".", 1)[-1] for task in client.read_task_runs()}
    assert {"process_document", "index_document_chunks"} <= keys
