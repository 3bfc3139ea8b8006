"""What is done is written down, whatever becomes of it, and no secret with it."""

from uuid import uuid4

import pytest
from sqlmodel import select

from casemill.access.actor import Actor
from casemill.access.audit import audited
from casemill.db import Database
from casemill.errors import Denied, NotFound, NotSignedIn, Refused, Unavailable
from casemill.models import AuditRecord, AuditResult, Role, Scope

ANA = Actor(uuid4(), "ana", Role.OPERATOR, Scope.OWN, "token", "192.0.2.1")


def only_record(database: Database) -> AuditRecord:
    with database.read() as session:
        return session.exec(select(AuditRecord)).one()


def test_a_record_says_who_did_what_on_what_from_where_and_what_came_of_it(database: Database):
    about = uuid4()
    with audited(database, ANA, "job.cancel", "job:1") as detail:
        detail["about"] = about
    record = only_record(database)
    assert (record.user_id, record.user_name, record.via, record.address) == (
        ANA.user_id,
        "ana",
        "token",
        "192.0.2.1",
    )
    assert (record.action, record.target, record.result) == ("job.cancel", "job:1", AuditResult.DONE)
    assert record.detail == {"about": str(about)}


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (NotFound("No job"), AuditResult.REFUSED),
        (Refused("It is over"), AuditResult.REFUSED),
        (Denied("Not yours"), AuditResult.DENIED),
        (NotSignedIn("Wrong"), AuditResult.DENIED),
        (Unavailable("Prefect is away"), AuditResult.FAILED),
    ],
)
def test_a_failure_is_written_down_and_goes_on(sqlite: Database, error: Exception, result: AuditResult):
    with pytest.raises(type(error)), audited(sqlite, ANA, "job.cancel"):
        raise error
    record = only_record(sqlite)
    assert (record.result, record.message) == (result, str(error))


def test_of_an_error_that_is_not_ours_only_the_kind_is_kept(sqlite: Database):
    """Texts of database errors hold the values that were written, a password's hash among them."""
    with pytest.raises(ValueError), audited(sqlite, ANA, "user.create"):
        raise ValueError("$argon2id$secret")
    assert only_record(sqlite).message == "ValueError"


def test_no_action_goes_unrecorded_for_a_character_in_it(database: Database):
    with pytest.raises(NotFound), audited(database, ANA, "job.find", "job:\x00") as detail:
        detail["q"] = "\x00\ud800"
        raise NotFound("No job \x00\ud800")
    record = only_record(database)
    assert (record.target, record.message) == ("job:?", "No job ??")
