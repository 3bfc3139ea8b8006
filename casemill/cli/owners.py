"""Lists of cases and of experts."""

from rich.table import Column, Table

from casemill.cli.options import print_json, stdout
from casemill.models import ProcessingStatus
from casemill.operations.owners import OwnerSummary


def print_owners(summaries: list[OwnerSummary], what: str, empty: str, *, as_json: bool) -> None:
    if as_json:
        print_json(
            [{"id": owner.id, "name": owner.name, "documents": owner.documents} for owner in summaries]
        )
        return
    if not summaries:
        stdout.print(empty, markup=False)
        return
    table = Table(what, *ProcessingStatus, Column("id", no_wrap=True))
    for owner in summaries:
        counts = (str(owner.documents.get(status, "")) for status in ProcessingStatus)
        table.add_row(stdout.render_str(owner.name, markup=False), *counts, str(owner.id))
    stdout.print(table)
