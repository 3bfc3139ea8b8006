"""Prefect as it is when it is down: an address where nobody answers."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def without_prefect() -> Iterator[None]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        yield
