"""The SQLite index as a file that threads and processes share, and that things happen to."""

import multiprocessing
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from casemill.search import sqlite
from casemill.search.contract import (
    DEEPEST,
    IndexedDocument,
    Owner,
    OwnerKind,
    PageSpan,
    Passage,
    SearchBroken,
    SearchUnavailable,
)
from casemill.search.sqlite import SqliteIndex

WRITERS = 3
ROUNDS = 6


def document(number: int, *texts: str) -> IndexedDocument:
    owner = Owner(OwnerKind.EXPERT, UUID(int=number % 4))
    passages = tuple(Passage(place, text, (PageSpan(place + 1, 0),)) for place, text in enumerate(texts))
    return IndexedDocument(UUID(int=number), f"{number}.pdf", owner, f"expert {number % 4}", "1", passages)


def read_and_write(path: Path, writer: int) -> int:
    """What one process does: threads write its documents and search all the while. Counts the searches."""
    index = SqliteIndex(path)

    def write(number: int) -> int:
        index.replace_document(document(number, *["on hearsay and estoppel"] * 5))
        index.replace_document(document(number, *["on hearsay and laches"] * 3))
        return 0

    def read(_: int) -> int:
        results = index.search("hearsay", limit=1_000)
        index.search_experts("hear* laches")
        # Whole documents only: three or five pages each, never a half-replaced one.
        pages: dict[UUID, int] = {}
        for hit in results.hits:
            pages[hit.document] = pages.get(hit.document, 0) + 1
        assert set(pages.values()) <= {3, 5}
        return 1

    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(act, writer * 100 + n) for n in range(ROUNDS) for act in (write, read)]
        return sum(one.result() for one in done)


def test_processes_and_threads_read_and_write_at_once_and_none_fails(tmp_path: Path):
    """All of them find no file at first, so that they also race to make it."""
    path = tmp_path / "search.db"
    with ProcessPoolExecutor(WRITERS, mp_context=multiprocessing.get_context("spawn")) as processes:
        searches = list(processes.map(read_and_write, [path] * WRITERS, range(WRITERS)))
    assert searches == [ROUNDS] * WRITERS
    index = SqliteIndex(path)
    assert index.count() == WRITERS * ROUNDS
    assert index.search("laches").total == WRITERS * ROUNDS * 3
    assert index.search("estoppel").total == 0
    assert index.check().is_well


def test_a_search_does_not_wait_for_a_writer(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    index.replace_document(document(1, "on hearsay"))
    writer = sqlite3.connect(tmp_path / "search.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM documents")
    assert index.search("hearsay").total == 1
    writer.close()


def test_a_writer_waits_for_its_turn(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    other = sqlite3.connect(tmp_path / "search.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    turn = threading.Timer(0.2, other.rollback)
    turn.start()
    index.replace_document(document(1, "on hearsay"))
    turn.join()
    other.close()
    assert index.count() == 1


def test_a_forked_child_and_its_parent_use_one_index(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    index.replace_document(document(1, "on hearsay"))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as child:
        child.submit(index.replace_document, document(2, "on hearsay")).result()
        index.replace_document(document(3, "on hearsay"))
        assert child.submit(index.count).result() == index.count() == 3


def test_what_is_written_is_there_when_the_file_is_opened_again(tmp_path: Path):
    with_text = document(1, "on hearsay")
    SqliteIndex(tmp_path / "search.db").replace_document(with_text)
    assert SqliteIndex(tmp_path / "search.db").documents() == {with_text.id: "1"}


def test_a_failure_half_way_through_a_document_leaves_the_old_one(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    index.replace_document(document(1, "on hearsay"))
    unstorable = IndexedDocument(
        UUID(int=1), "1.pdf", document(1).owner, "e", "2", (Passage(0, "laches"), Passage(2**70, "laches"))
    )
    with pytest.raises(OverflowError):
        index.replace_document(unstorable)
    assert index.documents() == {UUID(int=1): "1"}
    assert index.search("hearsay").total == 1


def test_a_word_on_every_page_gives_no_more_than_the_deepest(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    index.replace_document(document(1, *["on hearsay"] * (DEEPEST + 10)))
    assert index.search("hearsay").total == DEEPEST
    assert len(index.search("hearsay", offset=DEEPEST - 5).hits) == 5


def test_a_file_that_is_no_index_is_broken_and_says_what_to_do(tmp_path: Path):
    path = tmp_path / "search.db"
    path.write_bytes(b"not a database, whatever it is called" * 100)
    with pytest.raises(SearchBroken, match="delete the file and index again"):
        SqliteIndex(path)


def test_a_file_of_another_layout_is_left_alone(tmp_path: Path):
    path = tmp_path / "search.db"
    SqliteIndex(path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SearchBroken, match="its layout is 99"):
        SqliteIndex(path)


def test_a_file_that_vanished_is_not_made_anew_in_silence(tmp_path: Path):
    path = tmp_path / "search.db"
    index = SqliteIndex(path)
    for file in tmp_path.iterdir():
        file.unlink()
    with pytest.raises(SearchUnavailable):
        index.search("hearsay")
    health = index.check()
    assert not health.is_well
    assert str(path) in health.detail
    assert not path.exists()


def test_the_check_notices_passages_that_cannot_be_searched(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    index.replace_document(document(1, "on hearsay"))
    with sqlite3.connect(tmp_path / "search.db") as db:
        db.execute("DELETE FROM passages_fts")
    db.close()
    health = index.check()
    assert not health.is_well
    assert "1 passages, 0 searchable" in health.detail


def test_a_closed_index_says_so(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    index.close()
    index.close()
    with pytest.raises(SearchUnavailable, match="was closed"):
        index.search("hearsay")


def test_passages_that_searches_no_longer_find_are_not_counted_as_held(tmp_path: Path):
    index = SqliteIndex(tmp_path / "search.db")
    index.replace_document(document(1, "on hearsay", "on laches", "on estoppel"))
    with sqlite3.connect(tmp_path / "search.db") as db:
        lost = db.execute("SELECT max(id) FROM passages").fetchone()
        db.execute("DELETE FROM passages_fts WHERE rowid = ?", lost)
    db.close()
    assert index.search("estoppel").total == 0
    assert [held.passages for held in index.held_documents(document(1).owner)] == [2]


def test_it_opens_while_another_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteIndex(tmp_path / "search.db").replace_document(document(1, "on hearsay"))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(tmp_path / "search.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert SqliteIndex(tmp_path / "search.db").search("hearsay").total == 1
