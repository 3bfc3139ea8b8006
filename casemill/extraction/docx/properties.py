"""What a document says of itself: its properties and its language."""

import re

from casemill.extraction.contract import clean_text
from casemill.extraction.docx.markup import own_text
from casemill.extraction.docx.names import q
from casemill.extraction.docx.package import Package

_LONGEST = 10_000
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")

_CORE = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "description": "comments",
    "category": "category",
    "lastModifiedBy": "last_modified_by",
    "created": "created",
    "modified": "modified",
    "language": "language",
}
_APPLICATION = {"Application": "producer", "Company": "company"}


def properties(package: Package) -> dict[str, str]:
    """The properties that are filled in, under our names; dates as the file writes them (W3CDTF)."""
    core = (*package.related("", "core-properties"), "docProps/core.xml")
    application = (*package.related("", "extended-properties"), "docProps/app.xml")
    return _filled(package, core[0], _CORE) | _filled(package, application[0], _APPLICATION)


def language(package: Package, declared: str | None) -> str | None:
    """The language text is in unless marked otherwise: the styles' default, else the settings', else what
    the properties say (`declared`)."""
    path = "/".join(map(q, ("w:docDefaults", "w:rPrDefault", "w:rPr", "w:lang")))
    found = [_attribute(package, "styles", path), _attribute(package, "settings", q("w:themeFontLang"))]
    for tag in (*found, declared):
        if tag and _LANGUAGE_TAG.fullmatch(tag.strip()):
            return tag.strip()
    return None


def _filled(package: Package, part: str, names: dict[str, str]) -> dict[str, str]:
    root = package.root(part)
    filled: dict[str, str] = {}
    for element in root if root is not None else ():
        name = names.get(element.tag.rsplit("}", 1)[-1])
        value = clean_text(own_text(element)).strip()[:_LONGEST]
        if name and value:
            filled.setdefault(name, value)
    return filled


def _attribute(package: Package, kind: str, path: str) -> str | None:
    for part in package.related(package.main, kind):
        root = package.root(part)
        element = root.find(path) if root is not None else None
        if element is not None:
            return element.get(q("w:val"))
    return None
