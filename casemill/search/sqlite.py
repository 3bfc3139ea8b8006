"""The search index in one SQLite file, by FTS5. Derived data: a lost file is indexed again, not restored."""

import json
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from casemill.search import fts
from casemill.search.contract import (
    ExpertResults,
    HeldDocument,
    IndexedDocument,
    IndexHealth,
    Owner,
    OwnerKind,
    Passage,
    SearchBroken,
    SearchResults,
    SearchUnavailable,
)
from casemill.search.query import Query, parse_query
from casemill.search.sqlite_reading import search_experts, search_passages

LAYOUT = 1
"""Raised whenever the tables or the way texts are stored change."""

BUSY_SECONDS = 30

_SCHEMA = f"""
    CREATE TABLE owners (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, uuid TEXT NOT NULL, UNIQUE (kind, uuid));
    CREATE TABLE documents (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        owner INTEGER NOT NULL REFERENCES owners, owner_name TEXT NOT NULL, version TEXT NOT NULL,
        passages INTEGER NOT NULL);
    CREATE INDEX documents_of_owner ON documents (owner);
    -- page where the passage lies on one, pages as [[page, start], ...] where it lies on several
    CREATE TABLE passages (id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents,
        owner INTEGER NOT NULL, ordinal INTEGER NOT NULL, page INTEGER, pages TEXT);
    CREATE INDEX passages_of_document ON passages (document);
    -- every word ever indexed, unstemmed, for prefixes, one too many does no harm
    CREATE TABLE words (word TEXT, spelling TEXT, PRIMARY KEY (word, spelling)) WITHOUT ROWID;
    -- the name is repeated for each passage, so that words may be spread over both
    CREATE VIRTUAL TABLE passages_fts USING fts5(name, text, tokenize = '{fts.TOKENIZER}');
    PRAGMA user_version = {LAYOUT};
"""

Answer = TypeVar("Answer")


class SqliteIndex:
    """A SearchIndex in the file at `path`, which is made if absent.

    Every call opens its own connection: nothing is shared between threads, and a process forked from
    this one inherits no SQLite lock. Readers never wait for the writer; writers wait for each other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._is_closed = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SearchUnavailable(f"the folder of the search index cannot be made: {error}") from error
        with self._connection("rwc") as db:
            self._create_or_recognise(db)

    def replace_document(self, document: IndexedDocument) -> None:
        with self._writing() as db:
            _delete(db, "uuid = ?", str(document.id))
            _insert(db, document)

    def replace_owner(self, owner: Owner, documents: Iterable[IndexedDocument]) -> None:
        held = list(documents)
        for document in held:
            if document.owner != owner:
                raise ValueError(f"document {document.id} belongs to {document.owner}, not to {owner}")
        with self._writing() as db:
            _delete(db, "owner = ?", _owner(db, owner))
            for document in held:
                _delete(db, "uuid = ?", str(document.id))  # it may have been another owner's
                _insert(db, document)

    def delete_document(self, id: UUID) -> None:
        with self._writing() as db:
            _delete(db, "uuid = ?", str(id))

    def delete_owner(self, owner: Owner) -> None:
        self.replace_owner(owner, ())

    def search(
        self,
        query: str,
        *,
        owner: Owner | None = None,
        kind: OwnerKind | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> SearchResults:
        def answer(db: sqlite3.Connection, parsed: Query) -> SearchResults:
            return search_passages(db, parsed, owner, kind, max(0, limit), max(0, offset))

        return self._asked(query, answer, SearchResults(0, ()))

    def search_experts(self, query: str, *, limit: int = 20, offset: int = 0) -> ExpertResults:
        def answer(db: sqlite3.Connection, parsed: Query) -> ExpertResults:
            return search_experts(db, parsed, max(0, limit), max(0, offset))

        return self._asked(query, answer, ExpertResults(0, ()))

    def documents(self) -> dict[UUID, str]:
        with self._connection() as db:
            return {
                UUID(uuid): version for uuid, version in db.execute("SELECT uuid, version FROM documents")
            }

    def held_owners(self, *, after: Owner | None = None, limit: int = 100) -> list[Owner]:
        beyond = (after.kind.value, str(after.id)) if after else ("", "")
        with self._connection() as db:
            rows = db.execute(
                "SELECT kind, uuid FROM owners WHERE (kind, uuid) > (?, ?)"
                " AND EXISTS (SELECT 1 FROM documents WHERE documents.owner = owners.id)"
                " ORDER BY kind, uuid LIMIT ?",
                (*beyond, max(0, limit)),
            )
            return [Owner(OwnerKind(kind), UUID(uuid)) for kind, uuid in rows]

    def held_documents(self, owner: Owner) -> list[HeldDocument]:
        with self._connection() as db:
            rows = db.execute(
                "SELECT documents.uuid, documents.name, documents.version, count(searched.id) FROM owners"
                " JOIN documents ON documents.owner = owners.id"
                " LEFT JOIN passages ON passages.document = documents.id"
                " LEFT JOIN passages_fts_docsize AS searched ON searched.id = passages.id"
                " WHERE owners.kind = ? AND owners.uuid = ? GROUP BY documents.id ORDER BY documents.uuid",
                (owner.kind.value, str(owner.id)),
            )
            return [HeldDocument(UUID(uuid), *held) for uuid, *held in rows]

    def count(self) -> int:
        with self._connection() as db:
            return db.execute("SELECT count(*) FROM documents").fetchone()[0]

    def check(self) -> IndexHealth:
        try:
            with self._writing() as db:
                counts = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages)"
                documents, passages = db.execute(counts).fetchone()
                searchable = db.execute("SELECT count(*) FROM passages_fts_docsize").fetchone()[0]
        except (SearchBroken, SearchUnavailable) as error:
            return IndexHealth(False, str(error))
        if searchable != passages:
            return IndexHealth(False, str(self._broken(f"{passages} passages, {searchable} searchable")))
        return IndexHealth(True, f"{documents} documents in {passages} passages, readable and writable")

    def close(self) -> None:
        self._is_closed = True

    def _asked(
        self, query: str, answer: Callable[[sqlite3.Connection, Query], Answer], nothing: Answer
    ) -> Answer:
        parsed = parse_query(query)
        with self._connection() as db:
            if parsed.is_empty:
                return nothing
            db.execute("BEGIN")  # all questions of one search see the same state
            return answer(db, parsed)

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._connection() as db:
            # IMMEDIATE waits for its turn; a transaction that turns into a writer later fails instead.
            db.execute("BEGIN IMMEDIATE")
            yield db  # what raises in here is rolled back by closing
            db.execute("COMMIT")

    @contextmanager
    def _connection(self, mode: str = "rw") -> Generator[sqlite3.Connection]:
        """A connection for one call. Never makes a file by itself: one that vanished is an error."""
        if self._is_closed:
            raise SearchUnavailable("this search index was closed; open it again")
        try:
            uri = f"{self.path.as_uri()}?mode={mode}"
            with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                db.execute(
                    "PRAGMA synchronous = NORMAL"
                )  # a power cut may cost the last writes, not the file
                db.execute("PRAGMA cache_size = -16384")
                yield db
        except sqlite3.OperationalError as error:
            if "no such" in str(error):  # table, or module fts5
                raise self._broken(str(error)) from error
            raise SearchUnavailable(
                f"the search index {self.path} does not answer ({error}); try again, and if it persists "
                "check that its disk has space and that this process may write there"
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._broken(str(error)) from error

    def _create_or_recognise(self, db: sqlite3.Connection) -> None:
        """What is there is recognised without waiting for who writes: every job opens the index."""
        db.execute("PRAGMA journal_mode = WAL")
        if (layout := _layout(db)) == 0:
            db.execute("BEGIN IMMEDIATE")
            if (layout := _layout(db)) == 0:  # not made by another process meanwhile
                # Not executescript, which would commit first and let two processes create at once.
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    db.execute(statement)
                layout = LAYOUT
            db.execute("COMMIT")
        if layout != LAYOUT:
            raise self._broken(f"its layout is {layout}, this version uses {LAYOUT}")

    def _broken(self, why: str) -> SearchBroken:
        return SearchBroken(
            f"the search index {self.path} cannot be used ({why}); "
            "stop Casemill, delete the file and index again"
        )


def _layout(db: sqlite3.Connection) -> int:
    return db.execute("PRAGMA user_version").fetchone()[0]


def _owner(db: sqlite3.Connection, owner: Owner) -> int:
    key = (owner.kind.value, str(owner.id))
    db.execute("INSERT OR IGNORE INTO owners (kind, uuid) VALUES (?, ?)", key)
    return db.execute("SELECT id FROM owners WHERE kind = ? AND uuid = ?", key).fetchone()[0]


def _delete(db: sqlite3.Connection, which: str, value: object) -> None:
    ids = f"SELECT id FROM documents WHERE {which}"  # noqa: S608  a condition of ours
    passages = f"SELECT id FROM passages WHERE document IN ({ids})"  # noqa: S608
    db.execute(f"DELETE FROM passages_fts WHERE rowid IN ({passages})", (value,))  # noqa: S608
    db.execute(f"DELETE FROM passages WHERE document IN ({ids})", (value,))  # noqa: S608
    db.execute(f"DELETE FROM documents WHERE {which}", (value,))  # noqa: S608


def _insert(db: sqlite3.Connection, document: IndexedDocument) -> None:
    owner = _owner(db, document.owner)
    name = fts.storable(document.name)
    # A document without text keeps one empty passage, by which its name is found.
    passages = document.passages or (Passage(0, ""),)
    row = db.execute(
        "INSERT INTO documents (uuid, name, owner, owner_name, version, passages) VALUES (?, ?, ?, ?, ?, ?)",
        (
            str(document.id),
            name,
            owner,
            fts.storable(document.owner_name),
            fts.storable(document.version),
            len(passages),
        ),
    ).lastrowid
    first: int = db.execute("SELECT coalesce(max(id), 0) + 1 FROM passages").fetchone()[0]
    words = fts.dictionary_words(name)
    placed: list[tuple[int, int | None, int, int, int | None, str | None]] = []
    texts: list[tuple[int, str, str]] = []
    searched_name = fts.parted(name)
    for id, passage in enumerate(passages, first):
        text = fts.storable(passage.text)
        page = passage.pages[0].page if len(passage.pages) == 1 else None
        pages = json.dumps(passage.pages) if len(passage.pages) > 1 else None
        placed.append((id, row, owner, passage.ordinal, page, pages))
        texts.append((id, searched_name, fts.parted(text)))
        words |= fts.dictionary_words(text)
    db.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?)", placed)
    db.executemany("INSERT INTO passages_fts (rowid, name, text) VALUES (?, ?, ?)", texts)
    db.executemany("INSERT OR IGNORE INTO words VALUES (?, ?)", sorted(words))
