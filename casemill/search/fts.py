"""Text and queries in the form that SQLite's FTS5 wants, and its marked answers back into positions."""

import re
import unicodedata
from collections.abc import Callable, Iterable

from casemill.search.query import Term

TOKENIZER = "porter unicode61 remove_diacritics 2"

OPEN, CLOSE = "\x02", "\x03"
"""Stand around a match in what FTS5's highlight() returns. `storable` keeps them out of texts."""

_JOINT = "\x04"  # parts words where the script has no spaces; likewise never in a text

_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
# Scripts without spaces (FTS5 would take a sentence for one word), and Hangul for its attached particles.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]+"
)
_WORD = re.compile("(?:[^\\W_]|[\u0300-\u036f])+")
_LONGEST_WORD = 64

Expand = Callable[[str], tuple[list[str], list[str]]]
"""Spellings of the indexed words that begin like this; where those are not all, prefixes for the others."""


def storable(text: str) -> str:
    """As long as `text`, with blanks for what SQLite cannot hold and for the marks used here."""
    return _UNSTORABLE.sub(" ", text)


def parted(text: str) -> str:
    """The text with every character of an unspaced script made a word of its own.

    "合同法" is then found by "合同", as two words next to each other.
    """
    if text.isascii():
        return text
    return _UNSPACED.sub(lambda run: _JOINT + _JOINT.join(run[0]) + _JOINT, text)


def joined(text: str) -> str:
    """`parted` undone."""
    return text.replace(_JOINT, "")


def dictionary_words(text: str) -> set[tuple[str, str]]:
    """The words a prefix may stand for, unstemmed: folded, to look them up, and as they are spelt.

    The spelling is what FTS5 is asked for, since only FTS5 knows how it folds.
    """
    words = set(_WORD.findall(text.lower()))
    return {(_folded(word), word) for word in words if 1 < len(word) <= _LONGEST_WORD and _is_spaced(word)}


def expression(terms: Iterable[Term], operator: str, expand: Expand) -> str:
    """An FTS5 expression for "AND" or "OR" of the terms. No part of a term is read as FTS5 syntax."""
    return f" {operator} ".join(_term(term, expand) for term in terms)


def unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """The text of a highlight() answer, and where its matches begin and end."""
    before, *rest = joined(marked).split(OPEN)
    pieces, position = [before], len(before)
    matches: list[tuple[int, int]] = []
    for piece in rest:
        match, _, after = piece.partition(CLOSE)
        matches.append((position, position + len(match)))
        pieces += [match, after]
        position += len(match) + len(after)
    return "".join(pieces), matches


def first_match(marked: str) -> int:
    """Where the first match of a highlight() answer begins; 0 if it has none."""
    return len(joined(marked[: max(0, marked.find(OPEN))]))


def _folded(word: str) -> str:
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")


def _is_spaced(word: str) -> bool:
    return word.isascii() or not _UNSPACED.search(word)


def _term(term: Term, expand: Expand) -> str:
    if not term.is_prefix:
        return _phrase(term.text)
    # FTS5 stems the prefix itself: negligen* would miss "negligence", indexed as "neglig", and caus* would
    # find "caucus". So a prefix is spelt out; FTS5's own serves for what that does not cover.
    if not _WORD.fullmatch(term.text) or not _is_spaced(term.text):
        return f"{_phrase(term.text)} *"
    words, prefixes = expand(_folded(term.text.lower()))
    spellings = [*map(_phrase, words), *(f"{_phrase(prefix)} *" for prefix in prefixes)]
    return f"({' OR '.join(spellings or [_phrase(term.text)])})"


def _phrase(text: str) -> str:
    return '"' + parted(text).replace('"', '""') + '"'
