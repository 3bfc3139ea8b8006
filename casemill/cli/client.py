"""The API, as commands ask it."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Self

import httpx

from casemill.cli.options import NotRunning
from casemill.errors import CasemillError
from casemill.local.stack import running_own_url
from casemill.local.this_machine import read_token
from casemill.settings import Settings

_SECONDS = 120  # a bulk action over many jobs takes its time


class ApiRefused(CasemillError):
    """What the API said no with, in its words."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Context manager. Paths are relative to /api/v1; answers are JSON, errors exceptions of ours."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.http = httpx.Client(
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(_SECONDS, connect=5),
            trust_env=False,  # our own server on loopback is not behind a proxy
        )

    def get(self, path: str, **query: Any) -> Any:
        return self._ask(
            "GET", path, params={name: value for name, value in query.items() if value is not None}
        )

    def all(self, path: str, name: str) -> list[Any]:
        """All pages of a list."""
        found: list[Any] = []
        page = pages = 1
        while page <= pages:
            answer = self.get(path, page=page, per_page=200)
            found.extend(answer[name])
            page, pages = page + 1, answer["pages"]
        return found

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self._ask("POST", path, json=body, **options)

    def put(self, path: str, body: Any = None) -> Any:
        return self._ask("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        return self._ask("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        with self._reached():
            answer = self.http.request(method, path, **options)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise refusal(answer)

    @contextmanager
    def _reached(self) -> Generator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise NotRunning(
                f"The API does not answer at {self.url} ({error}). Is `casemill up` running?"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()


def open_api(settings: Settings) -> Api:
    """Of CASEMILL_API_URL with the token in CASEMILL_API_TOKEN, or of the `casemill up` on this home."""
    token = os.environ.get("CASEMILL_API_TOKEN")
    if url := os.environ.get("CASEMILL_API_URL"):  # this machine's token is no other's business
        if token is None:
            raise NotRunning(f"Set CASEMILL_API_TOKEN to a token for {url}; `casemill token new` makes one")
        return Api(url.rstrip("/"), token)
    url, token = running_own_url(settings), token or read_token(settings)
    if url is None or token is None:
        raise NotRunning(
            f"Nothing runs on {settings.home}: start it with `casemill up`, name another home with --home, "
            "or set CASEMILL_API_URL and CASEMILL_API_TOKEN"
        )
    return Api(url, token)


def refusal(answer: httpx.Response) -> ApiRefused:
    """An error answer as an exception: the API says in a sentence what is wrong."""
    try:
        said = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        said = f"The API answered {answer.status_code} {answer.reason_phrase} to {answer.request.url.path}"
    return ApiRefused(said, answer.status_code)
