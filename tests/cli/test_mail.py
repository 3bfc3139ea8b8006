"""`casemill mail ...`"""

import json
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from casemill.cli import app
from casemill.db import Database
from casemill.mail.templates import SAMPLES
from casemill.migrations import migrate
from casemill.models import Attempt, MailKind, MailState
from casemill.operations import outbox
from casemill.settings import Settings

run = CliRunner()
KIND = MailKind.TRIAL_EXPIRED


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "casemill.db").write_bytes(sqlite_template.read_bytes())
    return tmp_path / "home"


@pytest.fixture
def unknown(home: Path) -> UUID:
    """A message of which nobody knows whether it was sent."""
    database = Database(Settings(home=home).database)
    migrate(database)
    by = Attempt(UUID(int=1))
    with database.write() as session:
        mail = outbox.enqueue(session, KIND, "jane.doe@example.org", "trial:1", SAMPLES[KIND]).id
        outbox.take(session, mail, by)
        outbox.hand_over(session, mail, by)
        words = "the connection to jane.doe@example.org ended"
        outbox.settle(session, mail, by, MailState.UNKNOWN, words)
    database.close()
    return mail


@pytest.mark.parametrize("kind", MailKind)
def test_a_preview_is_the_text_or_a_file_of_html(kind: MailKind, tmp_path: Path):
    shown = run.invoke(app, ["mail", "preview", kind])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Subject: ")
    assert str(SAMPLES[kind]["url"]) in shown.stdout
    file = tmp_path / "message.html"
    assert run.invoke(app, ["mail", "preview", kind, "--html", str(file)]).exit_code == 0
    assert file.read_text().startswith("<!doctype html>")
    assert run.invoke(app, ["mail", "preview", "love_letter"]).exit_code == 2


def test_the_outbox_is_listed_with_masked_addresses(home: Path, unknown: UUID):
    listed = run.invoke(app, ["mail", "list", "--json", "--home", str(home)])
    (mail,) = json.loads(listed.stdout)
    assert (mail["id"], mail["to"], mail["state"]) == (str(unknown), "j***@example.org", "unknown")
    assert mail["said"] == "the connection to j***@example.org ended"
    table = run.invoke(app, ["mail", "list", "--state", "unknown", "--home", str(home)])
    assert str(unknown) in table.stdout
    assert "jane" not in listed.stdout + table.stdout
    nothing = run.invoke(app, ["mail", "list", "--state", "sent", "--home", str(home)])
    assert "No message matches" in nothing.stdout


def test_a_person_has_a_message_sent_again(home: Path, unknown: UUID):
    assert run.invoke(app, ["mail", "again", str(unknown), "--home", str(home)]).exit_code == 0
    listed = run.invoke(app, ["mail", "list", "--json", "--home", str(home)])
    assert [mail["state"] for mail in json.loads(listed.stdout)] == ["pending"]
    assert run.invoke(app, ["mail", "again", str(unknown), "--home", str(home)]).exit_code == 1
