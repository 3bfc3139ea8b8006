"""The command `casemill`, without a server: what it prints and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from casemill.cli import app
from casemill.cli.results import print_batch
from casemill.models import Batch
from casemill.workspace import Workspace
from tests.conftest import NewOwner
from tests.ledger import begin, chain_of, do_nothing, work

runner = CliRunner()

WITHOUT_DATA = [("mail", "preview")]


def commands(group: typer.Typer, *names: str) -> list[tuple[str, ...]]:
    """The full names of all commands."""
    found = [(*names, command.name or "") for command in group.registered_commands]
    for sub in group.registered_groups:
        assert sub.typer_instance is not None
        found.extend(commands(sub.typer_instance, *names, sub.name or ""))
    return found


@pytest.mark.parametrize("command", commands(app), ids=" ".join)
def test_every_command_takes_home_and_says_what_it_does(command: tuple[str, ...]) -> None:
    shown = runner.invoke(app, [*command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    assert "--home" in shown.output or command in WITHOUT_DATA


def ask(home: Path, *arguments: str) -> Any:
    done = runner.invoke(app, [*arguments, "--json", "--home", str(home)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_new_home_has_nothing_yet_and_says_what_to_do_next(tmp_path: Path) -> None:
    assert ask(tmp_path / "home", "case", "list") == []
    assert ask(tmp_path / "home", "search", "anything") == {"total": 0, "hits": []}
    shown = runner.invoke(app, ["case", "list", "--home", str(tmp_path / "home")])
    assert "casemill extract FOLDER" in shown.stdout


def test_without_a_server_a_command_that_needs_one_says_so(tmp_path: Path) -> None:
    done = runner.invoke(
        app, ["batch", "start", "--all", "--home", str(tmp_path)], env={"PREFECT_API_URL": None}
    )
    assert done.exit_code != 0
    assert "casemill up" in str(done.exception)


def test_a_batch_of_no_cases_and_all_cases_at_once_is_bad_usage(tmp_path: Path) -> None:
    for arguments in ([], ["--all", "--case", "one"]):
        assert runner.invoke(app, ["batch", "start", *arguments, "--home", str(tmp_path)]).exit_code == 2


def test_markup_in_hostile_names_is_shown_and_not_obeyed(
    desk: Workspace, new_case: NewOwner, capsys: pytest.CaptureFixture[str]
) -> None:
    case = new_case(desk, "[red]v. [link=file:///etc/passwd]State")
    registry = chain_of(only=do_nothing)
    batch_id = begin(desk.database, registry, [case])
    work(desk, registry, batch_id)
    with desk.database.read() as session:
        print_batch(session, session.get_one(Batch, batch_id))
    assert "[red]v." in capsys.readouterr().out


def test_the_doctor_tells_a_new_home_from_a_sick_one(tmp_path: Path) -> None:
    found = {part["part"]: part["health"] for part in ask(tmp_path / "new", "doctor")}
    assert found["database"] == found["Prefect"] == found["worker"] == "missing"
    assert found["sandbox"] == found["storage"] == "well"
    (tmp_path / "sick").mkdir()
    (tmp_path / "sick" / "casemill.db").write_text("this is no database, it only has the name of one")
    done = runner.invoke(app, ["doctor", "--json", "--home", str(tmp_path / "sick")])
    assert done.exit_code == 1
    assert {part["part"]: part["health"] for part in json.loads(done.stdout)}["database"] == "ill"
