"""Options that commands share, and what they open."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from casemill.db import Database
from casemill.errors import CasemillError
from casemill.local.stack import prefect_environment, running_api_url
from casemill.migrations import migrate
from casemill.settings import Settings, read_settings
from casemill.workspace import Workspace

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder that holds all data.", show_default=".casemill", envvar="CASEMILL_HOME"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
PrefectPort = Annotated[
    int | None, typer.Option("--prefect-port", help="Port of Prefect's server.", show_default="4200")
]
Port = Annotated[int | None, typer.Option("--port", help="Port of the API.", show_default="4300")]

stdout = Console(soft_wrap=True)
stderr = Console(stderr=True)


class NotRunning(CasemillError):
    pass


class BadUsage(typer.BadParameter):
    """Exit status 2, with a sentence that says what was meant."""


def settings_of(home: Path | None, prefect_port: int | None = None, api_port: int | None = None) -> Settings:
    return read_settings(home, prefect_port=prefect_port, api_port=api_port)


def open_workspace(settings: Settings) -> Workspace:
    """The workspace of this command, with its database at the newest schema."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database)
    migrate(database)
    database.close()
    return Workspace.open(settings)


def connect_prefect(settings: Settings, api_url: str) -> None:
    """Tells Prefect, which reads its settings when it is imported, where its server is."""
    os.environ.update(prefect_environment(settings, api_url))


def require_prefect(settings: Settings) -> None:
    """Connects to the running `casemill up`, or to the server that PREFECT_API_URL names."""
    api_url = running_api_url(settings) or os.environ.get("PREFECT_API_URL")
    if api_url is None:
        raise NotRunning(
            f"Nothing runs on {settings.home}: start it with `casemill up`, or name another home with --home"
        )
    connect_prefect(settings, api_url)


def print_json(value: Any) -> None:
    """JSON for programs, alone on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
