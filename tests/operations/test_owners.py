"""Cases and experts are found by what people call them, or by id."""

from uuid import uuid4

import pytest
from sqlmodel import select

from casemill.errors import NotFound
from casemill.models import Attempt, CaseDocument, ExpertDocument, ProcessingStatus
from casemill.operations.owners import Ambiguous, case_called, expert_called, owner_summaries
from casemill.operations.process_document import process_document
from casemill.workspace import Workspace
from tests.conftest import NewOwner


def test_a_case_is_found_by_its_name_and_by_its_id(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace, "Smith v. Jones")
    with workspace.database.read() as session:
        assert case_called(session, "Smith v. Jones").id == case
        assert case_called(session, str(case)).id == case


def test_a_name_may_look_like_an_id(workspace: Workspace, new_case: NewOwner):
    case = new_case(workspace, uuid4().hex)
    with workspace.database.read() as session:
        assert case_called(session, case_called(session, str(case)).name).id == case


@pytest.mark.parametrize("name", ["Smith", "0198c0de-0000-7000-8000-000000000000", ""])
def test_who_does_not_exist_is_not_found(workspace: Workspace, new_case: NewOwner, name: str):
    new_case(workspace, "Smith v. Jones")
    with workspace.database.read() as session:
        with pytest.raises(NotFound, match="`casemill case list` shows what there is"):
            case_called(session, name)
        with pytest.raises(NotFound, match="`casemill expert list` shows who there is"):
            expert_called(session, name)


def test_two_people_of_one_name_have_to_be_told_apart(workspace: Workspace, new_expert: NewOwner):
    one, other = (new_expert(workspace, "Dr. Grey") for _ in range(2))
    with workspace.database.read() as session:
        with pytest.raises(Ambiguous, match=r"2 experts are called 'Dr\. Grey'; name one by id") as error:
            expert_called(session, "Dr. Grey")
        assert str(one) in str(error.value)
        assert str(other) in str(error.value)
        assert expert_called(session, str(other)).id == other


def test_owners_are_listed_by_name_with_their_documents_by_status(
    workspace: Workspace, new_case: NewOwner, new_expert: NewOwner
):
    smith = new_case(workspace, "Smith", a="one text", b="another text", c="a third text")
    brown = new_case(workspace, "Brown")
    grey = new_expert(workspace, "Dr. Grey", cv="bridges")
    with workspace.database.read() as session:
        first = session.exec(select(CaseDocument.id).limit(1)).one()
    process_document(workspace, CaseDocument, first, Attempt(uuid4()))
    with workspace.database.read() as session:
        cases, experts = owner_summaries(session, CaseDocument), owner_summaries(session, ExpertDocument)
    assert [(each.id, each.name, each.documents) for each in cases] == [
        (brown, "Brown", {}),
        (smith, "Smith", {ProcessingStatus.READY: 1, ProcessingStatus.PENDING: 2}),
    ]
    assert [(each.id, each.documents) for each in experts] == [(grey, {ProcessingStatus.PENDING: 1})]
