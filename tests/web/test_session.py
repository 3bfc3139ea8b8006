"""Signing in and out with a browser: cookies, forged requests, links and pages."""

import re
from http.cookies import SimpleCookie

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import update
from sqlmodel import col, select

from casemill.access.login_links import new_login_link
from casemill.models import AuditRecord, AuditResult, LoginSession, Role, User
from casemill.models.columns import utc_now
from casemill.web.entry import COOKIE
from casemill.workspace import Workspace
from tests.access.people import PASSWORD, new_person
from tests.web.conftest import BASE, NewClient

API = "/api/v1"


@pytest.fixture
def browser(desk: Workspace, stranger: TestClient) -> TestClient:
    """Ana's, signed in."""
    new_person(desk.database, "ana")
    assert signed_in(stranger).status_code == 201
    return stranger


def signed_in(client: TestClient, name: str = "ana", password: str = PASSWORD) -> Response:
    return client.post(f"{API}/session", json={"name": name, "password": password})


def csrf(client: TestClient) -> dict[str, str]:
    return {"X-CSRF-Token": client.get(f"{API}/session").json()["csrf_token"]}


def records(desk: Workspace) -> list[AuditRecord]:
    with desk.database.read() as session:
        return list(session.exec(select(AuditRecord).order_by(col(AuditRecord.id))))


def test_signing_in_answers_who_one_is_and_sets_a_cookie_that_no_script_reads(
    desk: Workspace, stranger: TestClient
):
    new_person(desk.database, "ana")
    answer = signed_in(stranger)
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["name"], shown["role"], shown["scope"], shown["via"]) == (
        "ana",
        "operator",
        "own",
        "session",
    )
    cookie = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "lax" and cookie["path"] == "/"
    assert not cookie["secure"]
    assert stranger.get(f"{API}/session").json() == shown


def test_over_https_the_cookie_is_for_https_only(desk: Workspace, app: FastAPI):
    new_person(desk.database, "ana")
    answer = signed_in(TestClient(app, base_url="https://127.0.0.1"))
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"]


def test_the_database_does_not_hold_the_cookie(desk: Workspace, browser: TestClient):
    with desk.database.read() as session:
        login = session.exec(select(LoginSession)).one()
    secret, _, _ = browser.cookies[COOKIE].partition(".")
    assert secret not in str(login.model_dump())


@pytest.mark.parametrize("name", ["ana", "nobody", "disabled", "no password"])
def test_a_sign_in_that_fails_says_the_same_whatever_is_wrong(
    desk: Workspace, stranger: TestClient, name: str
):
    new_person(desk.database, "ana")
    new_person(desk.database, "disabled")
    with desk.database.write() as session:
        session.exec(update(User).where(col(User.name) == "disabled").values(disabled_at=utc_now()))
        session.add(User(name="no password"))
    answer = signed_in(stranger, name, "wrong password" if name == "ana" else PASSWORD)
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("The name or the password is wrong")
    assert "Set-Cookie" not in answer.headers


def test_every_try_is_in_the_audit_log_and_no_password_is(desk: Workspace, stranger: TestClient):
    new_person(desk.database, "ana")
    signed_in(stranger, "ana", "a wrong password")
    signed_in(stranger, "nobody", "a wrong password")
    signed_in(stranger)
    stranger.delete(f"{API}/session", headers=csrf(stranger))
    found = records(desk)
    assert [(each.action, each.user_name, each.result) for each in found] == [
        ("session.create", "ana", AuditResult.DENIED),
        ("session.create", "nobody", AuditResult.DENIED),
        ("session.create", "ana", AuditResult.DONE),
        ("session.end", "ana", AuditResult.DONE),
    ]
    assert all(each.address == "testclient" for each in found)
    text = str([each.model_dump() for each in found])
    assert "a wrong password" not in text and PASSWORD not in text


def test_too_many_wrong_passwords_are_answered_with_when_to_come_back(desk: Workspace, stranger: TestClient):
    new_person(desk.database, "ana")
    for _ in range(5):
        assert signed_in(stranger, "ana", "wrong password").status_code == 401
    answer = signed_in(stranger)
    assert answer.status_code == 429
    assert 290 < int(answer.headers["Retry-After"]) <= 301
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_address_somebody_claims_to_have_is_not_believed(desk: Workspace, stranger: TestClient):
    claimed = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7", "X-Real-IP": "203.0.113.7"}
    stranger.post(f"{API}/session", json={"name": "ana", "password": "wrong"}, headers=claimed)
    assert [each.address for each in records(desk)] == ["testclient"]


def test_a_session_known_before_signing_in_is_worth_nothing_after(browser: TestClient, app: FastAPI):
    before = browser.cookies[COOKIE]
    signed_in(browser)
    assert browser.cookies[COOKIE] != before
    assert browser.get(f"{API}/session").status_code == 200
    thief = TestClient(app, base_url=BASE, cookies={COOKIE: before})
    assert thief.get(f"{API}/session").status_code == 401


def test_signing_out_ends_the_session_at_our_side_too(browser: TestClient, app: FastAPI):
    kept = browser.cookies[COOKIE]
    assert browser.delete(f"{API}/session", headers=csrf(browser)).status_code == 204
    assert COOKIE not in browser.cookies
    assert TestClient(app, base_url=BASE, cookies={COOKIE: kept}).get(f"{API}/session").status_code == 401


def test_a_cookie_that_was_changed_lets_nobody_in(browser: TestClient):
    secret, _, seal = browser.cookies[COOKIE].partition(".")
    for forged in (secret, f"{secret}.", f"{secret}x.{seal}", f"{secret}.{seal[:-1]}"):
        answer = browser.get(f"{API}/session", headers={"Cookie": f"{COOKIE}={forged}"})
        assert answer.status_code == 401, forged


def test_disabling_a_user_ends_their_session_at_once(desk: Workspace, browser: TestClient):
    with desk.database.write() as session:
        session.exec(update(User).values(disabled_at=utc_now()))
    assert browser.get(f"{API}/session").status_code == 401


def test_what_changes_things_needs_the_csrf_token(desk: Workspace, browser: TestClient):
    refused = browser.post(f"{API}/tokens", json={"name": "script"})
    assert refused.status_code == 403 and "X-CSRF-Token" in refused.json()["detail"]
    forged = {"X-CSRF-Token": "A" * 27}
    assert browser.post(f"{API}/tokens", json={"name": "script"}, headers=forged).status_code == 403
    assert browser.post(f"{API}/tokens", json={"name": "script"}, headers=csrf(browser)).status_code == 201
    denied = [each for each in records(desk) if each.action == "access.deny"]
    assert [each.target for each in denied] == ["POST /api/v1/tokens"] * 2


def test_the_csrf_token_of_one_session_is_none_in_another(desk: Workspace, browser: TestClient, app: FastAPI):
    new_person(desk.database, "ben")
    bens = TestClient(app, base_url=BASE)
    signed_in(bens, "ben")
    answer = browser.post(f"{API}/tokens", json={"name": "script"}, headers=csrf(bens))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:4200"},  # Prefect's pages are not ours
        {"Origin": "null"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_elsewhere_gets_nothing_done_even_with_the_token(
    desk: Workspace, browser: TestClient, headers: dict[str, str]
):
    answer = browser.post(f"{API}/tokens", json={"name": "script"}, headers={**csrf(browser), **headers})
    assert answer.status_code == 403
    assert signed_in(TestClient(browser.app, base_url=BASE, headers=headers)).status_code == 403
    assert not any(each.action == "token.create" for each in records(desk))


@pytest.mark.parametrize("headers", [{"Origin": BASE}, {"Sec-Fetch-Site": "same-origin"}])
def test_our_own_page_gets_it_done(browser: TestClient, headers: dict[str, str]):
    given = {**csrf(browser), **headers}
    assert browser.post(f"{API}/tokens", json={"name": "script"}, headers=given).status_code == 201


def test_a_token_needs_no_csrf_token(api_as: NewClient):
    assert api_as(Role.VIEWER).post(f"{API}/tokens", json={"name": "script"}).status_code == 201


def test_with_a_wrong_token_the_cookie_does_not_count(browser: TestClient):
    answer = browser.get(f"{API}/session", headers={"Authorization": "Bearer cm_wrong"})
    assert answer.status_code == 401


def test_who_came_in_with_a_token_cannot_sign_out(api_as: NewClient):
    client = api_as(Role.VIEWER)
    assert client.get(f"{API}/session").json()["via"] == "token"
    assert client.get(f"{API}/session").json()["csrf_token"] is None
    assert client.delete(f"{API}/session").status_code == 409


def test_use_prolongs_a_session(desk: Workspace, browser: TestClient):
    with desk.database.write() as session:
        login = session.exec(select(LoginSession)).one()
        before = login.seen_at.replace(year=login.seen_at.year - 1)
        session.exec(update(LoginSession).values(seen_at=before))
    browser.get(f"{API}/session")
    with desk.database.read() as session:
        assert session.exec(select(LoginSession)).one().seen_at > login.seen_at


# Pages


def login_link(desk: Workspace, minutes: int = 60) -> str:
    with desk.database.write() as session:
        user_id = session.exec(select(User.id)).one()
        return f"/login?token={new_login_link(session, user_id, minutes)}"


def test_a_login_link_signs_in_once_and_says_so_the_second_time(
    desk: Workspace, stranger: TestClient, app: FastAPI
):
    new_person(desk.database, "ana")
    link = login_link(desk)
    answer = stranger.get(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert stranger.get(f"{API}/session").json()["name"] == "ana"
    again = TestClient(app, base_url=BASE).get(link)
    assert again.status_code == 410 and "was used before" in again.text and "<form" in again.text
    assert "Set-Cookie" not in again.headers
    assert link.partition("=")[2] not in again.text
    assert [(each.via, each.result) for each in records(desk)] == [
        ("link", AuditResult.DONE),
        ("link", AuditResult.REFUSED),
    ]


def test_an_old_link_and_a_broken_one_say_what_to_do(desk: Workspace, stranger: TestClient):
    new_person(desk.database, "ana")
    assert "too old" in stranger.get(login_link(desk, minutes=0)).text
    broken = stranger.get("/login?token=%00")
    assert broken.status_code == 410 and "casemill user link" in broken.text


def test_a_browser_that_is_not_signed_in_gets_the_form(stranger: TestClient):
    answer = stranger.get("/", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    form = stranger.get("/login")
    assert form.status_code == 200 and 'action="/login"' in form.text and "<script" not in form.text


def test_all_that_the_pages_show_is_there(stranger: TestClient):
    text = stranger.get("/login").text
    shown = set(re.findall(r'(?:href|src)="([^"]+)"', text))
    assert shown == {"/static/casemill.svg", "/static/casemill.css"}
    assert {stranger.get(path).status_code for path in shown} == {200}
    assert stranger.get("/static/../pages.py").status_code != 200


def test_the_form_signs_in_and_out_without_scripts(desk: Workspace, stranger: TestClient):
    new_person(desk.database, "ana")
    ours = {"Origin": BASE}
    answer = stranger.post("/login", data={"name": "ana", "password": PASSWORD}, headers=ours)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert stranger.get(f"{API}/session").json()["name"] == "ana"
    assert stranger.post("/logout").status_code == 403  # nobody knows which page asked
    assert stranger.post("/logout", headers={"Origin": "http://evil.example"}).status_code == 403
    assert stranger.post("/logout", headers=ours).headers["Location"] == "/login"
    assert stranger.get(f"{API}/session").status_code == 401


def test_who_signs_in_goes_on_to_what_they_asked_for(desk: Workspace, stranger: TestClient):
    new_person(desk.database, "ana")
    asked = stranger.get("/jobs?status=failed&q=a%26b", headers={"Accept": "text/html"})
    assert asked.headers["Location"] == "/login?next=%2Fjobs%3Fstatus%3Dfailed%26q%3Da%2526b"
    form = stranger.get(asked.headers["Location"])
    assert 'name="next" value="/jobs?status=failed&amp;q=a%26b"' in form.text
    given = {"name": "ana", "password": PASSWORD, "next": "/jobs?status=failed&q=a%26b"}
    answer = stranger.post("/login", data=given, headers={"Origin": BASE})
    assert answer.headers["Location"] == "/jobs?status=failed&q=a%26b"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\tx", ""],
)
def test_nobody_is_led_elsewhere(desk: Workspace, stranger: TestClient, elsewhere: str):
    new_person(desk.database, "ana")
    given = {"name": "ana", "password": PASSWORD, "next": elsewhere}
    answer = stranger.post("/login", data=given, headers={"Origin": BASE})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_form_elsewhere_signs_nobody_in(desk: Workspace, stranger: TestClient):
    """Who is signed in as somebody else without noticing hands that one their work."""
    new_person(desk.database, "ana")
    form = {"name": "ana", "password": PASSWORD}
    answer = stranger.post("/login", data=form, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403 and COOKIE not in stranger.cookies


def test_the_form_says_what_was_wrong_and_repeats_the_name_as_text_and_no_password(stranger: TestClient):
    hostile = '"><script>alert(1)</script>'
    answer = stranger.post("/login", data={"name": hostile, "password": "the password given"})
    assert answer.status_code == 401 and "name or the password is wrong" in answer.text
    assert "<script" not in answer.text and "&lt;script&gt;" in answer.text
    assert "the password given" not in answer.text


@pytest.mark.parametrize(
    "form", [{}, {"name": "\x00", "password": "x"}, {"name": "x" * 500, "password": "x"}]
)
def test_a_form_filled_with_nonsense_gets_the_form_again(stranger: TestClient, form: dict[str, str]):
    answer = stranger.post("/login", data=form)
    assert answer.status_code == 401 and "<form" in answer.text


def test_the_form_says_when_there_were_too_many_tries(desk: Workspace, stranger: TestClient):
    for _ in range(5):
        stranger.post("/login", data={"name": "ana", "password": "wrong"})
    answer = stranger.post("/login", data={"name": "ana", "password": "wrong"})
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert "Too many wrong passwords" in answer.text


def test_a_user_with_a_hostile_name_is_shown_as_text(desk: Workspace, stranger: TestClient):
    new_person(desk.database, "<img src=x onerror=alert(1)>")
    stranger.get(login_link(desk))
    assert "<img src=x" not in stranger.get("/").text
