"""`casemill search "words"`: pages that match, best first."""

from typing import Annotated

import typer
from rich.text import Text

from casemill.cli.options import Home, Json, open_workspace, print_json, settings_of, stdout
from casemill.operations.owners import case_called, expert_called
from casemill.search.contract import ExpertHit, Owner, OwnerKind, SearchHit


def search(
    words: Annotated[list[str], typer.Argument(help='All words must match; "a phrase", -without, pre*.')],
    case: Annotated[str | None, typer.Option(help="Only in this case (name or id).")] = None,
    expert: Annotated[str | None, typer.Option(help="Only in this expert's documents (name or id).")] = None,
    experts: Annotated[bool, typer.Option("--experts", help="Rank people by all their documents.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 10,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Search the text of all documents."""
    query = " ".join(words)
    with open_workspace(settings_of(home)) as workspace:
        owner = None
        with workspace.database.read() as session:
            if case is not None:
                owner = Owner(OwnerKind.CASE, case_called(session, case).id)
            elif expert is not None:
                owner = Owner(OwnerKind.EXPERT, expert_called(session, expert).id)
        if experts:
            people = workspace.index.search_experts(query, limit=limit)
            if as_json:
                print_json(
                    {"total": people.total, "experts": [_expert_as_json(hit) for hit in people.experts]}
                )
                return
            for person in people.experts:
                stdout.print(Text(f"{person.owner_name}  ({person.matching_documents} documents)", "bold"))
                for hit in person.hits:
                    _print_hit(hit)
            _print_total(query, people.total, len(people.experts), "experts")
            return
        found = workspace.index.search(query, owner=owner, limit=limit)
    if as_json:
        print_json({"total": found.total, "hits": [_as_json(hit) for hit in found.hits]})
        return
    for hit in found.hits:
        _print_hit(hit)
    _print_total(query, found.total, len(found.hits), "pages")


def _print_hit(hit: SearchHit) -> None:
    page = f", page {hit.page}" if hit.page else ""
    stdout.print(Text.assemble((f"{hit.name}{page}", "bold"), (f"  {hit.owner_name}", "dim")))
    excerpt = Text("  ")
    for segment in hit.excerpt:
        excerpt.append(" ".join(segment.text.split("\n")), "bold yellow" if segment.is_match else "")
    stdout.print(excerpt)


def _print_total(query: str, total: int, shown: int, what: str) -> None:
    if total:
        stdout.print(Text(f"{shown} of {total} {what}", "dim"))
    else:
        stdout.print(
            Text(f"Nothing matches {query!r}. All words must occur; try fewer, or word* for beginnings.")
        )


def _as_json(hit: SearchHit) -> dict[str, object]:
    return {
        "document_id": str(hit.document),
        "document": hit.name,
        "owner": hit.owner_name,
        "owner_kind": hit.owner.kind,
        "page": hit.page,
        "excerpt": "".join(segment.text for segment in hit.excerpt),
        "matches": [segment.text for segment in hit.excerpt if segment.is_match],
        "score": hit.score,
    }


def _expert_as_json(person: ExpertHit) -> dict[str, object]:
    return {
        "expert_id": str(person.owner.id),
        "expert": person.owner_name,
        "score": person.score,
        "matching_documents": person.matching_documents,
        "hits": [_as_json(hit) for hit in person.hits],
    }
