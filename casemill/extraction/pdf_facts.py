"""What a PDF says of itself, in the form a document keeps: a language tag, dates in ISO 8601."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from casemill.extraction.contract import clean_text

_NAMES = {
    "Title": "title",
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "Creator": "creator",
    "Producer": "producer",
    "CreationDate": "created",
    "ModDate": "modified",
}
_VALUE_CHARACTERS = 2000

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?|Z)?")


def language_tag(declared: str) -> str | None:
    """The declared language if it is a BCP 47 tag, spelled the usual way ("en-US")."""
    declared = declared.strip().replace("_", "-")
    if not _TAG.fullmatch(declared):
        return None
    language, *rest = declared.split("-")
    spelled = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in rest]
    return "-".join([language.lower(), *spelled])


def metadata_from(information: Mapping[str, str]) -> dict[str, str]:
    """The document information dictionary, keys by ISO 32000-1 table 317, as metadata."""
    metadata: dict[str, str] = {}
    for key, name in _NAMES.items():
        value = clean_text(information.get(key, ""))[:_VALUE_CHARACTERS].strip()
        if value:
            metadata[name] = _iso_date(value) if key.endswith("Date") else value
    return metadata


def _iso_date(value: str) -> str:
    """A PDF date ("D:20240614202028-04'00'") in ISO 8601; what is no such date stays as it is."""
    match = _DATE.match(value)
    if match is None:
        return value
    year, month, day, hour, minute, second, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        zone = timezone(-offset if sign == "-" else offset) if sign else UTC
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=zone,
        )
    except ValueError:
        return value
    return moment.isoformat()
