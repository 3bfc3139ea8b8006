"""Markup compatibility (ECMA-376 part 3): the same content twice, for different versions of Word."""

from casemill.extraction.docx.markup import Element, own_text
from casemill.extraction.docx.names import DESCRIBED, GRAPHICS, TEXTS, q

_CHOICE, _FALLBACK = q("mc:Choice"), q("mc:Fallback")
_WORDS = (*TEXTS, q("w:sym"), q("v:textpath"), q("w:footnoteReference"), *DESCRIBED, *GRAPHICS)


def read_branch(alternatives: Element) -> Element | None:
    """The one branch of mc:AlternateContent that is read: the first choice with words in it, else the
    fallback. The branches say the same for different versions of Word."""
    fallback: Element | None = None
    for branch in alternatives:
        if branch.tag == _FALLBACK:
            fallback = branch
        elif branch.tag == _CHOICE and _has_words(branch):
            return branch
    return fallback


def _has_words(branch: Element) -> bool:
    for element in branch.iter(*_WORDS):
        if element.tag in TEXTS:
            if own_text(element).strip():
                return True
        elif element.tag not in DESCRIBED or any(element.get(name) for name in DESCRIBED[element.tag]):
            return True
    return False
