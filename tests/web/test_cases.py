"""Cases and experts through the API."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.models import Attempt, Batch, CaseDocument, CaseStep, ExpertDocument, Role, Scope, StepState
from casemill.models.columns import utc_now
from casemill.operations.index_documents import index_owner
from casemill.operations.process_document import process_document
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.web.conftest import NewClient

API = "/api/v1"


def test_a_case_is_made_once_under_its_name(api_as: NewClient) -> None:
    operator = api_as(Role.OPERATOR)
    made = operator.post(f"{API}/cases", json={"name": "  Smith / Jones\u202e "})
    assert (made.status_code, made.json()["name"]) == (201, "Smith / Jones")
    assert made.json()["documents"] == {}
    again = operator.post(f"{API}/cases", json={"name": "Smith / Jones"})
    assert (again.status_code, "There is a case called" in again.json()["detail"]) == (409, True)
    assert operator.get(f"{API}/cases/{made.json()['id']}").json() == made.json()


def test_two_experts_may_have_one_name(api_as: NewClient) -> None:
    operator = api_as(Role.OPERATOR)
    one, other = (operator.post(f"{API}/experts", json={"name": "Dr. Grey"}).json() for _ in range(2))
    assert one["id"] != other["id"]
    assert operator.get(f"{API}/experts").json()["total"] == 2


@pytest.mark.parametrize("name", ["", " \t", "\u202e\u200b", "\x00", "x" * 256, "x" * 5000, "\ud83d"])
@pytest.mark.parametrize("owners", ["cases", "experts"])
def test_what_cannot_be_seen_is_no_name(api_as: NewClient, owners: str, name: str) -> None:
    answer = api_as(Role.OPERATOR).post(f"{API}/{owners}", content=as_json(name))
    assert answer.status_code == 422


def as_json(name: str) -> bytes:
    import json

    return json.dumps({"name": name}).encode()


def test_cases_are_found_by_part_of_their_name_page_by_page(
    desk: Workspace, api_as: NewClient, new_case: NewOwner
) -> None:
    for name in ("Brown v. Board", "Smith v. Jones", "Smith v. United States", "100%"):
        new_case(desk, name)
    viewer = api_as(Role.VIEWER)

    def names(**query: object) -> list[str]:
        return [case["name"] for case in viewer.get(f"{API}/cases", params=query).json()["cases"]]

    assert names() == ["100%", "Brown v. Board", "Smith v. Jones", "Smith v. United States"]
    assert names(q="smith") == ["Smith v. Jones", "Smith v. United States"]
    assert names(q="%") == ["100%"]
    assert names(page=2, per_page=3) == ["Smith v. United States"]
    told = viewer.get(f"{API}/cases", params={"per_page": 3}).json()
    assert (told["total"], told["page"], told["pages"]) == (4, 1, 2)


def test_a_case_says_what_it_holds_and_what_was_run_on_it(
    desk: Workspace, api_as: NewClient, new_case: NewOwner
) -> None:
    mine, stranger = api_as(Role.OPERATOR), api_as(Role.OPERATOR, Scope.OWN, "stranger")
    case = new_case(desk, "Smith", a="some text", b="other text")
    with desk.database.read() as session:
        first = session.exec(select(CaseDocument.id).order_by(CaseDocument.name)).first()
    process_document(desk, CaseDocument, first, Attempt(uuid4()))
    told = mine.get(f"{API}/cases/{case}").json()
    assert (told["documents"], told["is_indexed"]) == ({"ready": 1, "pending": 1}, False)
    index_owner(desk, CaseDocument, case)
    batches = [Batch(user_id=user.user_id, steps=["parse", "chunk"]) for user in (mine, stranger)]
    with desk.database.write() as session:
        session.add_all(batches)
        session.flush()
        for batch in batches:
            session.add(CaseStep(batch_id=batch.id, case_id=case, step="parse", state=StepState.COMPLETED))
            session.add(CaseStep(batch_id=batch.id, case_id=case, step="chunk", state=StepState.FAILED))
    told = mine.get(f"{API}/cases/{case}").json()
    assert (told["chunks"], told["citations"], told["is_indexed"]) == (1, 0, True)
    assert told["last_batch"]["id"] == str(batches[0].id), "another's batch is none of theirs"
    assert told["last_batch"]["steps"] == {"completed": 1, "failed": 1}
    everybody = api_as(Role.ADMIN).get(f"{API}/cases").json()["cases"][0]
    assert everybody["last_batch"]["id"] == str(batches[1].id)


def test_all_that_match_are_named_at_once(desk: Workspace, api_as: NewClient, new_case: NewOwner) -> None:
    smith, _, other = (new_case(desk, name) for name in ("Smith v. Jones", "Brown", "Smith v. Adams"))
    told = api_as(Role.VIEWER).get(f"{API}/cases/names", params={"q": "smith"}).json()
    assert told == {
        "cases": [{"id": str(other), "name": "Smith v. Adams"}, {"id": str(smith), "name": "Smith v. Jones"}],
        "total": 2,
    }


def test_a_case_says_which_steps_are_done_whoever_had_them_run(
    desk: Workspace, api_as: NewClient, new_case: NewOwner
) -> None:
    stranger = api_as(Role.OPERATOR, Scope.OWN, "stranger")
    case = new_case(desk, "Smith", a="some text")
    now = utc_now()
    before, after = now - timedelta(days=1), now + timedelta(seconds=1)

    def step(batch: Batch, name: str, state: StepState, at: datetime | None = None) -> CaseStep:
        return CaseStep(batch_id=batch.id, case_id=case, step=name, state=state, finished_at=at)

    with desk.database.write() as session:
        session.add(first := Batch(user_id=stranger.user_id, steps=["parse", "chunk", "index"]))
        session.add(second := Batch(user_id=stranger.user_id, steps=["parse", "chunk", "index"]))
        session.flush()
        session.add_all([step(first, "parse", StepState.COMPLETED, before)])
        session.add_all([step(first, "chunk", StepState.COMPLETED, after)])
        session.add_all([step(second, "chunk", StepState.FAILED, after)])
        session.add_all([step(first, "index", StepState.PENDING)])
    told = api_as(Role.OPERATOR).get(f"{API}/cases/{case}").json()
    assert told["last_batch"] is None
    shown = {name: (each["state"], each["is_behind"]) for name, each in told["steps"].items()}
    assert shown == {"parse": ("completed", True), "chunk": ("failed", False), "index": ("pending", False)}
    assert datetime.fromisoformat(told["steps"]["chunk"]["done_at"]) == after
    assert told["steps"]["index"]["done_at"] is None


def test_an_expert_says_what_is_known_of_their_documents(
    desk: Workspace, api_as: NewClient, new_expert: NewOwner
) -> None:
    expert = new_expert(desk, "Dr. Grey", cv="bridges")
    with desk.database.read() as session:
        document = session.exec(select(ExpertDocument.id)).one()
    process_document(desk, ExpertDocument, document, Attempt(uuid4()))
    index_owner(desk, ExpertDocument, expert)
    told = api_as(Role.VIEWER).get(f"{API}/experts", params={"q": "grey"}).json()["experts"][0]
    assert (told["documents"], told["chunks"], told["is_indexed"]) == ({"ready": 1}, 1, True)


@pytest.mark.parametrize("owners", ["cases", "experts"])
def test_only_admins_delete(
    desk: Workspace, api_as: NewClient, new_case: NewOwner, new_expert: NewOwner, owners: str
) -> None:
    id = new_case(desk, "Smith", a="x") if owners == "cases" else new_expert(desk, "Smith", a="x")
    assert api_as(Role.OPERATOR).delete(f"{API}/{owners}/{id}").status_code == 403
    admin = api_as(Role.ADMIN)
    assert admin.delete(f"{API}/{owners}/{id}").status_code == 204
    assert admin.delete(f"{API}/{owners}/{id}").status_code == 404
    assert admin.get(f"{API}/{owners}/{id}").status_code == 404


def test_viewers_make_nothing(api_as: NewClient) -> None:
    viewer = api_as(Role.VIEWER)
    for owners in ("cases", "experts"):
        assert viewer.post(f"{API}/{owners}", json={"name": "x"}).status_code == 403


def test_search_shows_where_the_words_are(
    desk: Workspace, api_as: NewClient, new_case: NewOwner, new_expert: NewOwner
) -> None:
    case = new_case(desk, "Smith", paper=["nothing here", "the <b>bridge</b> fell"])
    expert = new_expert(desk, "Dr. Grey", cv="a bridge builder")
    for model, owner in ((CaseDocument, case), (ExpertDocument, expert)):
        with desk.database.read() as session:
            document: UUID = session.exec(select(model.id)).one()
        process_document(desk, model, document, Attempt(uuid4()))
        index_owner(desk, model, owner)
    viewer = api_as(Role.VIEWER)

    def found(**query: object) -> dict:
        return viewer.get(f"{API}/search", params={"q": "bridge", **query}).json()

    assert found()["total"] == 2
    hit = found(kind="case")["hits"][0]
    assert (hit["owner"], hit["owner_id"], hit["page"]) == ("Smith", str(case), 2)
    text, matches = hit["excerpt"]["text"], hit["excerpt"]["matches"]
    assert [text[start:end] for start, end in matches] == ["bridge"]
    assert "<b>" in text
    assert [hit["kind"] for hit in found(owner=str(expert))["hits"]] == ["expert"]
    assert found(owner=str(expert), kind="case")["total"] == 0
    assert found(page=2, per_page=1)["pages"] == 2
    assert found(page=1_000_000, per_page=200)["hits"] == []
    assert viewer.get(f"{API}/search", params={"q": "bridge", "owner": str(uuid4())}).status_code == 404
    assert viewer.get(f"{API}/search", params={"q": "x" * 1001}).status_code == 422
    assert found(q='"')["hits"] == []
    experts = viewer.get(f"{API}/search/experts", params={"q": "bridge"}).json()
    assert [(who["expert"], who["matching_documents"]) for who in experts["experts"]] == [("Dr. Grey", 1)]
