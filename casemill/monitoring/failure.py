"""What went wrong, taken from what Prefect says of it, and a fingerprint that is the same each time."""

import hashlib
import re
from dataclasses import dataclass

from casemill.monitoring.recorded_json import recorded_text

_SAYS = re.compile(
    r"(?:encountered an exception:?|failed with exception:?)\s+([A-Za-z_][\w.]*):? ?(.*)", re.DOTALL
)
_LAST_LINE = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$")
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]*)", line \d+(?:, in (?P<where>.*))?$')
_FOLDERS = re.compile(r"[\\/]")
_TRACEBACK = "Traceback (most recent call last):"
_NORMAL = (
    (re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<address>"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'\",;()]+){2,}"), "<path>"),
    (re.compile(r"\b[0-9a-f]{12,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+"), "<n>"),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """type is the name of the exception's class without its module, which tracebacks put before it, and tasks
    that tell their failures do not. None where a job just said that it failed.
    """

    type: str | None
    message: str | None
    traceback: str | None = None

    @property
    def fingerprint(self) -> str | None:
        """Of its kind, for grouping: without addresses, line numbers, ids and paths."""
        if self.type is None and not self.message and self.traceback is None:
            return None
        frames = _frames(self.traceback) if self.traceback else []
        normal = "\n".join([*frames, _normalised(f"{self.type or ''}: {self.message or ''}")])
        return hashlib.sha256(normal.encode()).hexdigest()[:32]


def said_failure(message: str | None) -> Failure:
    """From the message of a failed state."""
    text = recorded_text(message)
    if text and (found := _SAYS.search(text)):
        return Failure(_class_name(found[1]), found[2].strip() or None)
    return Failure(None, text or None)


def logged_failure(message: str) -> Failure | None:
    """From a line of the run's log, None where it holds no traceback."""
    text = recorded_text(message) or ""
    if _TRACEBACK not in text:
        return None
    traceback = text[text.index(_TRACEBACK) :].rstrip()
    return Failure(*_raised(traceback), traceback)


def _raised(traceback: str) -> tuple[str | None, str | None]:
    """Type and message: what follows the last frame."""
    lines = traceback.splitlines()
    last = max((number for number, line in enumerate(lines) if _FRAME.match(line)), default=0)
    for number in range(last + 1, len(lines)):
        if not lines[number].startswith(" ") and (found := _LAST_LINE.match(lines[number])):
            return _class_name(found[1]), "\n".join([found[2] or "", *lines[number + 1 :]]).strip() or None
    return None, None


def _class_name(qualified: str) -> str:
    return qualified.rpartition(".")[2]


def _frames(traceback: str) -> list[str]:
    found = (_FRAME.match(line) for line in traceback.splitlines())
    return [f"{_FOLDERS.split(frame['file'])[-1]} in {frame['where']}" for frame in found if frame]


def _normalised(text: str) -> str:
    for pattern, word in _NORMAL:
        text = pattern.sub(word, text)
    return " ".join(text.split())
