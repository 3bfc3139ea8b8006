"""The API behind a real server, and streams of events heard over real connections."""

import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from httpx_sse import ServerSentEvent, connect_sse

from casemill.access.tokens import issue_token
from casemill.db import Database
from casemill.models import FeedKind, Job, JobEvent, JobStatus, Role, Scope, User
from casemill.models.columns import utc_now


@contextmanager
def served(app: FastAPI) -> Generator[str]:
    """The base URL of the app on a free port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    # With the context of the test, in which Prefect's settings stand
    run = copy_context().run
    thread = threading.Thread(target=run, args=(server.run, [listening]), daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


class Heard:
    """A stream of events, read in this thread as far as a test wants."""

    def __init__(self, response: httpx.Response, events: Iterator[ServerSentEvent]) -> None:
        self.response = response
        self._events = events

    def next(self) -> ServerSentEvent:
        return next(self._events)

    def take(self, count: int) -> list[ServerSentEvent]:
        return [self.next() for _ in range(count)]

    def rest(self) -> list[ServerSentEvent]:
        """Up to where the server closes."""
        return list(self._events)


class Ear:
    """Listens as one user."""

    def __init__(self, url: str, secret: str, user_id: UUID, token_id: UUID) -> None:
        self.user_id, self.token_id = user_id, token_id
        self.http = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {secret}"}, timeout=20
        )

    @contextmanager
    def on(self, path: str, last: int | str | None = None) -> Generator[Heard]:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        with connect_sse(self.http, "GET", path, headers=headers) as source:
            yield Heard(source.response, source.iter_sse())


def ear(database: Database, url: str, role: Role = Role.VIEWER, scope: Scope = Scope.ALL) -> Ear:
    with database.write() as session:
        session.add(user := User(name=f"{role} {scope} {time.monotonic_ns()}", role=role, scope=scope))
        session.flush()
        token, secret = issue_token(session, user.id, "test")
    return Ear(url, secret, user.id, token.id)


def new_job(database: Database, user_id: UUID | None = None, status: JobStatus = JobStatus.RUNNING) -> UUID:
    job = Job(id=uuid4(), user_id=user_id, status=status, created_at=utc_now())
    with database.write() as session:
        session.add(job)
    return job.id


def tell(database: Database, job_id: UUID | None, kind: FeedKind = FeedKind.PROGRESS, **data: Any) -> int:
    """Adds a row to the feed; its id."""
    with database.write() as session:
        session.add(event := JobEvent(kind=kind, job_id=job_id, occurred_at=utc_now(), data=data))
        session.flush()
        assert event.id is not None
        return event.id
