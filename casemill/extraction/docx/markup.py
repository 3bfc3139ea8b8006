"""XML from strangers: parsers that fetch and expand nothing, and the little we ask of an element."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

# lxml ships no types; Element below is what we use of it.
from lxml import (  # pyright: ignore[reportMissingTypeStubs]
    etree as _untyped,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
)

from casemill.extraction.contract import Reason
from casemill.extraction.docx.refusal import Refusal

_etree = cast(Any, _untyped)

MalformedXML: type[Exception] = _etree.LxmlError

_STRICT = re.compile(rb"""(=\s*["'])http://purl\.oclc\.org/ooxml/([A-Za-z]+)/([A-Za-z/]+)""")
_DECLARED_ENCODING = re.compile(r"""^(<\?xml[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""")
_DTD_ADVICE = "the document declares a DTD, which Word never writes; open it in Word and save it again"

# What a parser in recovery steps over without losing a word: an undeclared prefix, an attribute given twice,
# a character XML forbids.
_HARMLESS = {
    getattr(_etree.ErrorTypes, name)
    for name in (
        "NS_ERR_UNDEFINED_NAMESPACE",
        "ERR_ATTRIBUTE_REDEFINED",
        "ERR_INVALID_CHAR",
        "ERR_INVALID_CHARREF",
    )
}
_RESOURCE_LIMIT: int = getattr(_etree.ErrorTypes, "ERR_RESOURCE_LIMIT", 114)  # libxml2 2.14 tells it apart


class Element(Protocol):
    """What this reader uses of an lxml element."""

    @property
    def tag(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    @property
    def tail(self) -> str | None: ...
    def get(self, key: str) -> str | None: ...
    def find(self, path: str) -> "Element | None": ...
    def findall(self, path: str) -> "list[Element]": ...
    def iter(self, *tags: str) -> "Iterator[Element]": ...
    def iterancestors(self, *tags: str) -> "Iterator[Element]": ...
    def getprevious(self) -> "Element | None": ...
    def getparent(self) -> "Element | None": ...
    def __iter__(self) -> "Iterator[Element]": ...
    def __len__(self) -> int: ...


class Walk(Protocol):
    """A walk over a tree, as ("start" | "end", element), that needs no recursion."""

    def __iter__(self) -> Iterator[tuple[str, Element]]: ...
    def skip_subtree(self) -> None: ...


def walk(root: Element, tags: list[str]) -> Walk:
    """Visits the elements with these tags only; the others are stepped through in C."""
    return cast(Walk, _etree.iterwalk(root, events=("start", "end"), tag=tags))


def own_text(element: Element) -> str:
    """The text directly inside an element, also around a comment that somebody left in it."""
    text = element.text or ""
    if len(element):
        text += "".join(child.tail or "" for child in element)
    return text


def normalised(blob: bytes) -> bytes:
    """A part in UTF-8 and in the transitional namespaces (ECMA-376), whatever it was written in.

    Strict documents (ISO/IEC 29500-1) differ in their namespaces' names alone as far as text goes. A DTD is
    refused here, before any parser has seen the part: the format forbids it (ISO/IEC 29500-2, 8.1.4) and it
    is good only for entity tricks. Blank lines before the XML declaration, which a parser stumbles over, go.
    """
    if blob[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = blob.decode("utf-16", "replace")
        blob = _DECLARED_ENCODING.sub(r"\1", text).encode("utf-8", "replace")
    if b"<!DOCTYPE" in blob:
        raise Refusal(Reason.CORRUPT_FILE, _DTD_ADVICE)
    if b"//purl.oclc.org/ooxml/" in blob:
        blob = _STRICT.sub(rb"\1http://schemas.openxmlformats.org/\2/2006/\3", blob)
    return blob.lstrip(b" \t\r\n")


def refuse_dtd(root: Element) -> None:
    """Catches a DTD hidden from `normalised` by an unusual encoding."""
    if cast(Any, root).getroottree().docinfo.internalDTD is not None:
        raise Refusal(Reason.CORRUPT_FILE, _DTD_ADVICE)


def parse(blob: bytes) -> Element:
    """The root of a well-formed part. Raises MalformedXML."""
    return _parse(blob, _parser(recover=False))


@dataclass(frozen=True, slots=True)
class Recovered:
    """What can be had of a part that is not well-formed.

    whole: all of its words are in `root`. excessive: the parser stopped at one of its limits.
    """

    root: Element | None
    whole: bool
    excessive: bool


def parse_damaged(blob: bytes) -> Recovered:
    parser = _parser(recover=True)
    try:
        root = _parse(blob, parser)
    except MalformedXML:
        root = None
    errors: set[int] = {error.type for error in parser.error_log}
    return Recovered(root, root is not None and errors <= _HARMLESS, _RESOURCE_LIMIT in errors)


def _parse(blob: bytes, parser: Any) -> Element:
    root = cast("Element | None", _etree.fromstring(blob, parser))
    if root is None:  # recovery found no element at all
        raise MalformedXML("no root element")
    refuse_dtd(root)
    return root


def _parser(*, recover: bool) -> Any:
    # huge_tree=False also keeps the tree at most 256 elements deep and a text below 10 million bytes.
    return _etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )
