"""The API over a real workspace, asked by users of each role with real tokens."""

from collections.abc import Callable
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from casemill.access.tokens import issue_token
from casemill.db import Database
from casemill.models import Role, Scope, User
from casemill.web.app import create_app
from casemill.workspace import Workspace

BASE = "http://127.0.0.1"


class As(TestClient):
    """A client that asks as one user. `user_id` is theirs."""

    user_id: UUID


NewClient = Callable[..., As]


def new_user(database: Database, role: Role, scope: Scope = Scope.OWN, name: str | None = None) -> UUID:
    with database.write() as session:
        session.add(user := User(name=name or f"{role} {scope}", role=role, scope=scope))
    return user.id


@pytest.fixture
def app(desk: Workspace) -> FastAPI:
    return create_app(desk)


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    """A browser that nobody is signed in with, as every one begins."""
    return TestClient(app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def api_as(desk: Workspace, app: FastAPI) -> NewClient:
    """api_as(Role.OPERATOR) -> a client of the API over `desk` that asks as a new user of this role."""

    def make(role: Role, scope: Scope = Scope.OWN, name: str | None = None) -> As:
        user_id = new_user(desk.database, role, scope, name)
        with desk.database.write() as session:
            _, secret = issue_token(session, user_id, "test")
        headers = {"Authorization": f"Bearer {secret}"}
        client = As(app, base_url=BASE, headers=headers, raise_server_exceptions=False)
        client.user_id = user_id
        return client

    return make
