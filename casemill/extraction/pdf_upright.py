"""Which way up a PDF page's text stands.

pdfium puts lines in order as the page is displayed. On a page displayed so that its text runs downwards it
gives the last line first, so such a page has to be turned before it is read.
"""

import math
from collections import Counter
from typing import Any

from casemill.extraction.pdf_notes import pdfium

_SAMPLES = 64
_QUARTER = math.pi / 2


def turned_upright(page: Any, text_page: Any) -> bool:
    """Turns the page, in memory, so that most of its text stands upright. False where it does already."""
    turns = _quarter_turns_of_text(text_page)
    if turns is None or turns == pdfium.FPDFPage_GetRotation(page):
        return False
    pdfium.FPDFPage_SetRotation(page, turns)
    return True


def _quarter_turns_of_text(text_page: Any) -> int | None:
    """By how many quarters most text is turned on the page as it is stored, None where there is no text.

    A sample is enough, and pdfium's angles (radians, from FPDFText_GetCharAngle) are not free.
    """
    count: int = pdfium.FPDFText_CountChars(text_page)
    turns: Counter[int] = Counter()
    for index in range(0, count, count // _SAMPLES + 1):
        angle: float = pdfium.FPDFText_GetCharAngle(text_page, index)
        if angle >= 0:  # less where pdfium knows none
            turns[round(angle / _QUARTER) % 4] += 1
    return turns.most_common(1)[0][0] if turns else None
