"""Cases by their docket numbers."""

import re
from collections.abc import Iterator

from casemill.steps.citing.found import CitationKind
from casemill.steps.citing.sighting import Sighting, sighted

_JUDGES = r"(?:-[A-Z]{2,5}){0,4}"
_DOCKET = re.compile(
    # 2:15-cv-01739-DGC, 17-cv-6761, 2-15-cv-00180
    rf"(?<![\w-])(?P<full>(?:\d{{1,2}}[:-])?\d{{2}}-(?i:cv|cr|md|ml|mc|mj|bk|ap|po|cm|civ|misc)-\d{{3,6}}{_JUDGES})"
    # MDL 15-02641-PHX-DGC, MDL No. 2641
    rf"|\bMDL (?:No\. ?)?(?P<mdl>\d{{2}}-\d{{3,6}}{_JUDGES}|\d{{3,4}})"
    # Case: 17-2678, Docket #: 17-3510, Originating Case No. : 16-0556
    r"|\b(?:Case|Docket|Appeal|Civil Action|Cause)(?: Nos?\.| Number)? ?[#:]{0,2}:? ?"
    rf"(?P<labelled>\d{{2}}-\d{{3,6}}{_JUDGES})"
    # No. 17-2678
    rf"|(?:\b(?P<before>[A-Za-z]+)\.? )?\bNos?\. ?(?P<number>\d{{2}}-\d{{3,6}}{_JUDGES})"
    r"|\bdocketed as (?:number )?(?P<docketed>\d{2}-\d{3,6})"
)
_AFTER_DOCKET = re.compile(r"(?![\w-]|\.\d)")
_OF_SOMETHING_ELSE = re.compile(
    r"(?i:account|article|batch|bates|bill|box|check|claim|contract|deed|ex|exhibit|fax|file|form|id|invoice"
    r"|item|lot|model|order|page|parcel|part|patent|permit|phone|policy|purchase|regist\w+|report|serial|tel"
    r"|unit|voucher)"
)
"""What a "No." may count that is no case."""


def dockets(plain: str) -> Iterator[Sighting]:
    """Every place where a docket number stands, repetitions too."""
    for found in _DOCKET.finditer(plain):
        if not _AFTER_DOCKET.match(plain, found.end()) or _OF_SOMETHING_ELSE.fullmatch(found["before"] or ""):
            continue
        start = found.start() + (len(found["before"]) if found["before"] else 0)
        while not plain[start].isalnum():
            start += 1
        number = next(each for each in found.group("full", "mdl", "labelled", "number", "docketed") if each)
        named = f"MDL No. {number}" if found["mdl"] else f"No. {number}"
        yield sighted(CitationKind.DOCKET, (start, found.end()), named, cited_page=number)
