"""The parts of a Word document and how they relate: opened with python-docx, or without where it cannot."""

import io
import posixpath
import re
import zipfile
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import docx
from docx.exceptions import PythonDocxError
from docx.opc.exceptions import OpcError

from casemill.extraction.contract import Reason
from casemill.extraction.docx.archive import Archive
from casemill.extraction.docx.markup import (
    Element,
    MalformedXML,
    normalised,
    parse,
    parse_damaged,
    refuse_dtd,
)
from casemill.extraction.docx.refusal import Refusal

_OPC = "http://schemas.openxmlformats.org/package/2006/"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_RELATIONSHIP = f"{{{_OPC}relationships}}Relationship"
_OVERRIDE = f"{{{_OPC}content-types}}Override"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_KNOWN_TO_PYTHON_DOCX = ("header", "footer", "styles", "numbering", "settings", "comments")
_CANNOT_OPEN = (PythonDocxError, OpcError, MalformedXML, KeyError, ValueError)
_USUAL_NAME = re.compile(
    r"(header|footer|styles|numbering|settings|comments|footnotes|endnotes)\d*\.xml", re.IGNORECASE
)
_ADVICE = "open it in Word, save it and upload it again"


@dataclass(frozen=True, slots=True)
class Relation:
    """kind: the last word of the relationship's type, the same in strict and transitional documents.
    guessed: the relationship itself is lost and `target` was found by its usual name."""

    kind: str
    target: str
    guessed: bool = False


class Package:
    """Finds parts by relationship and parses each at most once.

    Tolerates what leaves the text whole: relationships to missing parts, wrong content types, a main part
    under an unusual name, a missing list of relationships. `damage` names the parts that were not whole.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._blobs: dict[str, bytes | None] = {}
        self._roots: dict[str, Element | None] = {}
        self._relations: dict[str, dict[str, Relation]] = {}
        self._excessive: set[str] = set()
        self.damage = list(archive.lost)
        self.main = self._main_part()
        self._open_with_python_docx()

    def relations(self, part: str) -> dict[str, Relation]:
        """What a part ("" for the package) points at inside the package, by relationship id."""
        if part not in self._relations:
            self._relations[part] = self._read_relations(part)
        return self._relations[part]

    def related(self, part: str, kind: str) -> list[str]:
        """The parts of one kind that `part` points at, without repeats."""
        return list(dict.fromkeys(r.target for r in self.relations(part).values() if r.kind == kind))

    def root(self, part: str) -> Element | None:
        """The root element of a part, None where there is nothing to be had."""
        if part not in self._roots:
            self._roots[part] = self._parse(part)
        return self._roots[part]

    def document(self) -> Element:
        """The root of the main part. Raises Refusal unless all of its words are there."""
        root = self.root(self.main)
        if self.main in self._excessive:
            raise Refusal(
                Reason.TOO_LARGE,
                "the document is nested too deeply, or a single run of text in it is longer than 10 million "
                "characters; paste its text into a new document and upload that",
            )
        if root is None or self.main in self.damage:
            raise Refusal(
                Reason.CORRUPT_FILE, f"the text of the document ({self.main}) is damaged; {_ADVICE}"
            )
        if root.tag != f"{_WORD}document":
            raise Refusal(
                Reason.UNSUPPORTED_FORMAT, "this is an Office file but not a Word document; export it as PDF"
            )
        return root

    def _main_part(self) -> str:
        for name in (*self.related("", "officeDocument"), *self._declared_main(), "word/document.xml"):
            if name in self._archive:
                return name
        if self._archive.lost:
            raise Refusal(Reason.CORRUPT_FILE, f"the text of the document is damaged; {_ADVICE}")
        raise Refusal(Reason.CORRUPT_FILE, f"the file holds no Word document; {_ADVICE}")

    def _declared_main(self) -> list[str]:
        """Main parts by content type, for a package whose own relationships are lost."""
        types = self.root("[Content_Types].xml")
        if types is None:
            return []
        return [
            unquote(override.get("PartName") or "").lstrip("/")
            for override in types.iter(_OVERRIDE)
            if (override.get("ContentType") or "").endswith("main+xml")
        ]

    def _read_relations(self, part: str) -> dict[str, Relation]:
        folder, name = posixpath.split(part)
        root = self.root(posixpath.join(folder, "_rels", f"{name}.rels"))
        if root is None:
            return self._guess_relations(folder) if part else {}
        found: dict[str, Relation] = {}
        for relationship in root.iter(_RELATIONSHIP):
            target = relationship.get("Target")
            if not target or (relationship.get("TargetMode") or "").lower() == "external":
                continue
            full = posixpath.normpath(posixpath.join("/", folder, unquote(target.replace("\\", "/"))))
            full = full.lstrip("/")
            if full in self._archive:
                kind = (relationship.get("Type") or "").rsplit("/", 1)[-1]
                found[relationship.get("Id") or f"?{full}"] = Relation(kind, full)
        return found

    def _guess_relations(self, folder: str) -> dict[str, Relation]:
        found: dict[str, Relation] = {}
        for full in sorted(self._archive.names):
            place, name = posixpath.split(full)
            usual = _USUAL_NAME.fullmatch(name)
            if usual and place.lower() == folder.lower():
                found[f"?{full}"] = Relation(usual.group(1).lower(), full, guessed=True)
        return found

    def _blob(self, part: str) -> bytes | None:
        if part not in self._blobs:
            blob = self._archive.read(part)
            if blob is None and part in self._archive:
                self.damage.append(part)
            self._blobs[part] = None if blob is None else normalised(blob)
        return self._blobs[part]

    def _parse(self, part: str) -> Element | None:
        blob = self._blob(part)
        self._blobs[part] = None  # a part is parsed once; its bytes need not wait for the end
        if blob is None:
            return None
        try:
            return parse(blob)
        except MalformedXML:
            recovered = parse_damaged(blob)
            if not recovered.whole:
                self.damage.append(part)
            if recovered.excessive:
                self._excessive.add(part)
            return recovered.root

    def _open_with_python_docx(self) -> None:
        """Lets python-docx parse what it knows; what it cannot open is parsed by `root` when asked for.

        It gets a copy in memory that holds only parts measured and checked already, with relationships that
        lead somewhere and content types it knows: so it takes templates, macro documents and strict ones,
        reads no size that lies, meets no DTD, and unpacks no pictures.
        """
        parts: dict[str, str] = {
            r.target: r.kind for r in self.relations(self.main).values() if r.kind in _KNOWN_TO_PYTHON_DOCX
        }
        parts.pop(self.main, None)
        blobs = {part: blob for part in (self.main, *parts) if (blob := self._blob(part))}
        if self.main not in blobs:
            return
        ids = {part: f"rId{n}" for n, part in enumerate(blobs)}
        copy = _tidy_copy(self.main, blobs, parts, ids)
        try:
            opened = cast(Any, docx.Document(copy).part)
        except _CANNOT_OPEN:
            return
        for part, rid in ids.items():
            found = opened if part == self.main else opened.rels[rid].target_part
            root = cast("Element | None", getattr(found, "element", None))
            if root is not None:
                refuse_dtd(root)
                self._roots[part] = root
                self._blobs[part] = None


def _tidy_copy(main: str, blobs: dict[str, bytes], kinds: dict[str, str], ids: dict[str, str]) -> io.BytesIO:
    names = {part: f"/word/{rid}.xml" for part, rid in ids.items()}
    kinds = {**kinds, main: "document.main"}
    types = "".join(
        f'<Override PartName="{names[part]}" ContentType="{_WORD_TYPE}{kinds[part]}+xml"/>' for part in blobs
    )
    related = "".join(
        f'<Relationship Id="{ids[part]}" Type="{_OFFICE}{kinds[part]}" Target="{names[part]}"/>'
        for part in blobs
        if part != main
    )
    start = f'<Relationship Id="rId0" Type="{_OFFICE}officeDocument" Target="{names[main]}"/>'
    rels = f'<Relationships xmlns="{_OPC}relationships">'
    rels_type = "application/vnd.openxmlformats-package.relationships+xml"
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as tidy:
        tidy.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_OPC}content-types"><Default Extension="rels" ContentType="{rels_type}"/>'
            f"{types}</Types>",
        )
        tidy.writestr("_rels/.rels", f"{rels}{start}</Relationships>")
        tidy.writestr(f"word/_rels/{ids[main]}.xml.rels", f"{rels}{related}</Relationships>")
        for part, blob in blobs.items():
            tidy.writestr(names[part].lstrip("/"), blob)
    written.seek(0)
    return written
