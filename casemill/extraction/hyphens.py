"""Words that a line break cut in two, put together again."""

import re
from itertools import pairwise

_SOFT_HYPHEN_AT_END = re.compile("\xad\r?\n")
_BREAK = re.compile("(?<=\\w)[\x02\ufffe](?=\\w)")
_TOKEN = re.compile("\\w[\\w'’\x02\ufffe-]*")
_HEAD = re.compile(r"[\w'’]{1,40}")
_TAIL = re.compile(r"[\w'’]{1,40}\Z")
_NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "first", "second")
_ALMOST_ALWAYS_HYPHENATED = frozenset({*_NUMERALS, "third", "non", "self", "quasi"})
_OFTEN_HYPHENATED = frozenset(
    {
        "all",
        "anti",
        "bi",
        "co",
        "counter",
        "cross",
        "ex",
        "half",
        "mid",
        "multi",
        "post",
        "pre",
        "semi",
        "well",
    }
)


def join_broken_words(pages: list[str]) -> list[str]:
    """`pages` with each hyphen at a line's end (U+FFFE or U+0002 in pdfium's text) decided.

    A compound that happened to break at its own hyphen ("in-person") keeps it, a word that was merely cut
    ("judg-ment") loses it. The document's own vocabulary decides: how it spells the word elsewhere, else
    whether both halves are words of their own. A soft hyphen inside a line is one that was drawn there.
    """
    pages = [_SOFT_HYPHEN_AT_END.sub("\ufffe", page).replace("\xad", "-") for page in pages]
    if not any("\ufffe" in page or "\x02" in page for page in pages):
        return pages
    words = _vocabulary(pages)
    return [_joined(page, words).replace("\ufffe", "-") for page in pages]


def _vocabulary(pages: list[str]) -> set[str]:
    """Words and hyphenated pairs of words, lower-case; not the broken ones, whose halves prove nothing."""
    words: set[str] = set()
    for token in {token.lower() for page in pages for token in _TOKEN.findall(page)}:
        if "\ufffe" in token or "\x02" in token:
            continue
        if "-" in token:
            parts = token.split("-")
            words.update(parts)
            words.update(f"{first}-{second}" for first, second in pairwise(parts))
        else:
            words.add(token)
    return words


def _joined(page: str, words: set[str]) -> str:
    first, *rest = _BREAK.split(page)
    joined = [first]
    for piece in rest:
        left, right = _TAIL.search(joined[-1][-40:]), _HEAD.match(piece)
        if left and right and _is_compound(left[0], right[0], words):
            joined.append("-")
        joined.append(piece)
    return "".join(joined)


def _is_compound(left: str, right: str, words: set[str]) -> bool:
    first, second = left.lower(), right.lower()
    if first + second in words:
        return False
    if f"{first}-{second}" in words or not left[-1].isalpha() or not right[0].islower():
        return True
    if first in _ALMOST_ALWAYS_HYPHENATED:
        return second in words or len(second) > 4  # "second-story", but "second-ary"
    return second in words and (first in words or first in _OFTEN_HYPHENATED)
