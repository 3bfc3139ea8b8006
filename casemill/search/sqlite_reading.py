"""The questions put to the SQLite index, each over a connection that sees one state of it."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from casemill.search import fts
from casemill.search.contract import (
    DEEPEST,
    ExpertHit,
    ExpertResults,
    Owner,
    OwnerKind,
    PageSpan,
    SearchHit,
    SearchResults,
    page_at,
)
from casemill.search.excerpt import excerpt
from casemill.search.query import Query
from casemill.search.ranking import rank_owners

NAME_WEIGHT, TEXT_WEIGHT = 1.5, 1.0

MOST_SPELLINGS = 40
"""Words that the prefixes of a query are spelt out to. Each costs time for every passage that matches."""

EXCERPTS_OF_EXPERT = 3

_PASSAGES_OF_EXPERT = 30  # best passages read of an expert, which give the excerpts once pages are told apart

_SCORED = f"""
    SELECT passages.id, passages.document, passages.owner, passages.ordinal, passages.page, passages.pages,
           bm25(passages_fts, {NAME_WEIGHT}, {TEXT_WEIGHT}) AS score,
           bm25(passages_fts, 0.0, {TEXT_WEIGHT}) AS text_score
    FROM passages_fts CROSS JOIN passages ON passages.id = passages_fts.rowid
    WHERE passages_fts MATCH :match"""  # noqa: S608  two numbers of ours


@dataclass(frozen=True, slots=True)
class _Row:
    """A matching passage. bm25 is the lower the better, and 0 where nothing of the text matches."""

    id: int
    document: int
    owner: int
    ordinal: int
    page: int | None
    pages: str | None
    score: float
    text_score: float

    @property
    def only_name_matches(self) -> bool:
        return self.text_score == 0

    @property
    def page_depends_on_match(self) -> bool:
        return self.pages is not None and not self.only_name_matches


@dataclass(frozen=True, slots=True)
class _Found:
    """A page of a document, by the best passage that matches on it."""

    row: _Row
    page: int | None
    score: float


def search_passages(
    db: sqlite3.Connection,
    query: Query,
    owner: Owner | None,
    kind: OwnerKind | None,
    limit: int,
    offset: int,
) -> SearchResults:
    where, values = "", dict[str, object]()
    if owner is not None:
        where += " AND passages.owner = (SELECT id FROM owners WHERE kind = :owner_kind AND uuid = :owner)"
        values |= {"owner_kind": owner.kind.value, "owner": str(owner.id)}
    if kind is not None:
        where += " AND passages.owner IN (SELECT id FROM owners WHERE kind = :kind)"
        values |= {"kind": kind.value}
    match = _match_all(db, query)
    rows = db.execute(
        f"{_SCORED}{where} ORDER BY score, passages.id LIMIT {DEEPEST}", values | {"match": match}
    )
    found = _by_page(db, match, [_Row(*row) for row in rows])
    return SearchResults(len(found), _hits(db, match, found[offset : offset + limit]))


def search_experts(db: sqlite3.Connection, query: Query, limit: int, offset: int) -> ExpertResults:
    lengths: dict[int, int] = dict(
        db.execute(
            "SELECT owner, sum(passages) FROM documents JOIN owners ON owners.id = documents.owner"
            " WHERE kind = ? GROUP BY owner",
            (OwnerKind.EXPERT.value,),
        )
    )
    expand = _expander(db, query)
    for owner in _owners_counted(db, "*", fts.expression(query.excluded, "OR", expand)):
        lengths.pop(owner, None)
    frequencies: list[dict[int, int]] = []
    for term in query.required:
        match = fts.expression([term], "AND", expand)
        counts = _owners_counted(db, "*", f"{{text}} : ({match})")
        for owner, named in _owners_counted(
            db, "DISTINCT passages.document", f"{{name}} : ({match})"
        ).items():
            counts[owner] = counts.get(owner, 0) + named
        frequencies.append(counts)
    ranked = rank_owners(lengths, frequencies)
    shown = dict(ranked[offset : offset + limit])
    match = fts.expression(query.required, "OR", expand)
    matching = _owners_counted(db, "DISTINCT passages.document", match, shown)
    best = _best_of_owners(db, match, shown)
    experts = tuple(
        ExpertHit(best[owner][0].owner, best[owner][0].owner_name, score, matching[owner], best[owner])
        for owner, score in shown.items()
    )
    return ExpertResults(len(ranked), experts)


def _expander(db: sqlite3.Connection, query: Query) -> fts.Expand:
    prefixes = sum(term.is_prefix for term in (*query.required, *query.excluded))
    most = max(3, MOST_SPELLINGS // max(1, prefixes))

    def expand(prefix: str) -> tuple[list[str], list[str]]:
        of_prefix = (prefix, prefix + "\U0010ffff")
        words = [
            word
            for (word,) in db.execute(
                "SELECT spelling FROM words WHERE word >= ? AND word < ? ORDER BY length(word), word LIMIT ?",
                (*of_prefix, most + 1),
            )
        ]
        if len(words) <= most:
            return words, []
        # Too many: the shortest, whose stems may be shorter than the prefix, and the others by prefixes one
        # letter longer, because a final s would be stemmed away and "res*" find all that begins with "re".
        longer = db.execute(
            "SELECT DISTINCT substr(spelling, 1, ?) FROM words WHERE word > ? AND word < ?",
            (len(prefix) + 1, *of_prefix),
        )
        return words[:most], [one for (one,) in longer]

    return expand


def _match_all(db: sqlite3.Connection, query: Query) -> str:
    expand = _expander(db, query)
    match = fts.expression(query.required, "AND", expand)
    if not query.excluded:
        return match
    return f"({match}) NOT ({fts.expression(query.excluded, 'OR', expand)})"


def _by_page(db: sqlite3.Connection, match: str, rows: list[_Row]) -> list[_Found]:
    """Each page of a document once, by its best passage, best first.

    Where only the name matches, all passages of the document do: it stands there once, with its first
    passage, and not at all if some page of it matches by its text.
    """
    marked = _marked(db, match, (row.id for row in rows if row.page_depends_on_match))
    pages: dict[tuple[int, int | None], _Found] = {}
    named: dict[int, _Found] = {}
    for row in rows:
        if row.only_name_matches:
            held = named.setdefault(row.document, _Found(row, None, row.score))
            if row.ordinal < held.row.ordinal:
                named[row.document] = replace(held, row=row)
            continue
        page = row.page
        if row.pages is not None:
            spans = tuple(PageSpan(*span) for span in json.loads(row.pages))
            page = page_at(spans, fts.first_match(marked[row.id]))
        pages.setdefault((row.document, page), _Found(row, page, row.score))
    by_text = {document for document, _ in pages}
    found = [*pages.values(), *(one for document, one in named.items() if document not in by_text)]
    return sorted(found, key=lambda one: one.score)


def _marked(db: sqlite3.Connection, match: str, passages: Iterable[int]) -> dict[int, str]:
    """The texts of these passages with their matches marked."""
    ids = sorted(passages)
    if not ids:
        return {}
    # "+" keeps SQLite from starting the full-text search anew for every single passage.
    return dict(
        db.execute(
            "SELECT rowid, highlight(passages_fts, 1, ?, ?) FROM passages_fts"
            " WHERE passages_fts MATCH ? AND +rowid IN (SELECT value FROM json_each(?))",
            (fts.OPEN, fts.CLOSE, match, json.dumps(ids)),
        )
    )


def _hits(db: sqlite3.Connection, match: str, found: list[_Found]) -> tuple[SearchHit, ...]:
    marked = _marked(db, match, (one.row.id for one in found))
    documents = {
        id: (UUID(uuid), name, Owner(OwnerKind(kind), UUID(owner)), owner_name)
        for id, uuid, name, kind, owner, owner_name in db.execute(
            "SELECT documents.id, documents.uuid, name, kind, owners.uuid, owner_name"
            " FROM documents JOIN owners ON owners.id = documents.owner"
            " WHERE documents.id IN (SELECT value FROM json_each(?))",
            (json.dumps([one.row.document for one in found]),),
        )
    }
    return tuple(
        SearchHit(
            *documents[one.row.document], one.page, excerpt(*fts.unmark(marked[one.row.id])), -one.score
        )
        for one in found
    )


def _owners_counted(
    db: sqlite3.Connection, what: str, match: str, owners: Iterable[int] | None = None
) -> dict[int, int]:
    """How many passages, or distinct documents, match for each owner."""
    if not match:
        return {}
    among = "" if owners is None else "AND passages.owner IN (SELECT value FROM json_each(:owners))"
    return dict(
        db.execute(
            f"SELECT passages.owner, count({what})"  # noqa: S608  pieces of ours
            " FROM passages_fts CROSS JOIN passages ON passages.id = passages_fts.rowid"
            f" WHERE passages_fts MATCH :match {among} GROUP BY passages.owner",
            {"match": match, "owners": json.dumps(list(owners or ()))},
        )
    )


def _best_of_owners(
    db: sqlite3.Connection, match: str, owners: Iterable[int]
) -> dict[int, tuple[SearchHit, ...]]:
    rows = db.execute(
        f"WITH scored AS MATERIALIZED ({_SCORED}"  # noqa: S608  pieces of ours
        "   AND passages.owner IN (SELECT value FROM json_each(:owners)))"
        " SELECT id, document, owner, ordinal, page, pages, score, text_score FROM ("
        "   SELECT *, row_number() OVER (PARTITION BY owner ORDER BY score, id) AS place FROM scored)"
        " WHERE place <= :most ORDER BY score, id",
        {"match": match, "owners": json.dumps(list(owners)), "most": _PASSAGES_OF_EXPERT},
    )
    shown: dict[int, list[_Found]] = {}
    for one in _by_page(db, match, [_Row(*row) for row in rows]):
        best = shown.setdefault(one.row.owner, [])
        if len(best) < EXCERPTS_OF_EXPERT:
            best.append(one)
    together = [one for best in shown.values() for one in best]
    hits: dict[int, list[SearchHit]] = {}
    for one, hit in zip(together, _hits(db, match, together), strict=True):
        hits.setdefault(one.row.owner, []).append(hit)
    return {owner: tuple(best) for owner, best in hits.items()}
