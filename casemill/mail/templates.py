"""What each kind of message says: a template for text and one for HTML, with the context each needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from casemill.errors import CasemillError
from casemill.mail.contract import in_one_line
from casemill.models import MailKind

_FOLDER = Path(__file__).parent / "templates"
_URL, _LONGEST_URL, _LONGEST_WORD = "url", 2000, 120

MailContext = Mapping[str, str | int]

FIELDS: dict[MailKind, frozenset[str]] = {
    MailKind.CLAIM_VERIFICATION: frozenset({"name", "until", "url"}),
    MailKind.TRIAL_REMINDER: frozenset({"name", "plan", "ends_at", "days_left", "url"}),
    MailKind.TRIAL_EXPIRED: frozenset({"name", "plan", "ends_at", "url"}),
}
"""What each kind is told. Dates are words for people, in their own time; url is where they go from here."""

SAMPLES: dict[MailKind, MailContext] = {
    MailKind.CLAIM_VERIFICATION: {
        "name": "Dr. Ada Grey",
        "until": "5 March 2026, 14:00 UTC",
        "url": "https://casemill.example/claims/verify?token=sample",
    },
    MailKind.TRIAL_REMINDER: {
        "name": "Ada Grey",
        "plan": "Team",
        "ends_at": "12 March 2026",
        "days_left": 7,
        "url": "https://casemill.example/",
    },
    MailKind.TRIAL_EXPIRED: {
        "name": "Ada Grey",
        "plan": "Team",
        "ends_at": "12 March 2026",
        "url": "https://casemill.example/",
    },
}


class BadContext(CasemillError):
    """A message cannot be written from what it was given."""


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


def require_context(kind: MailKind, context: MailContext, *, later: frozenset[str] = frozenset()) -> None:
    """Raises BadContext where something is missing that is not filled in `later`."""
    missing = FIELDS[kind] - context.keys() - later
    if missing:
        raise BadContext(f"A message {kind} needs {', '.join(sorted(missing))} as well")


def render(kind: MailKind, context: MailContext) -> Rendered:
    """The message. Values are hostile: each is one line of text and nothing else. Raises BadContext."""
    require_context(kind, context)
    values = {name: _safe(name, value) for name, value in context.items()}
    text = _environment().get_template(f"{kind}.txt.j2")
    html = _environment().get_template(f"{kind}.html.j2")
    subject = "".join(text.blocks["subject"](text.new_context(values)))
    return Rendered(in_one_line(subject, 200), f"{text.render(values).strip()}\n", html.render(values))


def _safe(name: str, value: str | int) -> str | int:
    if isinstance(value, int):
        return value
    if name != _URL:
        return in_one_line(value, _LONGEST_WORD)
    url = in_one_line(value, _LONGEST_URL)
    if url != value or " " in url or not url.startswith(("https://", "http://")):
        raise BadContext("The link of a message begins with https:// or http:// and holds no spaces")
    return url


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html.j2"]),  # text is not escaped: it would say &amp;
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
