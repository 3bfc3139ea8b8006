"""How the parts of this reader give a document up, from wherever they are."""

from casemill.extraction.contract import Reason, Unreadable


class Refusal(Exception):
    """The document is given up. Never leaves this package: `extract_docx` turns it into its value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.unreadable = Unreadable(reason, detail)


class Room:
    """How many more characters may be kept of one document."""

    def __init__(self, characters: int) -> None:
        self._most = characters
        self._left = characters

    def take(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise Refusal(
                Reason.TOO_LARGE,
                f"the document holds more than {self._most:,} characters; upload it in parts",
            )
