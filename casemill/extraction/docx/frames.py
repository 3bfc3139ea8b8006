"""How text is laid out while a story is told: lines within flows, cells within rows."""

from typing import Protocol

from casemill.extraction.docx.markup import Element


class Frame(Protocol):
    """Something open that text goes into. owner: the element that closes it."""

    owner: Element | None

    def write(self, piece: str) -> None:
        """Continues the text."""
        ...

    def add(self, block: str) -> None:
        """Puts a finished block (a paragraph, a row, a text box) beside the text."""
        ...

    def close_into(self, parent: "Frame") -> None:
        """Hands what was gathered to the frame around."""
        ...


class Flow:
    """Blocks one below the other: a story, a cell, a text box."""

    def __init__(self, owner: Element | None = None) -> None:
        self.owner = owner
        self.carried = ""
        """Text of a paragraph whose end was deleted; it goes on in the next one."""
        self._blocks: list[str] = []
        self._loose: list[str] = []

    def write(self, piece: str) -> None:
        self._loose.append(piece)  # text outside any paragraph: damaged, but not to be lost

    def add(self, block: str) -> None:
        self._flush()
        self._blocks.append(block)

    def close_into(self, parent: Frame) -> None:
        text = self.text().strip("\n")
        # A cell keeps its place in the row even when empty; an empty text box leaves nothing.
        if text or isinstance(parent, Row):
            parent.add(text)

    def text(self) -> str:
        self._flush()
        return "\n".join([*self._blocks, self.carried] if self.carried else self._blocks)

    def _flush(self) -> None:
        if self._loose:
            self._blocks.append("".join(self._loose))
            self._loose.clear()


class Line:
    """A paragraph, and the blocks anchored in it, which follow it."""

    def __init__(self, owner: Element, carried: str = "") -> None:
        self.owner: Element | None = owner
        self.label = ""
        self.end_is_deleted = False
        self.ends_section = False
        self._pieces = [carried] if carried else []
        self._after: list[str] = []

    def write(self, piece: str) -> None:
        self._pieces.append(piece)

    def add(self, block: str) -> None:
        self._after.append(block)

    def close_into(self, parent: Frame) -> None:
        text = "".join(self._pieces)
        if self.end_is_deleted and isinstance(parent, Flow):
            parent.carried = text
        else:
            parent.add(self.label + text if text.strip() else text)
        for block in self._after:
            parent.add(block)

    def text(self) -> str:
        return "".join(self._pieces)


class Row:
    """The cells of a table's row, side by side."""

    def __init__(self, owner: Element) -> None:
        self.owner: Element | None = owner
        self._cells: list[str] = []

    def write(self, piece: str) -> None:
        self._cells.append(piece)

    def add(self, block: str) -> None:
        self._cells.append(block)

    def close_into(self, parent: Frame) -> None:
        parent.add("\t".join(self._cells))
