"""Claims over HTTP: what is asked for, what is answered, and the page that a link leads to."""

from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urljoin
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from sqlmodel import select

from casemill.models import AuditRecord, ClaimState, ExpertClaim, OutgoingMail, Role, User
from casemill.models.columns import utc_now
from casemill.operations.claim_expert import OF_AN_EXPERT
from casemill.operations.claim_link import claim_link
from casemill.web.app import create_app
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.web.conftest import BASE, NewClient

pytestmark = pytest.mark.usefixtures("prefect_server")


@flow(name="claim-verification")
def claim_flow(claim_id: str) -> None:
    pass


@pytest.fixture
def prefect_client(prefect_server: None) -> SyncPrefectClient:
    claim_flow.to_deployment("default").apply()
    return get_client(sync_client=True)


@pytest.fixture
def visitor(desk: Workspace) -> TestClient:
    """Somebody who is not signed in."""
    return TestClient(create_app(desk), base_url=BASE)


def claims(desk: Workspace) -> list[ExpertClaim]:
    with desk.database.read() as session:
        return list(session.exec(select(ExpertClaim)))


def made_claim(desk: Workspace, new_expert: NewOwner, name: str = "Dr. Grey", **given: object) -> ExpertClaim:
    expires_at = utc_now() + timedelta(hours=1)
    with desk.database.write() as session:
        claim = ExpertClaim(
            **{
                "expert_id": new_expert(desk, name),
                "email": "ada@example.org",
                "expires_at": expires_at,
                **given,
            }
        )
        session.add(claim)
    return claim


def link_of(desk: Workspace, claim_id: UUID) -> str:
    return claim_link(desk.settings, claim_id).removeprefix(desk.settings.links_url)


class Form(HTMLParser):
    """The page's form, and which tags the page has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fields: dict[str, str] = {}
        self.action = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        if tag == "input":
            self.fields[given["name"]] = given["value"]


def test_a_claim_starts_the_job_that_sends_its_message(
    api_as: NewClient, desk: Workspace, new_expert: NewOwner, prefect_client: SyncPrefectClient
):
    client, expert = api_as(Role.OPERATOR), new_expert(desk, "Dr. Grey")
    answer = client.post(f"/api/v1/experts/{expert}/claims", json={"email": "jane@example.org"})
    assert answer.status_code == 202
    (claim,) = claims(desk)
    runs = [run for run in prefect_client.read_flow_runs() if run.parameters.get("claim_id") == str(claim.id)]
    (run,) = runs
    assert run.parameters == {"claim_id": str(claim.id)}
    assert set(run.tags) == {
        "type:notification",
        "event:claim_verification",
        "email:j***@example.org",
        f"user:{client.user_id}",
    }
    assert "jane" not in run.model_dump_json()
    with desk.database.read() as session:
        (record,) = session.exec(select(AuditRecord).where(AuditRecord.action == "claim.create"))
    assert record.target == f"expert:{expert}"
    assert record.detail == {"email": "j***@example.org", "mailed": True}


def test_a_claim_is_kept_where_no_job_can_be_started(
    api_as: NewClient, desk: Workspace, new_expert: NewOwner, prefect_client: SyncPrefectClient
):
    """The sweep of the outbox sends its message; who asked is not told to ask again."""
    found = prefect_client.read_deployment_by_name("claim-verification/default")
    prefect_client.delete_deployment(found.id)
    expert = new_expert(desk, "Dr. Grey")
    answer = api_as(Role.OPERATOR).post(f"/api/v1/experts/{expert}/claims", json={"email": "ada@example.org"})
    assert answer.status_code == 202
    with desk.database.read() as session:
        assert session.exec(select(OutgoingMail.subject_key)).one() == f"claim:{claims(desk)[0].id}"


def test_the_answer_says_nothing_about_an_address(
    api_as: NewClient, desk: Workspace, new_expert: NewOwner, prefect_client: SyncPrefectClient
):
    """Known or not, written to lately or not: one answer, one status, the same headers."""
    client = api_as(Role.OPERATOR)
    with desk.database.write() as session:
        session.add(User(name="known", email="known@example.org"))
    experts = [new_expert(desk, f"Dr. {number}") for number in range(8)]
    flooded = [(expert, "flooded@example.org") for expert in experts]
    asked = [
        (experts[0], "new@example.org"),
        (experts[0], "known@example.org"),
        (experts[0], "new@example.org"),
    ]
    answers = [
        client.post(f"/api/v1/experts/{expert}/claims", json={"email": email})
        for expert, email in [*asked, *flooded]
    ]
    assert {(answer.status_code, answer.text, str(answer.headers)) for answer in answers} == {
        (202, answers[0].text, str(answers[0].headers))
    }
    assert len(claims(desk)) == 2 + 5


def test_too_many_claims_of_one_expert_are_answered_with_a_wait(
    api_as: NewClient, desk: Workspace, new_expert: NewOwner, prefect_client: SyncPrefectClient
):
    client, expert = api_as(Role.OPERATOR), new_expert(desk, "Dr. Grey")
    path = f"/api/v1/experts/{expert}/claims"
    for number in range(OF_AN_EXPERT.claims):
        client.post(path, json={"email": f"a{number}@example.org"})
    refused = [client.post(path, json={"email": email}) for email in ("a1@example.org", "new@example.org")]
    assert [answer.status_code for answer in refused] == [429, 429]
    assert refused[0].text == refused[1].text
    assert int(refused[0].headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("email", "status"),
    [("ada", 422), ("ada@example.org\nBcc: x@y.example", 422), ("a" * 300, 422), (7, 422)],
)
def test_what_is_no_address_is_refused(
    api_as: NewClient, desk: Workspace, new_expert: NewOwner, email: object, status: int
):
    path = f"/api/v1/experts/{new_expert(desk, 'Dr. Grey')}/claims"
    assert api_as(Role.OPERATOR).post(path, json={"email": email}).status_code == status
    assert claims(desk) == []


def test_who_may_claim_and_who_reads_addresses(
    api_as: NewClient, desk: Workspace, new_expert: NewOwner, visitor: TestClient, prefect_client: object
):
    operator, expert = api_as(Role.OPERATOR), new_expert(desk, "Dr. Grey")
    path, body = f"/api/v1/experts/{expert}/claims", {"email": "jane@example.org"}
    viewer, other, admin = (
        api_as(Role.VIEWER),
        api_as(Role.OPERATOR, name="another"),
        api_as(Role.ADMIN),
    )
    assert visitor.post(path, json=body).status_code == 401
    assert visitor.get(path).status_code == 401
    assert viewer.post(path, json=body).status_code == 403
    assert operator.post(path, json=body).status_code == 202
    seen = {
        name: [claim["email"] for claim in client.get(path).json()["claims"]]
        for name, client in {"viewer": viewer, "operator": operator, "other": other, "admin": admin}.items()
    }
    masked, full = ["j***@example.org"], ["jane@example.org"]
    assert seen == {"viewer": masked, "operator": full, "other": masked, "admin": full}
    assert operator.post(f"/api/v1/experts/{uuid4()}/claims", json=body).status_code == 404


def test_opening_a_link_changes_nothing_and_its_button_verifies(
    desk: Workspace, new_expert: NewOwner, visitor: TestClient
):
    """Programs that scan mail open every link in it."""
    claim = made_claim(desk, new_expert)
    link = link_of(desk, claim.id)
    pages = [visitor.get(link) for _ in range(3)]
    assert [page.status_code for page in pages] == [200] * 3
    assert claims(desk)[0].state == ClaimState.WAITING
    form = Form(pages[0].text)
    assert "Dr. Grey" in pages[0].text
    done = visitor.post(urljoin(link, form.action), data=form.fields)
    assert (done.status_code, "is confirmed" in done.text) == (200, True)
    assert claims(desk)[0].state == ClaimState.VERIFIED
    replayed = visitor.post(urljoin(link, form.action), data=form.fields)
    assert replayed.status_code == 410
    assert "used already" in replayed.text
    assert visitor.get(link).status_code == 410
    assert "ada@example.org" not in "".join(page.text for page in (*pages, done, replayed))


def test_an_expired_link_says_what_to_do(desk: Workspace, new_expert: NewOwner, visitor: TestClient):
    claim = made_claim(desk, new_expert, expires_at=utc_now() - timedelta(seconds=1))
    link = link_of(desk, claim.id)
    token = link.partition("=")[2]
    for page in (visitor.get(link), visitor.post("/claims/verify", data={"token": token})):
        assert page.status_code == 410
        assert "has expired" in page.text
        assert "send a new one" in page.text
    assert claims(desk)[0].state == ClaimState.WAITING


def test_a_link_of_a_profile_that_was_confirmed_otherwise_says_so(
    desk: Workspace, new_expert: NewOwner, visitor: TestClient
):
    won = made_claim(desk, new_expert, state=ClaimState.VERIFIED)
    lost = made_claim(desk, new_expert, expert_id=won.expert_id, email="bob@example.org")
    page = visitor.get(link_of(desk, lost.id))
    assert (page.status_code, "with another link" in page.text) == (409, True)


def test_no_bad_link_tells_more_than_another(desk: Workspace, new_expert: NewOwner, visitor: TestClient):
    claim = made_claim(desk, new_expert)
    token = link_of(desk, claim.id).partition("=")[2]
    gone = link_of(desk, uuid4()).partition("=")[2]
    bad = ["", "x", gone, token[:-8], f"{token}x", token.replace(".", ""), "x" * 4000, "%00", "<script>"]
    opened = [visitor.get("/claims/verify", params={"token": each}) for each in bad]
    sent = [visitor.post("/claims/verify", data={"token": each}) for each in bad]
    assert {page.status_code for page in (*opened, *sent)} == {404}

    def shown(html: str) -> str:
        return html.split("<body>")[1]

    assert len({shown(page.text) for page in (*opened, *sent)}) == 1
    assert visitor.get("/claims/verify").status_code == 404
    assert claims(desk)[0].state == ClaimState.WAITING


def test_what_is_no_small_form_is_not_read(desk: Workspace, new_expert: NewOwner, visitor: TestClient):
    claim = made_claim(desk, new_expert)
    token = link_of(desk, claim.id).partition("=")[2]
    large = visitor.post("/claims/verify", data={"token": token, "more": "x" * 10_000})
    strange = [
        visitor.post("/claims/verify", content=content)
        for content in (b"", b"\xff\xfe", b"token", b"token=%ff%00", b'{"token": "x"}')
    ]
    assert {page.status_code for page in (large, *strange)} == {404}
    assert claims(desk)[0].state == ClaimState.WAITING


def test_the_page_runs_nothing_and_passes_its_address_on_to_nobody_else(
    desk: Workspace, new_expert: NewOwner, visitor: TestClient
):
    claim = made_claim(desk, new_expert, '<img src=x onerror="alert(1)">')
    page = visitor.get(link_of(desk, claim.id))
    assert Form(page.text).tags.isdisjoint({"script", "iframe", "style"})
    assert "&lt;img src=x" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "form-action 'self'" in policy and "frame-ancestors 'none'" in policy
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.text.startswith("<!doctype html>")
