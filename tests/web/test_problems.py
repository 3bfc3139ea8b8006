"""Errors have one shape, answers say what browsers may do with them, and bodies are small."""

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy.exc import DataError, OperationalError

from casemill.errors import (
    BadInput,
    CasemillError,
    Denied,
    NotFound,
    NotSignedIn,
    Refused,
    TooManyTries,
    Unavailable,
)
from casemill.models import Role
from casemill.web.body_limit import MOST_BYTES
from tests.web.conftest import BASE, As, NewClient

API = "/api/v1"


def is_problem(answer: Response, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == body["status"] == status
        and answer.headers["Content-Type"] == "application/problem+json"
        and bool(body["title"] and body["detail"])
        and body["type"].startswith("urn:casemill:problem:")
    )


def raising(app: FastAPI, error: Exception) -> None:
    @app.get("/api/v1/broken")
    def broken() -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("gone"), 404),
        (Refused("over"), 409),
        (BadInput("wrong"), 422),
        (Denied("no"), 403),
        (NotSignedIn("who"), 401),
        (TooManyTries("wait", 30), 429),
        (Unavailable("away"), 503),
        (CasemillError("other"), 422),
        (OperationalError("UPDATE secret", {"password_hash": "secret"}, Exception("locked")), 503),
        (DataError("UPDATE secret", {"password_hash": "secret"}, Exception("NUL")), 422),
        (RuntimeError("secret"), 500),
    ],
)
def test_every_error_is_a_problem_that_tells_nothing_from_inside(
    app: FastAPI, api_as: NewClient, error: Exception, status: int
):
    raising(app, error)
    answer = api_as(Role.VIEWER).get(f"{API}/broken")
    assert is_problem(answer, status)
    assert "secret" not in answer.text
    assert answer.json()["instance"] == "/api/v1/broken"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


def test_what_is_not_there_and_what_cannot_be_done_are_problems(api_as: NewClient):
    client = api_as(Role.VIEWER)
    assert is_problem(client.get(f"{API}/nothing"), 404)
    answer = client.request("POST", f"{API}/audit")
    assert is_problem(answer, 405) and answer.headers["Allow"] == "GET"


def test_bad_input_says_where_and_not_what_was_sent(api_as: NewClient):
    given = {"name": "ana", "password": ["a secret password"]}
    answer = api_as(Role.ADMIN).post(f"{API}/users", json=given)
    assert is_problem(answer, 422)
    assert answer.json()["errors"][0]["where"] == "body.password"
    assert "a secret password" not in answer.text


def test_a_problem_does_not_repeat_what_follows_the_question_mark(stranger: TestClient):
    answer = stranger.get(f"{API}/audit?token=secret")
    assert is_problem(answer, 401) and "secret" not in answer.text


def test_a_host_name_that_is_not_ours_is_refused(app: FastAPI):
    for host in ("evil.example", "evil.example:4300", "127.0.0.1.evil.example", "[::1"):
        answer = TestClient(app, base_url=BASE).get("/login", headers={"Host": host})
        assert is_problem(answer, 400), host


@pytest.mark.parametrize("path", ["/login", f"{API}/session", "/nothing", "/static/casemill.css"])
def test_every_answer_forbids_the_browser_what_it_need_not_do(stranger: TestClient, path: str):
    headers = stranger.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "script-src" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers


def test_pages_of_the_dashboard_run_our_scripts_and_none_that_stands_in_them(api_as: NewClient):
    page = api_as(Role.VIEWER).get("/jobs")
    policy = page.headers["Content-Security-Policy"]
    assert (
        "script-src 'self'" in policy and "unsafe" not in policy and policy.startswith("default-src 'none'")
    )
    assert "style=" not in page.text and " onclick" not in page.text
    assert all('src="/static/' in each for each in re.findall(r"<script[^>]*>", page.text))


def test_who_looks_at_a_page_gets_errors_as_sentences_on_a_page(api_as: NewClient):
    viewer = api_as(Role.VIEWER)
    answer = viewer.get("/jobs?status=nonsense", headers={"Accept": "text/html"})
    assert answer.status_code == 422 and answer.headers["Content-Type"].startswith("text/html")
    assert "status" in answer.text and "Back to the dashboard" in answer.text
    assert is_problem(viewer.get("/jobs?status=nonsense", headers={"HX-Request": "true"}), 422)


def test_answers_of_the_api_are_kept_nowhere(stranger: TestClient, api_as: NewClient):
    assert stranger.get("/login").headers["Cache-Control"] == "no-store"
    assert api_as(Role.VIEWER).get(f"{API}/session").headers["Cache-Control"] == "no-store"


def chunks(size: int) -> Iterator[bytes]:
    """A body whose length nobody announces."""
    yield from (b" " * 65536 for _ in range(size // 65536))


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(api_as: NewClient, announced: bool):
    body = b" " * (MOST_BYTES + 65536)
    json = {"Content-Type": "application/json"}
    content = body if announced else chunks(len(body))
    answer = api_as(Role.ADMIN).post(f"{API}/users", content=content, headers=json)
    assert is_problem(answer, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def test_what_strangers_send_is_not_looked_at(stranger: TestClient):
    broken = stranger.post(f"{API}/users", content=b"{", headers={"Content-Type": "application/json"})
    assert is_problem(broken, 401)
    assert is_problem(stranger.post(f"{API}/users", content=chunks(MOST_BYTES * 2)), 401)


@pytest.mark.parametrize("path", ["/login", f"{API}/session"])
def test_a_sign_in_that_is_too_large_is_refused(stranger: TestClient, path: str):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = stranger.post(path, content=chunks(MOST_BYTES + 65536), headers=form)
    assert is_problem(answer, 413)


@pytest.fixture
def admin(api_as: NewClient) -> As:
    return api_as(Role.ADMIN)


def test_a_length_that_is_none_is_refused(admin: As):
    for length in ("-1", "many", "9" * 5000):
        assert admin.post(f"{API}/users", headers={"Content-Length": length}).status_code == 413


def test_the_openapi_document_is_for_those_who_are_signed_in(stranger: TestClient, admin: As):
    assert stranger.get(f"{API}/openapi.json").status_code == 401
    document = admin.get(f"{API}/openapi.json").json()
    assert document["openapi"].startswith("3.1") and f"{API}/users" in document["paths"]
    assert "Problem" in document["components"]["schemas"]


def test_pages_of_documentation_that_load_scripts_from_elsewhere_are_not_served(admin: As):
    assert {admin.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")} == {404}
