"""A demo document: what it says, and how that becomes a PDF or Word file.

The same paper always becomes the same bytes, so that a second import recognises every file.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from casemill.errors import CasemillError

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph
    from fpdf import FPDF

WRITTEN_AT = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
"""The creation date inside every file."""

_ZIPPED_AT = (2024, 3, 1, 9, 0, 0)
_FONT = "Times"
_LINE_MM = 10.5  # court papers are double-spaced


class DemoNeedsFpdf(CasemillError):
    """The optional part of the installation is absent."""

    def __init__(self) -> None:
        super().__init__(
            "the demo documents are made with fpdf2; install it with: pip install 'casemill[demo]'"
        )


@dataclass(frozen=True, slots=True)
class Caption:
    """The head of a court paper."""

    court: str
    parties: tuple[str, ...]
    docket: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A document. Its file name's suffix decides what it becomes.

    body: paragraphs with a blank line between them. One that starts with "# " is a heading, with "> " a
        block quotation; lines that start with "|" are the rows of a table, the first its head; a line
        "---" starts a new page. Latin-1 only, because the fonts of every PDF reader have no more.
    """

    file: str
    title: str
    body: str
    caption: Caption | None = None
    author: str = "Casemill demo"


@dataclass(frozen=True, slots=True)
class DemoCase:
    """A case of the demo, all of it invented but the law it cites. `raw` are files as they are, by name."""

    name: str
    papers: tuple[Paper, ...]
    raw: dict[str, bytes] = field(default_factory=dict[str, bytes])


def paper_bytes(paper: Paper) -> bytes:
    """The file. Raises DemoNeedsFpdf for a PDF where fpdf2 is not installed."""
    return _as_docx(paper) if paper.file.endswith(".docx") else _as_pdf(paper)


def new_pdf(header: str = "", *, has_numbers: bool = True) -> "FPDF":
    """An empty PDF of fixed date. Raises DemoNeedsFpdf."""
    try:
        from fpdf import FPDF
    except ModuleNotFoundError as error:
        raise DemoNeedsFpdf from error

    class Numbered(FPDF):
        def header(self) -> None:
            if header:
                self.set_font("Helvetica", "", 8)
                self.text(self.l_margin, 14, f"{header}   Page {self.page_no()}")

        def footer(self) -> None:
            if not has_numbers:
                return
            self.set_font("Helvetica", "", 8)
            foot = str(self.page_no())
            self.text((self.w - self.get_string_width(foot)) / 2, self.h - 14, foot)

    pdf = Numbered(format="letter")
    pdf.set_creation_date(WRITTEN_AT)
    return pdf


def _blocks(body: str) -> Iterator[list[str]]:
    """Paragraphs as one line each, tables as their rows."""
    for block in body.strip().split("\n\n"):
        lines = [line.strip() for line in block.strip().splitlines()]
        if lines[0].startswith(">"):
            lines = ["> " + " ".join(line.lstrip("> ") for line in lines)]
        yield lines if lines[0].startswith("|") else [" ".join(lines)]


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _as_pdf(paper: Paper) -> bytes:
    pdf = new_pdf(f"Case {paper.caption.docket}   {paper.title}" if paper.caption else "")
    from fpdf.enums import XPos, YPos

    pdf.set_title(paper.title)
    pdf.set_author(paper.author)
    pdf.set_margins(30, 25)
    pdf.set_auto_page_break(False)
    pdf.add_page()

    def line(
        text: str, *, style: str = "", align: str = "L", height: float = _LINE_MM, indent: float = 0
    ) -> None:
        pdf.set_font(_FONT, style, 12)
        broken = pdf.multi_cell(pdf.epw - indent, height, text, align=align, dry_run=True, output="LINES")
        for each in cast(list[str], broken):
            if pdf.get_y() > pdf.h - 35:
                pdf.add_page()
            pdf.set_x(pdf.l_margin + indent)
            pdf.cell(pdf.epw - indent, height, each, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    for text, style, align in _head(paper):
        line(text, style=style, align=align, height=6.5)
    pdf.ln(5)
    for block in _blocks(paper.body):
        if block == ["---"]:
            pdf.add_page()
        elif block[0].startswith("|"):
            for place, row in enumerate(block):
                cells = _cells(row)
                pdf.set_font("Helvetica", "B" if place == 0 else "", 8 if len(cells) > 4 else 10)
                if pdf.get_y() > pdf.h - 35:
                    pdf.add_page()
                for at, cell in enumerate(cells):
                    end = at == len(cells) - 1
                    pdf.cell(
                        pdf.epw / len(cells),
                        7,
                        cell,
                        border=1,
                        new_x=XPos.LMARGIN if end else XPos.RIGHT,
                        new_y=YPos.NEXT if end else YPos.TOP,
                    )
            pdf.ln(4)
        elif block[0].startswith("# "):
            pdf.ln(2)
            if pdf.get_y() > pdf.h - 60:  # no heading at the foot of a page
                pdf.add_page()
            line(block[0][2:], style="B", align="C")
        elif block[0].startswith("> "):
            line(block[0][2:], height=6.5, indent=15)
            pdf.ln(2)
        else:
            line(block[0])
            pdf.ln(2)
    return bytes(pdf.output())


def _head(paper: Paper) -> Iterator[tuple[str, str, str]]:
    """(text, style, alignment) of the lines above the body."""
    if paper.caption:
        yield paper.caption.court.upper(), "B", "C"
        yield " ", "", "L"
        first, *others = paper.caption.parties
        yield first, "", "L"
        for party in others:
            yield "        v.", "", "L"
            yield party, "", "L"
        yield " ", "", "L"
        yield f"No. {paper.caption.docket}", "", "L"
        yield " ", "", "L"
    yield paper.title.upper() if paper.caption else paper.title, "B", "C"


def _as_docx(paper: Paper) -> bytes:
    from docx import Document
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Inches

    document = Document()
    properties = document.core_properties
    properties.title, properties.author, properties.last_modified_by = paper.title, paper.author, paper.author
    properties.created = properties.modified = WRITTEN_AT.replace(tzinfo=None)
    section = document.sections[0]
    if paper.caption:
        section.header.paragraphs[0].text = f"Case {paper.caption.docket}   {paper.title}"
    _page_number(section.footer.paragraphs[0])
    for text, style, align in _head(paper):
        paragraph = document.add_paragraph()
        paragraph.add_run(text).bold = style == "B"
        if align == "C":
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for block in _blocks(paper.body):
        if block == ["---"]:
            document.add_page_break()
        elif block[0].startswith("|"):
            _table(document, block)
        elif block[0].startswith("# "):
            document.add_heading(block[0][2:], level=1)
        elif block[0].startswith("> "):
            document.add_paragraph(block[0][2:]).paragraph_format.left_indent = Inches(0.6)
        else:
            document.add_paragraph(block[0])
    written = BytesIO()
    document.save(written)
    return _redated(written)


def _table(document: "Document", rows: list[str]) -> None:
    table = document.add_table(rows=0, cols=len(_cells(rows[0])), style="Table Grid")
    for row in rows:
        for cell, text in zip(table.add_row().cells, _cells(row), strict=True):
            cell.text = text
    document.add_paragraph()


def _page_number(paragraph: "Paragraph") -> None:
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    field = f'<w:fldSimple {nsdecls("w")} w:instr="PAGE"><w:r><w:t>1</w:t></w:r></w:fldSimple>'
    paragraph.add_run("Page ")
    cast(Any, paragraph)._p.append(parse_xml(field))  # the only way to a field in python-docx


def _redated(written: BytesIO) -> bytes:
    """The same archive with fixed dates; python-docx stamps the parts with the time of saving."""
    fixed = BytesIO()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(fixed, "w") as target:
        for part in source.infolist():
            info = zipfile.ZipInfo(part.filename, _ZIPPED_AT)
            target.writestr(info, source.read(part), zipfile.ZIP_DEFLATED)
    return fixed.getvalue()
