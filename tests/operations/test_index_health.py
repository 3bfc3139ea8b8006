"""How search is, by what the last comparisons found."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casemill.db import Database
from casemill.models import Case, IndexReport
from casemill.operations.index_health import KEPT, OVERDUE, IndexState, index_health, record_report
from tests.trials import at

NOW = at("2026-06-20T12:00")


def record(database: Database, *, id: UUID | None = None, ago: timedelta = timedelta(), **found: object):
    with database.write() as session:
        record_report(session, IndexReport(id=id or uuid4(), finished_at=NOW - ago, **found))


def health(database: Database):
    with database.read() as session:
        return index_health(session, NOW)


def test_before_the_first_comparison_nobody_knows(database: Database):
    assert (health(database).state, health(database).report) == (IndexState.UNKNOWN, None)


@pytest.mark.parametrize(
    ("found", "state", "says"),
    [
        ({"owners": 3, "documents": 9}, "well", "9 documents of 3 owners are as they should be"),
        ({"missing": 2, "different": 1, "repaired": 1}, "well", "2 missing, 0 stale, 0 orphaned"),
        (
            {"stale": 2, "different": 2, "repaired": 1, "unrepaired": 1},
            "differs",
            "1 of 2 owners repaired, 1 not",
        ),
        ({"orphaned": 1, "different": 1, "dry_run": True}, "differs", "nothing repaired in a dry run"),
        ({"dry_run": True}, "well", "as they should be"),
        ({"error": "SearchBroken: delete the file"}, "failed", "not finished: SearchBroken: delete the file"),
    ],
)
def test_the_last_comparison_says_how_it_is(
    database: Database, found: dict[str, object], state: str, says: str
):
    record(database, ago=timedelta(hours=1), error="an older one")
    record(database, **found)
    assert health(database).state == state
    assert health(database).is_well == (state == "well")
    assert says in health(database).detail


def test_a_comparison_of_long_ago_says_nothing_of_now(database: Database):
    record(database, ago=OVERDUE)
    assert health(database).is_well
    record(database, ago=OVERDUE - timedelta(seconds=1), id=(report := uuid4()))
    record(database, id=report, ago=OVERDUE + timedelta(seconds=1))
    with database.write() as session:
        for row in session.exec(select(IndexReport).where(IndexReport.id != report)):
            session.delete(row)
    assert health(database).state == IndexState.OVERDUE


def test_a_job_that_is_tried_again_has_one_report(database: Database):
    job = uuid4()
    record(database, id=job, error="it was stopped")
    record(database, id=job, documents=4)
    with database.read() as session:
        [report] = session.exec(select(IndexReport))
    assert (report.documents, report.error) == (4, None)


def test_only_the_newest_reports_are_kept(sqlite: Database):
    for number in range(KEPT + 3):
        record(sqlite, ago=timedelta(hours=number), owners=number)
    with sqlite.read() as session:
        kept = {report.owners for report in session.exec(select(IndexReport))}
    assert kept == set(range(KEPT))


def test_owners_that_wait_to_be_indexed_are_counted_as_of_now(database: Database):
    with database.write() as session:
        session.add(Case(name="waits", documents_version=2, indexed_version=1))
        session.add(Case(name="is through", documents_version=2, indexed_version=2))
    record(database)
    assert (health(database).waiting, health(database).is_well) == (1, True)
