"""The words in charts and SmartArt diagrams, which live in parts of their own."""

from casemill.extraction.docx.markup import Element, own_text
from casemill.extraction.docx.names import q

_PARAGRAPH = q("a:p")
_TEXT = q("a:t")
_BREAK = q("a:br")
_CACHES = (q("c:strCache"), q("c:strLit"), q("c:multiLvlStrCache"))
_VALUE = q("c:v")
_CHARTEX_WORDS = (q("cx:strDim"), q("cx:tx"))
_CHARTEX_TEXTS = (q("cx:pt"), q("cx:v"))


def graphic_text(root: Element) -> str:
    """Titles, labels, categories and series' names of a chart, or the texts of a diagram, one a line.

    Each line once: a chart repeats its categories for every series. Its numbers are data, not words.
    """
    lines: list[str] = []
    for element in root.iter(_PARAGRAPH, *_CACHES, *_CHARTEX_WORDS):
        if element.tag == _PARAGRAPH:
            lines.append("".join(_inline(element)))
        else:
            values = element.iter(_VALUE, *_CHARTEX_TEXTS)
            lines += (own_text(value) for value in values)
    return "\n".join(dict.fromkeys(line for line in lines if line.strip()))


def _inline(paragraph: Element) -> list[str]:
    return ["\n" if node.tag == _BREAK else own_text(node) for node in paragraph.iter(_TEXT, _BREAK)]
