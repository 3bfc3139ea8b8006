"""A Prefect server of the tests' own, and the workspace that flows open from their environment."""

from collections.abc import Iterator

import pytest

from blocks.open_workspace import open_workspace
from casemill.workspace import Workspace


@pytest.fixture
def flow_workspace(
    prefect_server: None, desk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """The workspace of the flows run in this test; the same database and home as `desk`."""
    monkeypatch.setenv("CASEMILL_HOME", str(desk.settings.home))
    monkeypatch.setenv(
        "CASEMILL_DATABASE_URL", desk.database.engine.url.render_as_string(hide_password=False)
    )
    monkeypatch.setenv("CASEMILL_PROCESSES", "2")
    monkeypatch.setenv("CASEMILL_CASES_PER_JOB", "2")
    open_workspace.cache_clear()
    yield open_workspace()
    open_workspace().close()
    open_workspace.cache_clear()
