"""The part of a passage to show for a hit: around its first match, in pieces that are safe to render."""

import re
from collections.abc import Sequence

from casemill.search.contract import Segment

WIDTH = 240
"""Characters of text an excerpt has at most, ellipses aside."""

BEFORE = 70
"""Characters of it that come before the first match."""

ELLIPSIS = "…"

_BLANK = re.compile(r"\s+")


def excerpt(text: str, matches: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
    """The text around the first of `matches` (start and end, ascending), with all that fall into it marked.

    Cut between words where there are any; runs of white space become one space. Without matches it is
    how the text begins.
    """
    start, end = _window(text, matches[0][0] if matches else 0)
    pieces: list[Segment] = [Segment(ELLIPSIS, False)] if text[:start].strip() else []
    position = start
    for begin, finish in matches:
        if begin >= end:
            break
        finish = min(finish, end)
        pieces += [Segment(text[position:begin], False), Segment(text[begin:finish], True)]
        position = finish
    pieces.append(Segment(text[position:end], False))
    if text[end:].strip():
        pieces.append(Segment(ELLIPSIS, False))
    return _tidy(pieces)


def _window(text: str, first_match: int) -> tuple[int, int]:
    start = max(0, first_match - BEFORE)
    if start > 0:
        blank = _BLANK.search(text, start - 1, first_match)
        start = blank.end() if blank else start
    end = min(len(text), start + WIDTH)
    if end < len(text):
        cut = max(text.rfind(" ", first_match + 1, end), text.rfind("\n", first_match + 1, end))
        # In a text without spaces, and after a very long word, the cut falls inside.
        end = cut if cut > start + WIDTH // 2 else end
    return start, end


def _tidy(pieces: list[Segment]) -> tuple[Segment, ...]:
    """White space evened out across the pieces, neighbours of one kind joined, empty ones dropped."""
    tidy: list[Segment] = []
    for piece in pieces:
        text = _BLANK.sub(" ", piece.text)
        if not tidy or tidy[-1].text.endswith(" "):
            text = text.removeprefix(" ")
        if not text:
            continue
        if tidy and tidy[-1].is_match == piece.is_match:
            tidy[-1] = Segment(tidy[-1].text + text, piece.is_match)
        else:
            tidy.append(Segment(text, piece.is_match))
    if tidy:
        tidy[-1] = Segment(tidy[-1].text.rstrip(" "), tidy[-1].is_match)
    return tuple(segment for segment in tidy if segment.text)
