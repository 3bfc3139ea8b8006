"""How long indexing and searching take, on generated documents.

    python benchmarks/search.py --documents 2000 --passages 50 [--json]

Words are drawn by Zipf's law from a made-up vocabulary, which stands for real text well enough: a few
words are on every page, most are rare. A fixed seed makes two runs comparable.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from bisect import bisect
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from uuid import UUID

from casemill.search.contract import IndexedDocument, Owner, OwnerKind, PageSpan, Passage
from casemill.search.sqlite import SqliteIndex

WORDS = 40_000
CHARACTERS = 1_000  # of a passage
PAGE = 2_800  # characters of a page
OWNERS = 200


class Author:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        syllables = [
            a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "al", "en", "or", "is")
        ]
        words: dict[str, None] = {}
        while len(words) < WORDS:
            words["".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3, 3, 4))))] = None
        self.words = list(words)
        self._shares = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))

    def word(self, commonest: int = 0, rarest: int = WORDS) -> str:
        low = self._shares[commonest - 1] if commonest else 0.0
        drawn = self.random.uniform(low, self._shares[rarest - 1])
        return self.words[min(bisect(self._shares, drawn), WORDS - 1)]

    def passage(self, ordinal: int) -> Passage:
        words: list[str] = []
        length = 0
        while length < CHARACTERS:
            words.append(self.word())
            length += len(words[-1]) + 1
        start = ordinal * CHARACTERS
        first = start // PAGE + 1
        pages = [PageSpan(first, 0)]
        if (start + length) // PAGE + 1 > first:
            pages.append(PageSpan(first + 1, first * PAGE - start))
        return Passage(ordinal, " ".join(words), tuple(pages))

    def document(self, number: int, passages: int) -> IndexedDocument:
        kind = OwnerKind.EXPERT if number % 2 else OwnerKind.CASE
        owner = Owner(kind, UUID(int=number % OWNERS))
        return IndexedDocument(
            id=UUID(int=number),
            name=f"{self.word()} {self.word()} {number}.pdf",
            owner=owner,
            owner_name=f"Owner {number % OWNERS}",
            version="1",
            passages=tuple(self.passage(ordinal) for ordinal in range(passages)),
        )


def timed(action: Callable[..., object], *given: object, **named: object) -> float:
    start = time.perf_counter()
    action(*given, **named)
    return time.perf_counter() - start


def summary(name: str, seconds: list[float]) -> dict[str, str | float]:
    cuts = statistics.quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
    figures = {"p50_ms": cuts[9], "p95_ms": cuts[18], "max_ms": max(seconds)}
    return {"what": name, **{figure: round(value * 1000, 1) for figure, value in figures.items()}}


def measure(documents: int, passages: int, queries: int, path: Path) -> list[dict[str, str | float]]:
    author = Author(seed=1)
    index = SqliteIndex(path)
    results: list[dict[str, str | float]] = []
    writing: list[float] = []
    for number in range(documents):
        document = author.document(number, passages)
        writing.append(timed(index.replace_document, document))
    results.append(summary("index a new document", writing))
    again = [
        author.document(author.random.randrange(documents), passages) for _ in range(min(100, documents))
    ]
    results.append(summary("replace a document", [timed(index.replace_document, d) for d in again]))

    def phrase() -> str:
        text = author.random.choice(author.random.choice(again).passages).text.split()
        start = author.random.randrange(len(text) - 3)
        return '"' + " ".join(text[start : start + 3]) + '"'

    kinds: dict[str, Callable[[], str]] = {
        "one rare word": lambda: author.word(2_000),
        "one common word": lambda: author.word(20, 300),
        "two words": lambda: f"{author.word(20)} {author.word(100)}",
        "three common words": lambda: " ".join(author.word(0, 100) for _ in range(3)),
        "the commonest word": lambda: author.words[0],
        "a phrase": phrase,
        "a prefix": lambda: author.word(500)[:4] + "*",
        "a word without another": lambda: f"{author.word(100, 2_000)} -{author.word(20, 300)}",
    }
    mixed: list[float] = []
    for name, make in kinds.items():
        seconds = [timed(index.search, make()) for _ in range(queries)]
        mixed += seconds
        results.append(summary(f"search: {name}", seconds))
    results.append(summary("search: all of these", mixed))
    owner = Owner(OwnerKind.EXPERT, UUID(int=1))
    results.append(
        summary(
            "search one expert: one common word",
            [timed(index.search, author.word(20, 300), owner=owner) for _ in range(queries)],
        )
    )
    for name in ("one rare word", "two words", "three common words", "a prefix"):
        make = kinds[name]
        results.append(
            summary(
                f"search experts: {name}",
                [timed(index.search_experts, make()) for _ in range(queries)],
            )
        )
    results.append(
        {"what": "size of the index in megabytes", "megabytes": round(path.stat().st_size / 1e6, 1)}
    )
    index.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--passages", type=int, default=50, help="of a document, about 1,000 characters each")
    parser.add_argument("--queries", type=int, default=40, help="of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(asked.documents, asked.passages, asked.queries, Path(folder) / "search.db")
    if asked.json:
        print(json.dumps({"arguments": vars(asked), "results": results}, indent=2))
        return
    print(f"{'':40}", *(f"{name:>9}" for name in ("p50 ms", "p95 ms", "max ms")))
    for row in results:
        print(f"{row['what']:40}", *(f"{value:>9}" for name, value in row.items() if name != "what"))


if __name__ == "__main__":
    main()
