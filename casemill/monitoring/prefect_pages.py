"""Links into Prefect's own pages."""

import os
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from casemill.settings import Settings


def page_of_run(settings: Settings, job_id: UUID) -> str:
    """Where Prefect's UI shows the run: as its own variables say, else on the server that we start."""
    return f"{_ui(settings)}/runs/flow-run/{job_id}"


def _ui(settings: Settings) -> str:
    if ui := os.environ.get("PREFECT_UI_URL"):
        return _public(ui)
    if api := os.environ.get("PREFECT_API_URL"):
        return _public(api).removesuffix("/api")
    return f"http://127.0.0.1:{settings.prefect_port}"


def _public(url: str) -> str:
    """Without the password that an address may hold."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
