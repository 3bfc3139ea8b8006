"""Tells a story (ECMA-376 part 1, 11.2: the body, a header, a note, ...) as text, in reading order.

One walk over the tree, without recursion. Elements that are not named here are stepped through, so text is
found inside content controls, hyperlinks, insertions, smart tags, custom XML and whatever comes next; what
a reader does not see is skipped by name.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol

from casemill.extraction.docx.alternatives import read_branch
from casemill.extraction.docx.fields import OpenField, fields_close, form_field
from casemill.extraction.docx.formulas import FORMULA_PARTS, between_formula_parts
from casemill.extraction.docx.frames import Flow, Frame, Line, Row
from casemill.extraction.docx.markup import Element, own_text, walk
from casemill.extraction.docx.names import DESCRIBED, GONE, GRAPHICS, TEXTS, q
from casemill.extraction.docx.symbols import symbol

_VAL = q("w:val")
_PARAGRAPHS = frozenset(map(q, ("w:p", "a:p")))
_FLOWS = frozenset(map(q, ("w:tc", "w:txbxContent")))
_GONE_CELLS = (f"{q('w:trPr')}/{q('w:del')}", f"{q('w:tcPr')}/{q('w:cellDel')}")
_CHARACTERS = {
    q("w:tab"): "\t",
    q("w:ptab"): "\t",
    q("w:br"): "\n",
    q("w:cr"): "\n",
    q("a:br"): "\n",
    q("w:noBreakHyphen"): "-",
}
_PROPERTIES = frozenset(
    map(q, ("w:rPr", "w:trPr", "w:tcPr", "w:sdtPr", "w:sdtEndPr", "w:tblGrid", "w:sectPr", "w:tblPrEx"))
)


class Surroundings(Protocol):
    """What a story needs of its document."""

    def take(self, characters: int) -> None:
        """Counts text against the limit. Raises Refusal beyond it."""
        ...

    def label(self, style: str | None, numbering: Element | None) -> str:
        """The number before the next paragraph of a list."""
        ...

    def note(self, identifier: str) -> str:
        """The text of a footnote, the first time it is asked for."""
        ...

    def graphic(self, part: str, relation: str) -> str:
        """The words of a chart or diagram that `part` points at, the first time they are asked for."""
        ...

    def section_ends(self, flow: Flow) -> None:
        """Called between two sections of the body."""
        ...


class Story:
    """Tells the story that is kept in `part`; `tell` is called once."""

    def __init__(self, part: str, document: Surroundings) -> None:
        self._part = part
        self._document = document
        self._flow = Flow()
        self._stack: list[Frame] = [self._flow]
        self._fields: list[OpenField] = []
        self._in_instructions = 0
        self._fields_close = True
        self._notes: list[str] = []
        self._readings: list[str] = []
        self._branches: list[Element | None] = []
        self._description = ""

    def tell(self, root: Element, flow: Flow | None = None) -> str:
        """The text of the tree under `root`. flow: where to put it, if something is to stand before it."""
        if flow is not None:
            self._flow = flow
            self._stack = [flow]
        self._fields_close = fields_close(root)
        steps = walk(root, self._VISITED)
        for event, element in steps:
            tag = element.tag
            if event == "start":
                if tag in TEXTS:
                    self.write(own_text(element).replace("\n", " "))
                elif self._STARTS[tag](self, element):
                    steps.skip_subtree()
            elif tag in self._ENDS:
                self._ENDS[tag](self, element)
        while len(self._stack) > 1:
            self._close()
        self._add_notes()
        return self._flow.text()

    def write(self, piece: str) -> None:
        if piece and not self._in_instructions:
            if self._fields:
                self._fields[-1].has_result = True
            self._document.take(len(piece))
            self._stack[-1].write(piece)

    def _add(self, block: str) -> None:
        """Puts a block after the paragraph it is anchored in."""
        if block.strip():
            self._document.take(len(block))
            self._stack[-1].add(block)

    def _close(self) -> None:
        frame = self._stack.pop()
        self._document.take(1)
        frame.close_into(self._stack[-1])
        if len(self._stack) == 1:
            self._add_notes()
            if isinstance(frame, Line) and frame.ends_section:
                self._document.section_ends(self._flow)

    def _add_notes(self) -> None:
        for note in self._notes:
            self._flow.add(note)
        self._notes.clear()

    # What happens where an element starts. True: nothing inside it is visited.

    def _skip(self, element: Element) -> bool:
        return True

    def _enter(self, element: Element) -> bool:
        return False

    def _character(self, element: Element) -> bool:
        self.write(_CHARACTERS[element.tag])
        return True

    def _symbol(self, element: Element) -> bool:
        self.write(symbol(element.get(q("w:font")), element.get(q("w:char"))))
        return True

    def _paragraph(self, element: Element) -> bool:
        around = self._stack[-1]
        carried = ""
        if isinstance(around, Flow):
            carried, around.carried = around.carried, ""
        self._stack.append(Line(element, carried))
        return False

    def _paragraph_properties(self, element: Element) -> bool:
        line = self._stack[-1]
        if not isinstance(line, Line):
            return True
        style: str | None = None
        numbering: Element | None = None
        for child in element:
            if child.tag == q("w:pStyle"):
                style = child.get(_VAL)
            elif child.tag == q("w:numPr"):
                numbering = child
            elif child.tag == q("w:sectPr"):
                line.ends_section = True
            elif child.tag == q("w:rPr"):
                line.end_is_deleted = any(mark.tag in GONE for mark in child)
        if not line.end_is_deleted:
            line.label = self._document.label(style, numbering)
            self._document.take(len(line.label))
        return True

    def _row(self, element: Element) -> bool:
        if element.find(_GONE_CELLS[0]) is not None:
            return True
        self._stack.append(Row(element))
        return False

    def _inner_flow(self, element: Element) -> bool:
        if element.find(_GONE_CELLS[1]) is not None:
            return True
        self._stack.append(Flow(element))
        return False

    def _table_properties(self, element: Element) -> bool:
        for name in ("w:tblCaption", "w:tblDescription"):
            described = element.find(q(name))
            if described is not None:
                self._add(described.get(_VAL) or "")
        return True

    def _field_character(self, element: Element) -> bool:
        match element.get(q("w:fldCharType")):
            case "begin" if self._fields_close:
                self._fields.append(OpenField(form_field(element)))
                self._in_instructions += 1
            case "separate" if self._fields and self._fields[-1].in_instruction:
                self._fields[-1].in_instruction = False
                self._in_instructions -= 1
            case "end" if self._fields:
                field = self._fields.pop()
                self._in_instructions -= field.in_instruction
                if not field.has_result:
                    self.write(field.shown)
            case _:
                pass
        return True

    def _alternatives(self, element: Element) -> bool:
        self._branches.append(read_branch(element))
        return False

    def _alternative(self, element: Element) -> bool:
        return not self._branches or self._branches[-1] is not element

    def _reading(self, element: Element) -> bool:
        self._stack.append(Line(element))
        return False

    def _description_of(self, element: Element) -> bool:
        texts = [element.get(name) or "" for name in DESCRIBED[element.tag]]
        description = "\n".join(dict.fromkeys(text for text in texts if text.strip()))
        if description != self._description:  # a picture's description is often stored twice in a row
            self._add(description)
        self._description = description or self._description
        return False

    def _word_art(self, element: Element) -> bool:
        self._add(element.get("string") or "")
        return False

    def _graphic(self, element: Element) -> bool:
        self._add(self._document.graphic(self._part, element.get(GRAPHICS[element.tag]) or ""))
        return True

    def _footnote(self, element: Element) -> bool:
        text = self._document.note(element.get(q("w:id")) or "")
        if text:
            self._notes.append(text)
        return True

    def _formula_part(self, element: Element) -> bool:
        self.write(between_formula_parts(element, starts=True))
        return False

    # What happens where an element ends.

    def _frame_ends(self, element: Element) -> None:
        if self._stack[-1].owner is element:
            self._close()

    def _alternatives_end(self, element: Element) -> None:
        self._branches.pop()

    def _reading_ends(self, element: Element) -> None:
        frame = self._stack[-1]
        if frame.owner is element and isinstance(frame, Line):
            self._stack.pop()
            self._readings.append(frame.text())

    def _ruby_ends(self, element: Element) -> None:
        for reading in self._readings:
            self.write(f"({reading})" if reading else "")
        self._readings.clear()

    def _formula_part_ends(self, element: Element) -> None:
        self.write(between_formula_parts(element, starts=False))

    _STARTS: ClassVar[dict[str, Callable[["Story", Element], bool]]] = {
        **dict.fromkeys((*GONE, *_PROPERTIES), _skip),
        **dict.fromkeys(_CHARACTERS, _character),
        **dict.fromkeys(_PARAGRAPHS, _paragraph),
        **dict.fromkeys(_FLOWS, _inner_flow),
        **dict.fromkeys(DESCRIBED, _description_of),
        **dict.fromkeys(GRAPHICS, _graphic),
        **dict.fromkeys(FORMULA_PARTS, _formula_part),
        q("w:sym"): _symbol,
        q("w:pPr"): _paragraph_properties,
        q("w:tr"): _row,
        q("w:tblPr"): _table_properties,
        q("w:fldChar"): _field_character,
        q("w:rt"): _reading,
        q("w:ruby"): _enter,
        q("w:footnoteReference"): _footnote,
        q("v:textpath"): _word_art,
        q("mc:AlternateContent"): _alternatives,
        q("mc:Choice"): _alternative,
        q("mc:Fallback"): _alternative,
    }

    _ENDS: ClassVar[dict[str, Callable[["Story", Element], None]]] = {
        **dict.fromkeys((*_PARAGRAPHS, *_FLOWS, q("w:tr")), _frame_ends),
        **dict.fromkeys(FORMULA_PARTS, _formula_part_ends),
        q("w:rt"): _reading_ends,
        q("w:ruby"): _ruby_ends,
        q("mc:AlternateContent"): _alternatives_end,
    }

    _VISITED: ClassVar[list[str]] = [*TEXTS, *_STARTS]
