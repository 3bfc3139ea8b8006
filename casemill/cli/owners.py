"""Lists of cases and of experts."""

from rich.markup import escape
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
    table = Table(what, "documents", Column("id", no_wrap=True))
    for owner in summaries:
        counts = [
            f"{owner.documents[found]} {found}" for found in ProcessingStatus if found in owner.documents
        ]
        table.add_row(escape(owner.name), ", ".join(counts), str(owner.id))
    stdout.print(table)
