"""Stretches of the document as the finders read them, and the way back to its own places."""

import re
from bisect import bisect_right
from dataclasses import dataclass

_LONGEST_WORD = 200  # longer ones are read in parts: some patterns take quadratic time for a word

_WORD = re.compile(rf"[^\s\u00ad\u200b-\u200d\u2060\ufeff]{{1,{_LONGEST_WORD}}}")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the document with single spaces, and where its words stand in the document."""

    plain: str
    starts: list[int]  # of each word in `plain`
    origins: list[int]  # of the same word in the document

    def origin(self, at: int) -> int:
        word = bisect_right(self.starts, at) - 1
        return self.origins[word] + at - self.starts[word]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A place of `plain` in the document; spaces at its ends are left out."""
        while start < end - 1 and self.plain[start].isspace():
            start += 1
        while end > start and self.plain[end - 1].isspace():
            end -= 1
        return self.origin(start), self.origin(end - 1) + 1


def window_of(text: str, start: int, stop: int) -> Window:
    """Line and page breaks become spaces, invisible characters nothing; a blank line ends a sentence."""
    parts: list[str] = []
    starts: list[int] = []
    origins: list[int] = []
    length, last = 0, start
    for word in _WORD.finditer(text, start, stop):
        gap = text[last : word.start()]
        if starts and (not gap or any(character.isspace() for character in gap)):
            parts.append("\n" if _BLANK_LINE.search(gap) else " ")
            length += 1
        starts.append(length)
        origins.append(word.start())
        parts.append(word[0])
        length += len(word[0])
        last = word.end()
    return Window("".join(parts), starts, origins)
