"""A document's text cut into chunks that know their place and their pages.

The splitter cuts where a reader would: between paragraphs, else sentences, else words. It looks far
ahead in text without such places, so that its time grows with the square of the length there; text is
therefore given to it a stretch at a time, and the last chunk of a stretch is cut anew in the next one.
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from semantic_text_splitter import TextSplitter

from casemill.extraction.contract import PAGE_BREAK

RULES = 1
"""Raised when the same text and options would give other chunks than before."""

_STRETCH = 1_000
_CHUNKS_A_STRETCH = 3
_CHARACTERS_A_TOKEN = 4  # a guess that only sizes the stretch
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ChunkMethod(StrEnum):
    """What a chunk's size counts, or what parts one from the next."""

    CHARACTERS = "characters"
    TOKENS = "tokens"
    DELIMITER = "delimiter"


class Tokenizer(StrEnum):
    """Vocabularies that come with the splitter; nothing is downloaded."""

    CL100K = "cl100k_base"
    O200K = "o200k_base"


_MODEL_OF = {Tokenizer.CL100K: "gpt-4", Tokenizer.O200K: "gpt-4o"}  # the splitter knows them by these names


class ChunkOptions(BaseModel):
    """How a document's text is cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: ChunkMethod = Field(
        default=ChunkMethod.CHARACTERS,
        description="Cut by number of characters, by number of tokens, or at a delimiter.",
    )
    size: int = Field(
        default=2_000,
        ge=1,
        le=100_000,
        description="Most characters a chunk may have; tokens where method is tokens.",
    )
    overlap: int = Field(
        default=200,
        ge=0,
        description="Most characters (or tokens) that a chunk repeats of the one before it. Less than size.",
    )
    delimiter: str = Field(
        default="\n\n",
        min_length=1,
        max_length=200,
        description="Where method is delimiter: the literal text that opens a new chunk, such as ARTICLE. "
        "Chunks longer than size are cut further; short ones are not joined.",
    )
    tokenizer: Tokenizer = Field(
        default=Tokenizer.CL100K, description="Where method is tokens: what a token is."
    )

    @model_validator(mode="after")
    def _overlap_leaves_room(self) -> Self:
        if self.overlap >= self.size:
            raise ValueError(f"overlap ({self.overlap}) must be less than size ({self.size})")
        return self


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document's text.

    start, end: character offsets in the document's text. `text` is `document[start:end]` with every page
        break shown as a newline (and every lone surrogate, which nothing can store, as U+FFFD), so that
        a place in the chunk plus `start` is the place in the document.
    first_page, last_page: counted from 1; None where the document has no pages.
    pages: (page, offset in the chunk where that page's text starts), in order; the first offset is 0.
    """

    ordinal: int
    text: str
    start: int
    end: int
    first_page: int | None
    last_page: int | None
    pages: tuple[tuple[int, int], ...]


def fingerprint(options: ChunkOptions) -> str:
    """Names what the options do: equal for options that cut alike, another one when they change."""
    counted = options.model_dump(mode="json")
    if options.method is not ChunkMethod.DELIMITER:
        del counted["delimiter"]
    if options.method is not ChunkMethod.TOKENS:
        del counted["tokenizer"]
    told = "\x1f".join(f"{name}={counted[name]}" for name in sorted(counted))
    digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{options.method}-{options.size}-{options.overlap}-{RULES}-{digest}"


def chunked(text: str, options: ChunkOptions, *, paged: bool = True) -> Iterator[Chunk]:
    """The chunks of a document in order. Everything but white space is in at least one of them.

    text: a document's text, pages separated by PAGE_BREAK. Without `paged`, no chunk has pages.
    """
    plain = _LONE_SURROGATE.sub("\ufffd", text).replace(PAGE_BREAK, "\n")
    breaks = [at for at, character in enumerate(text) if character == PAGE_BREAK] if paged else []
    ordinal = 0
    for piece_start, piece_end in _pieces(text, options):
        for start, end in _spans(plain, piece_start, piece_end, options):
            pages = _pages(breaks, start, end) if paged else ()
            yield Chunk(
                ordinal=ordinal,
                text=plain[start:end],
                start=start,
                end=end,
                first_page=pages[0][0] if pages else None,
                last_page=pages[-1][0] if pages else None,
                pages=pages,
            )
            ordinal += 1


def _pieces(text: str, options: ChunkOptions) -> Iterator[tuple[int, int]]:
    """What may be split further but never joined: the whole text, or what stands between delimiters.

    A delimiter belongs to the piece that it opens: it is text of the document, often a heading.
    """
    if options.method is not ChunkMethod.DELIMITER:
        yield 0, len(text)
        return
    start = 0
    for found in re.finditer(re.escape(options.delimiter), text):
        if found.start() > start:
            yield start, found.start()
            start = found.start()
    yield start, len(text)


def _spans(plain: str, start: int, end: int, options: ChunkOptions) -> Iterator[tuple[int, int]]:
    """(start, end) of every chunk of one piece, white space around them left out."""
    vocabulary = options.tokenizer if options.method is ChunkMethod.TOKENS else None
    splitter = _splitter(vocabulary, options.size, options.overlap)
    usual = options.size * (_CHARACTERS_A_TOKEN if options.method is ChunkMethod.TOKENS else 1)
    usual = max(_STRETCH, usual * _CHUNKS_A_STRETCH)
    length, covered = usual, start
    while start < end:
        stop = min(start + length, end)
        found = splitter.chunk_indices(plain[start:stop])
        if stop < end:
            if len(found) == 1:
                length *= 2  # one chunk fills the stretch, and may have been cut short by its end
                continue
            ready, following = (found[:-1], start + found[-1][0]) if found else ([], stop)
        else:
            ready, following = found, end
        for offset, text in ready:
            if kept := text.strip():
                first = start + offset + text.index(kept[0])
                if first + len(kept) > covered:  # else only an overlap, with nothing after it
                    covered = first + len(kept)
                    yield first, covered
        start, length = following, usual


@lru_cache(maxsize=32)
def _splitter(vocabulary: Tokenizer | None, size: int, overlap: int) -> TextSplitter:
    """Kept, because a vocabulary takes a tenth to a third of a second to load."""
    if vocabulary is None:
        return TextSplitter(size, overlap)
    return TextSplitter.from_tiktoken_model(_MODEL_OF[vocabulary], size, overlap)


def _pages(breaks: list[int], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """The pages that text[start:end] lies on. `breaks` are the offsets of the page breaks."""
    before, upto = bisect_left(breaks, start), bisect_right(breaks, end - 1)
    inside = ((page + 2, breaks[page] + 1 - start) for page in range(before, upto))
    return ((before + 1, 0), *inside)
