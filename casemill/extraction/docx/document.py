"""A Word document as one text: the sections with their headers and footers, then endnotes and comments."""

from pathlib import Path

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable, clean_text
from casemill.extraction.docx.archive import opened
from casemill.extraction.docx.frames import Flow
from casemill.extraction.docx.graphics import graphic_text
from casemill.extraction.docx.markup import Element
from casemill.extraction.docx.names import q
from casemill.extraction.docx.numbering import Numbering
from casemill.extraction.docx.package import Package
from casemill.extraction.docx.properties import language, properties
from casemill.extraction.docx.refusal import Refusal, Room
from casemill.extraction.docx.story import Story

_ID = q("w:id")
_TYPE = q("w:type")
_NO_TEXT = (
    "the document holds no text; if its pages are pictures, upload it as a PDF or image that has been "
    "through text recognition"
)


def extract_docx(path: Path, limits: ExtractionLimits) -> Extracted | Unreadable:
    """All the text a reader of a Word document finds in it, each once, in reading order.

    Tracked changes are read as accepted: insertions count, deletions do not. Text formatted as hidden
    counts; fields show their results; a footnote follows the paragraph or table that refers to it; cells
    are separated by tabs, rows and paragraphs by newlines; lists get their numbers. Word knows pages only
    when it prints, so there is one page and `paged` is False.

    `metadata["damage"]` names parts beside the main one that could not be read completely.
    """
    try:
        with opened(path, limits) as archive:
            package = Package(archive)
            text = clean_text(_Document(package, Room(limits.characters)).text())
            if not text.strip():
                return Unreadable(Reason.NO_TEXT_FOUND, _NO_TEXT)
            metadata = properties(package)
            declared = metadata.pop("language", None)
            spoken = language(package, declared)
            if package.damage:
                metadata["damage"] = "not read completely: " + ", ".join(package.damage)
            return Extracted(pages=(text,), paged=False, language=spoken, metadata=metadata)
    except Refusal as refusal:
        return refusal.unreadable


class _Document:
    """One document while its stories are told: remembers what has been told already."""

    def __init__(self, package: Package, room: Room) -> None:
        self._package = package
        self._room = room
        self._root = package.document()
        self._told: set[tuple[str, str]] = set()
        self._numbering = self._read_numbering()
        self._footnotes = self._notes("footnotes", "w:footnote")
        body = self._root.find(q("w:body"))
        sections = body.iter(q("w:sectPr")) if body is not None else ()
        self._sections = [s for s in sections if _tag_around(s) != q("w:sectPrChange")]
        self._section = 0

    def text(self) -> str:
        flow = Flow()
        self._add_guessed(flow, "header")
        self._add_margins(flow, "header")
        Story(self._package.main, self).tell(self._root, flow)
        self._add_margins(flow, "footer")
        self._add_guessed(flow, "footer")
        for text in self._left_over("w:footnoteReference", self._footnotes, deleted_too=False):
            flow.add(text)
        endnotes = self._notes("endnotes", "w:endnote")
        for text in self._in_order("w:endnoteReference", endnotes, deleted_too=False):
            flow.add(text)
        comments = self._notes("comments", "w:comment")
        for text in self._in_order("w:commentReference", comments, deleted_too=True):
            flow.add(text)
        return flow.text()

    # What stories ask for (story.Surroundings).

    def take(self, characters: int) -> None:
        self._room.take(characters)

    def label(self, style: str | None, numbering: Element | None) -> str:
        return self._numbering.label(style, numbering) if self._numbering else ""

    def note(self, identifier: str) -> str:
        return self._footnotes.pop(identifier, "")

    def graphic(self, part: str, relation: str) -> str:
        found = self._package.relations(part).get(relation)
        if found is None or ("graphic", found.target) in self._told:
            return ""
        self._told.add(("graphic", found.target))
        root = self._package.root(found.target)
        return "" if root is None else graphic_text(root)

    def section_ends(self, flow: Flow) -> None:
        self._add_margins(flow, "footer")
        self._section += 1
        self._add_margins(flow, "header")

    # Headers and footers.

    def _add_margins(self, flow: Flow, kind: str) -> None:
        """The headers or footers the present section names, unless an earlier one had the same."""
        if self._section >= len(self._sections):
            return
        relations = self._package.relations(self._package.main)
        references = self._sections[self._section].findall(q(f"w:{kind}Reference"))
        for reference in sorted(references, key=lambda found: found.get(_TYPE) != "first"):
            relation = relations.get(reference.get(q("r:id")) or "")
            if relation is not None:
                self._add_margin(flow, kind, relation.target)

    def _add_guessed(self, flow: Flow, kind: str) -> None:
        for relation in self._package.relations(self._package.main).values():
            if relation.guessed and relation.kind == kind:
                self._add_margin(flow, kind, relation.target)

    def _add_margin(self, flow: Flow, kind: str, part: str) -> None:
        if ("margin", part) in self._told:
            return
        self._told.add(("margin", part))
        root = self._package.root(part)
        text = "" if root is None else Story(part, self).tell(root).strip("\n")
        if text.strip() and (kind, text) not in self._told:
            self._told.add((kind, text))
            flow.add(text)

    # Notes and comments.

    def _notes(self, kind: str, tag: str) -> dict[str, str]:
        """The texts of a part of notes by id, without the lines Word draws between body and notes."""
        notes: dict[str, str] = {}
        for part in self._package.related(self._package.main, kind):
            root = self._package.root(part)
            for note in root.findall(q(tag)) if root is not None else ():
                if note.get(_TYPE) in (None, "normal"):
                    text = Story(part, self).tell(note).strip("\n")
                    if text.strip():
                        notes.setdefault(note.get(_ID) or f"?{len(notes)}", text)
        return notes

    def _in_order(self, reference: str, notes: dict[str, str], *, deleted_too: bool) -> list[str]:
        """Notes in the order the body refers to them, then those it does not refer to.

        deleted_too: whether a note counts whose reference was deleted.
        """
        told: list[str] = []
        for mark in self._root.iter(q(reference)):
            gone = next(mark.iterancestors(q("w:del"), q("w:moveFrom")), None) is not None
            if deleted_too or not gone:
                told.append(notes.pop(mark.get(_ID) or "", ""))
        return [text for text in told if text] + self._left_over(reference, notes, deleted_too=deleted_too)

    def _left_over(self, reference: str, notes: dict[str, str], *, deleted_too: bool) -> list[str]:
        named = set[str | None]() if deleted_too else {m.get(_ID) for m in self._root.iter(q(reference))}
        return [text for identifier, text in notes.items() if identifier not in named]

    def _read_numbering(self) -> Numbering | None:
        main = self._package.main
        for part in self._package.related(main, "numbering"):
            root = self._package.root(part)
            if root is not None:
                styles = self._package.related(main, "styles")
                return Numbering(root, self._package.root(styles[0]) if styles else None)
        return None


def _tag_around(element: Element) -> str | None:
    around = element.getparent()
    return None if around is None else around.tag
