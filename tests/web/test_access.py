"""Who may call what, proved for every endpoint that the OpenAPI document lists: new ones are covered too.

What each needs stands in the document (security: token: [role]); what is open stands here, by name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import col, func, select

from casemill.models import AuditRecord, AuditResult, Role
from casemill.web.app import openapi
from casemill.web.gate import OPEN
from casemill.web.headers import STATIC
from casemill.workspace import Workspace
from tests.web.conftest import As, NewClient

OPEN_TO_STRANGERS = {
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/api/v1/session"),
    ("GET", "/claims/verify"),
    ("POST", "/claims/verify"),
}
OPEN_TO_VIEWERS = {  # actions that touch nobody but who asks
    ("DELETE", "/api/v1/session"),
    ("PUT", "/api/v1/users/me/password"),
    ("POST", "/api/v1/tokens"),
    ("DELETE", "/api/v1/tokens/{id}"),
}
ALSO_NEEDED = {  # what a schema cannot say
    ("POST", "/api/v1/jobs/bulk"): {"ids": ["0198c0de-0000-7000-8000-000000000000"]},
    ("PUT", "/api/v1/users/{id}/trial"): {
        "plan": "team",
        "starts_at": "2026-11-01T00:00:00Z",
        "ends_at": "2026-12-01T00:00:00Z",
    },
}
FOLLOWED = "text/event-stream"  # goes on as long as somebody listens


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the document has it."""

    method: str
    path: str
    described: dict[str, Any]
    schemas: dict[str, Any]

    @property
    def name(self) -> tuple[str, str]:
        return self.method, self.path

    @property
    def needs(self) -> Role | None:
        needed = [role for way in self.described.get("security", []) for role in way.get("token", [])]
        return max(map(Role, needed), key=list(Role).index, default=None)

    @property
    def acts(self) -> bool:
        return self.method != "GET"

    @property
    def streams(self) -> bool:
        return FOLLOWED in self.described["responses"].get("200", {}).get("content", {})

    def call(self, client: TestClient, **options: Any) -> Response:
        """With ids that nothing has."""
        path = re.sub(r"\{(\w+)\}", lambda found: self._value_of(found[1]), self.path)
        return client.request(self.method, path, **options)

    def act(self, client: TestClient) -> Response:
        """With the least that the document asks for."""
        query = {
            each["name"]: self._example(each["schema"])
            for each in self.described.get("parameters", [])
            if each["in"] == "query" and each.get("required")
        }
        content = self.described.get("requestBody", {}).get("content", {})
        options: dict[str, Any] = {"params": query}
        if "application/json" in content:
            given = self._example(content["application/json"]["schema"])
            options["json"] = given | ALSO_NEEDED.get(self.name, {})
        elif content:
            options["files"] = {"file": ("note.txt", b"a note", "text/plain")}
        return self.call(client, **options)

    def _value_of(self, parameter: str) -> str:
        described = self.described["parameters"]
        return str(self._example(next(each["schema"] for each in described if each["name"] == parameter)))

    def _example(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self._example(self.schemas[schema["$ref"].rpartition("/")[2]])
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                return self._example(schema[choice][0])
        if "const" in schema or "enum" in schema:
            return schema.get("const") or schema["enum"][0]
        match schema.get("type"):
            case "object":
                given = {
                    name: self._example(schema["properties"][name]) for name in schema.get("required", [])
                }
                return given | schema.get("examples", [{}])[0]
            case "array":
                return [self._example(schema["items"])] * max(1, schema.get("minItems", 0))
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
            case _ if schema.get("format") == "uuid":
                return str(uuid4())
            case _:
                return "x" * max(16, schema.get("minLength", 0))


@pytest.fixture
def operations(app: FastAPI) -> list[Operation]:
    document = openapi(app)
    found = [
        Operation(method.upper(), path, described, document["components"]["schemas"])
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    assert len(found) >= 15, "where is the API?"
    return found


def is_problem(answer: Response) -> bool:
    return answer.headers["Content-Type"] == "application/problem+json" and bool(answer.json()["detail"])


def test_what_is_open_to_strangers_is_what_is_listed_here():
    assert OPEN == OPEN_TO_STRANGERS


def test_nothing_else_answers_without_authentication(operations: list[Operation], stranger: TestClient):
    for operation in operations:
        if operation.name in OPEN_TO_STRANGERS:
            continue
        for headers in ({}, {"Authorization": "Bearer cm_wrong"}, {"Cookie": "casemill_session=wrong.wrong"}):
            answer = operation.call(stranger, headers=headers)
            assert answer.status_code == 401 and is_problem(answer), (operation.name, headers, answer.text)


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """What the document does not list, such as pages."""
    for route in app.routes:
        for method in getattr(route, "methods", None) or ():
            yield method, getattr(route, "path", "")


def test_what_the_document_does_not_list_answers_nobody_either(app: FastAPI, stranger: TestClient):
    unlisted = {(method, path) for method, path in routes(app) if not path.startswith(STATIC)}
    for method, path in unlisted - OPEN_TO_STRANGERS | {("GET", "/metrics"), ("GET", "/made-up")}:
        assert stranger.request(method, path).status_code == 401, (method, path)


def test_a_router_that_forgets_to_ask_who_calls_is_locked_all_the_same(app: FastAPI, stranger: TestClient):
    @app.get("/api/v1/forgotten")
    def forgotten() -> str:
        return "secret"

    assert stranger.get("/api/v1/forgotten").status_code == 401


def test_every_operation_says_what_role_it_needs(operations: list[Operation]):
    silent = {each.name for each in operations if each.needs is None}
    assert silent <= OPEN_TO_STRANGERS


def test_viewers_only_see(operations: list[Operation]):
    for_viewers = {each.name for each in operations if each.acts and each.needs == Role.VIEWER}
    assert for_viewers == OPEN_TO_VIEWERS


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_what_needs_more_is_denied_before_anything_is_looked_up(
    operations: list[Operation], api_as: NewClient, role: Role
):
    client = api_as(role)
    checked = 0
    for operation in operations:
        if operation.needs is not None and not role.includes(operation.needs):
            answer = operation.call(client)
            assert answer.status_code == 403 and is_problem(answer), (operation.name, answer.text)
            checked += 1
    assert checked >= 5


def test_what_a_role_may_is_not_denied(operations: list[Operation], api_as: NewClient):
    clients = {role: api_as(role) for role in Role}
    for operation in operations:
        if operation.needs is not None and not operation.acts and not operation.streams:
            answer = operation.call(clients[operation.needs], params={"timeout": 0})
            assert answer.status_code not in (401, 403), (operation.name, answer.text)


def test_a_denied_action_is_in_the_audit_log(desk: Workspace, operations: list[Operation], api_as: NewClient):
    viewer = api_as(Role.VIEWER)
    denied = [each for each in operations if each.acts and each.needs not in (None, Role.VIEWER)]
    for operation in denied:
        operation.call(viewer)
    with desk.database.read() as session:
        found = session.exec(select(AuditRecord).order_by(col(AuditRecord.id))).all()
    assert [(each.user_id, each.result) for each in found] == [
        (viewer.user_id, AuditResult.DENIED) for _ in denied
    ]


def recorded(desk: Workspace) -> int:
    with desk.database.read() as session:
        return session.exec(select(func.count()).select_from(AuditRecord)).one()


@pytest.fixture
def admin(api_as: NewClient) -> As:
    return api_as(Role.ADMIN)


@pytest.mark.usefixtures("prefect_server")
def test_every_action_leaves_an_audit_record(desk: Workspace, operations: list[Operation], admin: As):
    silent: list[tuple[Any, ...]] = []
    for operation in operations:
        if not operation.acts:
            continue
        before = recorded(desk)
        answer = operation.act(admin)
        if recorded(desk) == before:
            silent.append((*operation.name, answer.status_code, answer.text))
    assert silent == []


def test_paths_call_an_id_id_and_a_name_name(operations: list[Operation]):
    """One word for one thing, in the whole document."""
    named = {name for operation in operations for name in re.findall(r"{(\w+)", operation.path)}
    assert named == {"id", "name"}
