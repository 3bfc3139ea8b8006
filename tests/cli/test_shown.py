"""What commands print fits where most terminals are 80 columns wide."""

from datetime import UTC, datetime
from uuid import uuid4

from rich.console import Console
from rich.table import Column

from casemill.cli.shown import day_and_time, listing, named


def test_a_listing_shows_an_id_and_its_words_whole_in_80_columns() -> None:
    job_id, at = str(uuid4()), datetime(2026, 3, 1, 9, 30, tzinfo=UTC).isoformat()
    table = listing(Column("job", min_width=36, overflow="fold"), "type, status", "done", "created, UTC")
    name = "batch 496e6e53 · 25 cases of [red]Smith v. Jones"
    table.add_row(named(name, job_id), "document_processing\nrunning (cancelling)", "100 %", day_and_time(at))
    console = Console(width=80, record=True)
    console.print(table)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    said = "\n".join(lines)
    for whole in (job_id, "[red]Smith", "document_processing", "(cancelling)", "2026-03-01", "09:30:00"):
        assert whole in said
