"""The .docx reader: all that a reader of a Word document sees, each once; nothing hostile gets through."""

import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import docx
import pytest
from lxml import etree

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.docx import extract_docx

LIMITS = ExtractionLimits()
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OPC = "http://schemas.openxmlformats.org/package/2006"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "r": OFFICE,
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
    }.items()
)


def p(*texts: str) -> str:
    return "<w:p>" + "".join(f'<w:r><w:t xml:space="preserve">{t}</w:t></w:r>' for t in texts) + "</w:p>"


def part(root: str, inner: str) -> str:
    return f"<w:{root} {NAMESPACES}>{inner}</w:{root}>"


def document_xml(body: str) -> str:
    return part("document", f"<w:body>{body}</w:body>")


def relationships(targets: dict[str, tuple[str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{rid}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for rid, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{OPC}/relationships">{inner}</Relationships>'


def types(main: str = "word/document.xml", kind: str = f"{WORD}.document.main+xml") -> str:
    return (
        f'<Types xmlns="{OPC}/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/{main}" ContentType="{kind}"/></Types>'
    )


def write(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return path


def package(body: str, related: dict[str, tuple[str, str, str]] | None = None) -> dict[str, str | bytes]:
    """A minimal package. related: id -> (kind, name in word/, content)."""
    related = related or {}
    return {
        "[Content_Types].xml": types(),
        "_rels/.rels": relationships({"rId1": ("officeDocument", "word/document.xml")}),
        "word/document.xml": document_xml(body),
        "word/_rels/document.xml.rels": relationships(
            {rid: (kind, name) for rid, (kind, name, _) in related.items()}
        ),
        **{f"word/{name}": content for _, name, content in related.values()},
    }


@pytest.fixture
def text_of(tmp_path: Path):
    """The text of a document with this body."""

    def read(body: str, related: dict[str, tuple[str, str, str]] | None = None) -> str:
        result = extract_docx(write(tmp_path / "built.docx", package(body, related)), LIMITS)
        assert isinstance(result, Extracted), result
        return result.text

    return read


@pytest.fixture
def outcome(tmp_path: Path):
    """What comes of a file with these parts (or these bytes)."""

    def read(
        files: dict[str, str | bytes] | bytes, limits: ExtractionLimits = LIMITS
    ) -> Extracted | Unreadable:
        path = tmp_path / "given.docx"
        if isinstance(files, bytes):
            path.write_bytes(files)
        else:
            write(path, files)
        return extract_docx(path, limits)

    return read


def reason(result: Extracted | Unreadable) -> Reason:
    assert isinstance(result, Unreadable), result
    assert len(result.detail) > 20
    return result.reason


# The file with a marker in each of 32 places

SEEN = [
    "MKheading", "MKbody", "MKrunbold", "MKlist", "MKcell00", "MKcell11", "MKmerged", "MKnested",
    "MKhyperlink", "MKtrackpara", "MKinserted", "MKsdtblock", "MKsdtinline", "MKsmarttag", "MKfldsimple",
    "MKfldresult", "MKhidden", "MKalttext", "MKtextbox", "MKmath", "MKfnref", "MKfootnote", "MKendnote",
    "MKcommented", "MKcrange", "MKcomment", "MKheader", "MKfirstheader", "MKfooter",
]  # fmt: skip


@pytest.fixture(scope="module")
def marked(corpus: Path) -> Extracted:
    result = extract_docx(corpus / "formats" / "docx" / "marker-32-places.docx", LIMITS)
    assert isinstance(result, Extracted)
    return result


@pytest.mark.parametrize("marker", SEEN)
def test_a_marker_that_a_reader_sees_is_found_once(marked: Extracted, marker: str):
    assert len(re.findall(rf"{marker}(?![a-z]*ed\b)", marked.text)) == 1


@pytest.mark.parametrize("marker", ["MKdeleted", "MKinstr"])
def test_a_marker_in_deleted_text_or_a_field_code_is_not_found(marked: Extracted, marker: str):
    assert marker not in marked.text


def test_the_title_of_the_marker_file_is_metadata_and_not_text(marked: Extracted):
    assert marked.metadata["title"] == "MKcoretitle"
    assert "MKcoretitle" not in marked.text


def test_the_markers_come_in_reading_order(marked: Extracted):
    order = ["MKfirstheader", "MKheader", "MKheading", "MKcell00", "MKnested", "MKmerged", "MKtextbox"]
    order += ["MKfnref", "MKfootnote", "MKcrange", "MKfooter", "MKendnote"]
    places = [re.search(rf"{marker}\b", marked.text).start() for marker in order]
    assert places == sorted(places)


# The corpus


def test_every_word_file_of_the_corpus_ends_with_text_or_a_reason(corpus: Path):
    files = sorted(corpus.rglob("*.docx"))
    assert files
    for path in files:
        result = extract_docx(path, LIMITS)
        if isinstance(result, Extracted):
            assert result.text.strip(), path.name
            assert (result.paged, len(result.pages)) == (False, 1)
        else:
            assert result.detail, path.name


def test_no_character_of_the_corpus_is_lost_except_repeated_headers(corpus: Path):
    """Counts w:t outside deletions over all stories, and compares with what came out."""
    main = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    compared = 0
    for path in sorted((corpus / "formats" / "docx").glob("*.docx")):
        result = extract_docx(path, LIMITS)
        if not isinstance(result, Extracted) or "table of contents" in result.metadata.get("damage", ""):
            continue  # the latter cannot be read to compare with
        compared += 1
        found = re.sub(r"\s", "", result.text)
        with zipfile.ZipFile(path) as zipped:
            for name in zipped.namelist():
                if not re.fullmatch(r"word/(document|header\d*|footer\d*|\w+notes|comments)\.xml", name):
                    continue
                for text in etree.fromstring(zipped.read(name)).iter(f"{main}t"):
                    around = {a.tag.rsplit("}", 1)[-1] for a in text.iterancestors()}
                    if not around & {"del", "moveFrom"}:
                        assert re.sub(r"\s", "", text.text or "") in found, (path.name, name, text.text)
    assert compared > 25


def test_the_zip_bomb_is_refused_without_unpacking_it(corpus: Path):
    tracemalloc.start()
    try:
        result = extract_docx(corpus / "hostile" / "docx-bomb.docx", LIMITS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reason(result) is Reason.TOO_LARGE
    assert peak < 20 * 1024 * 1024


# Tables and paragraphs


def test_a_table_has_tabs_between_cells_and_newlines_between_rows(tmp_path: Path):
    built = docx.Document()
    table = built.add_table(rows=2, cols=2)
    for n, cell in enumerate(c for row in table.rows for c in row.cells):
        cell.text = f"cell{n}"
    built.add_paragraph("after")
    built.save(str(tmp_path / "table.docx"))
    result = extract_docx(tmp_path / "table.docx", LIMITS)
    assert isinstance(result, Extracted)
    assert result.text == "cell0\tcell1\ncell2\tcell3\nafter"


def test_an_empty_cell_keeps_its_place(text_of):
    cells = "".join(f"<w:tc>{p(t)}</w:tc>" for t in ("a", "", "c"))
    assert text_of(f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>") == "a\t\tc"


def test_content_controls_around_rows_and_cells_are_read(text_of):
    cell = f"<w:sdt><w:sdtContent><w:tc>{p('in a cell')}</w:tc></w:sdtContent></w:sdt>"
    row = f"<w:sdt><w:sdtContent><w:tr>{cell}<w:tc>{p('beside')}</w:tc></w:tr></w:sdtContent></w:sdt>"
    assert text_of(f"<w:tbl>{row}</w:tbl>") == "in a cell\tbeside"


def test_run_boundaries_neither_split_nor_glue_words(text_of):
    assert text_of(p("hel", "lo ", "world") + p("next")) == "hello world\nnext"


def test_tabs_and_breaks_are_kept_and_a_page_break_is_a_newline(text_of):
    run = '<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:br w:type="page"/><w:t>d</w:t></w:r>'
    assert text_of(f'<w:p><w:pPr><w:tabs><w:tab w:pos="9"/></w:tabs></w:pPr>{run}</w:p>') == "a\tb\nc\nd"


def test_hyphens_that_do_not_break_stay_and_optional_ones_go(text_of):
    runs = "<w:r><w:t>e</w:t><w:noBreakHyphen/><w:t>mail</w:t><w:softHyphen/><w:t>box</w:t></w:r>"
    assert text_of(f"<w:p>{runs}</w:p>") == "e-mailbox"


def test_a_comment_of_the_xml_hides_no_text(text_of):
    assert text_of("<w:p><w:r><w:t>be<!-- x -->fore</w:t></w:r></w:p>") == "before"


def test_control_characters_do_not_reach_the_text(outcome):
    result = outcome(package(p("a&#x1;b") + p("c")))
    assert isinstance(result, Extracted)
    assert "\x01" not in result.text
    assert result.text.endswith("b\nc")


# Tracked changes


def test_tracked_changes_are_read_as_accepted(text_of):
    run = "<w:r><w:t>{}</w:t></w:r>"
    gone = '<w:del w:id="1"><w:r><w:delText>old</w:delText></w:r></w:del>'
    moved = f'<w:moveFrom w:id="2">{run.format("from")}</w:moveFrom>'
    arrived = f'<w:moveTo w:id="3">{run.format("to")}</w:moveTo>'
    added = f'<w:ins w:id="4">{run.format("new")}</w:ins>'
    assert text_of(f"<w:p>{gone}{moved}{arrived}{added}</w:p>") == "tonew"


def test_a_deleted_row_is_not_found(text_of):
    row = f"<w:tr><w:trPr><w:del w:id='1'/></w:trPr><w:tc>{p('gone')}</w:tc></w:tr>"
    assert text_of(f"<w:tbl>{row}<w:tr><w:tc>{p('kept')}</w:tc></w:tr></w:tbl>") == "kept"


def test_a_deleted_paragraph_end_joins_two_paragraphs(text_of):
    first = "<w:p><w:pPr><w:rPr><w:del w:id='1'/></w:rPr></w:pPr><w:r><w:t>one </w:t></w:r></w:p>"
    assert text_of(first + p("two") + p("three")) == "one two\nthree"


def test_a_footnote_whose_reference_was_deleted_is_not_found(text_of):
    note = part("footnotes", f'<w:footnote w:id="2">{p("withdrawn")}</w:footnote>')
    body = '<w:p><w:del w:id="1"><w:r><w:footnoteReference w:id="2"/></w:r></w:del></w:p>' + p("kept")
    assert text_of(body, {"rId1": ("footnotes", "footnotes.xml", note)}).strip() == "kept"


# Fields


def field(instruction: str, result: str = "", data: str = "") -> str:
    return (
        f'<w:r><w:fldChar w:fldCharType="begin">{data}</w:fldChar></w:r>{instruction}'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{result}'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def test_a_field_shows_its_result_and_not_what_stands_in_its_instruction(text_of):
    inner = field("<w:r><w:instrText>MERGEFIELD x</w:instrText></w:r>", "<w:r><w:t>untaken</w:t></w:r>")
    instruction = f"<w:r><w:instrText>IF </w:instrText></w:r>{inner}"
    assert text_of(f"<w:p>{field(instruction, '<w:r><w:t>taken</w:t></w:r>')}</w:p>") == "taken"


def test_a_field_that_never_ends_does_not_silence_the_rest(text_of):
    begin = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF</w:instrText></w:r></w:p>'
    )
    assert text_of(p("before") + begin + p("after")).split() == ["before", "after"]


DROPDOWN = (
    '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="granted"/><w:listEntry w:val="denied"/>'
    "</w:ddList></w:ffData>"
)


def test_a_dropdown_shows_the_line_that_was_chosen(text_of):
    assert text_of(f"<w:p>{field('', data=DROPDOWN)}</w:p>") == "denied"


def test_a_dropdown_that_stores_its_result_too_shows_it_once(text_of):
    assert text_of(f"<w:p>{field('', '<w:r><w:t>denied</w:t></w:r>', DROPDOWN)}</w:p>") == "denied"


def test_a_form_shows_which_boxes_are_ticked(text_of):
    ticked = '<w:ffData><w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox></w:ffData>'
    blank = '<w:ffData><w:checkBox><w:default w:val="0"/></w:checkBox></w:ffData>'
    assert text_of(f"<w:p>{field('', data=ticked)}{field('', data=blank)}</w:p>") == "☒☐"


# Text boxes, drawings, alternatives


def text_box(*paragraphs: str) -> str:
    return f"<w:txbxContent>{''.join(map(p, paragraphs))}</w:txbxContent>"


def alternate(choice: str, fallback: str) -> str:
    return (
        f'<mc:AlternateContent><mc:Choice Requires="wps">{choice}</mc:Choice>'
        f"<mc:Fallback>{fallback}</mc:Fallback></mc:AlternateContent>"
    )


def test_a_text_box_stored_twice_is_found_once_and_after_its_paragraph(text_of):
    drawing = f"<w:drawing><wps:wsp><wps:txbx>{text_box('box')}</wps:txbx></wps:wsp></w:drawing>"
    pict = f"<w:pict><v:rect><v:textbox>{text_box('box')}</v:textbox></v:rect></w:pict>"
    body = (
        f"<w:p><w:r><w:t>mid</w:t></w:r><w:r>{alternate(drawing, pict)}</w:r><w:r><w:t>dle</w:t></w:r></w:p>"
    )
    assert text_of(body) == "middle\nbox"


def test_the_fallback_is_read_where_the_choice_holds_no_words(text_of):
    pict = f"<w:pict><v:rect><v:textbox>{text_box('only here')}</v:textbox></v:rect></w:pict>"
    assert text_of(f"<w:p><w:r>{alternate('<w:drawing/>', pict)}</w:r></w:p>").strip() == "only here"


def test_two_equal_text_boxes_are_two_texts(text_of):
    box = f"<w:r><w:pict><v:rect><v:textbox>{text_box('Yes')}</v:textbox></v:rect></w:pict></w:r>"
    assert text_of(f"<w:p>{box}{box}</w:p>").split() == ["Yes", "Yes"]


def test_a_picture_is_described_once(text_of):
    described = '<wp:docPr id="1" name="Picture 1" descr="A bridge" title="Exhibit"/>'
    again = '<pic:cNvPr id="1" name="x.png" descr="A bridge" title="Exhibit"/>'
    body = f"<w:p><w:r><w:drawing><wp:inline>{described}{again}</wp:inline></w:drawing></w:r></w:p>"
    assert text_of(body).split("\n") == ["", "Exhibit", "A bridge"]


def test_a_watermark_is_found(text_of):
    art = '<w:pict><v:shape><v:textpath string="CONFIDENTIAL"/></v:shape></w:pict>'
    assert text_of(f"<w:p><w:r>{art}</w:r></w:p>").strip() == "CONFIDENTIAL"


def test_the_words_of_a_chart_and_of_a_diagram_are_found_once(text_of):
    series = (
        "<c:ser><c:cat><c:strRef><c:strCache><c:pt><c:v>Spring</c:v></c:pt></c:strCache></c:strRef></c:cat>"
    )
    series += (
        "<c:val><c:numRef><c:numCache><c:pt><c:v>42</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser>"
    )
    title = "<c:title><a:p><a:r><a:t>Rain</a:t></a:r></a:p></c:title>"
    chart = f"<c:chartSpace {NAMESPACES}>{title}{series}{series}</c:chartSpace>"
    point = "<dgm:pt><dgm:t><a:p><a:r><a:t>Step </a:t></a:r><a:r><a:t>one</a:t></a:r></a:p></dgm:t></dgm:pt>"
    diagram = f"<dgm:dataModel {NAMESPACES}><dgm:ptLst>{point}</dgm:ptLst></dgm:dataModel>"
    drawn = "<w:p><w:r><w:drawing>{}</w:drawing></w:r></w:p>"
    body = drawn.format('<c:chart r:id="rId1"/>') + drawn.format('<dgm:relIds r:dm="rId2"/>')
    related = {"rId1": ("chart", "charts/c.xml", chart), "rId2": ("diagramData", "d.xml", diagram)}
    assert text_of(body, related).split("\n") == ["", "Rain", "Spring", "", "Step one"]


# Characters of other kinds


@pytest.mark.parametrize(
    ("font", "code", "seen"),
    [("Symbol", "F061", "α"), ("Wingdings", "F0FC", "✓"), ("Wingdings", "00FE", "☑"), ("Arial", "00A7", "§")],
)
def test_a_symbol_is_the_character_a_reader_sees(text_of, font: str, code: str, seen: str):
    assert text_of(f'<w:p><w:r><w:sym w:font="{font}" w:char="{code}"/></w:r></w:p>') == seen


@pytest.mark.parametrize("code", ["", "zz", "FFFFFFFF", "-5"])
def test_a_symbol_that_is_no_character_is_passed_over(text_of, code: str):
    assert text_of(f'<w:p><w:r><w:t>a</w:t><w:sym w:font="Symbol" w:char="{code}"/></w:r></w:p>') == "a"


def test_ruby_follows_its_base(text_of):
    ruby = "<w:ruby><w:rubyPr/><w:rt><w:r><w:t>とう</w:t></w:r></w:rt>"
    ruby += "<w:rubyBase><w:r><w:t>東</w:t></w:r></w:rubyBase></w:ruby>"
    assert text_of(f"<w:p><w:r>{ruby}</w:r></w:p>") == "東(とう)"


def test_the_parts_of_a_formula_are_not_run_together(text_of):
    def run(t: str) -> str:
        return f"<m:r><m:t>{t}</m:t></m:r>"

    fraction = f"<m:f><m:num>{run('a')}</m:num><m:den>{run('b')}</m:den></m:f>"
    power = f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('2')}</m:sup></m:sSup>"
    bracket = f"<m:d><m:e>{run('y')}</m:e></m:d>"
    assert text_of(f"<w:p><m:oMath>{fraction}{power}{bracket}</m:oMath></w:p>") == "a/bx^2(y)"


# Headers, footers, notes, comments


def test_a_section_that_repeats_the_header_does_not_repeat_its_text(tmp_path: Path):
    built = docx.Document()
    built.sections[0].header.paragraphs[0].text = "Case 12"
    built.add_paragraph("first")
    built.add_section().header.is_linked_to_previous = True
    built.add_paragraph("second")
    copied = built.add_section().header
    copied.is_linked_to_previous = False
    copied.paragraphs[0].text = "Case 12"
    built.add_paragraph("third")
    built.save(str(tmp_path / "sections.docx"))
    result = extract_docx(tmp_path / "sections.docx", LIMITS)
    assert isinstance(result, Extracted)
    assert result.text.split() == ["Case", "12", "first", "second", "third"]


def test_each_section_has_its_own_header_before_and_footer_after_it(tmp_path: Path):
    built = docx.Document()
    for name in ("one", "two"):
        section = built.sections[0] if name == "one" else built.add_section()
        for margin, kind in ((section.header, "head"), (section.footer, "foot")):
            margin.is_linked_to_previous = False
            margin.paragraphs[0].text = f"{kind}-{name}"
        built.add_paragraph(f"body-{name}")
    built.save(str(tmp_path / "sections.docx"))
    result = extract_docx(tmp_path / "sections.docx", LIMITS)
    assert isinstance(result, Extracted)
    order = ["head-one", "body-one", "foot-one", "head-two", "body-two", "foot-two"]
    assert result.text.split() == order


def test_a_footnote_follows_the_table_that_refers_to_it(text_of):
    note = part("footnotes", f'<w:footnote w:id="2">{p("note")}</w:footnote>')
    cell = '<w:tc><w:p><w:r><w:t>a</w:t><w:footnoteReference w:id="2"/></w:r></w:p></w:tc>'
    body = f"<w:tbl><w:tr>{cell}<w:tc>{p('b')}</w:tc></w:tr></w:tbl>{p('after')}"
    assert text_of(body, {"rId1": ("footnotes", "footnotes.xml", note)}) == "a\tb\nnote\nafter"


def test_a_footnote_nobody_refers_to_is_still_text(text_of):
    note = part("footnotes", f'<w:footnote w:id="2">{p("alone")}</w:footnote>')
    assert text_of(p("body"), {"rId1": ("footnotes", "footnotes.xml", note)}) == "body\nalone"


# Lists

NUMBERING = part(
    "numbering",
    '<w:abstractNum w:abstractNumId="0">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%2)"/></w:lvl>'
    '<w:lvl w:ilvl="2"><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="0"/>'
    '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>',
)


def listed(text: str, level: int, number: int = 1) -> str:
    properties = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_lists_get_the_numbers_word_shows_and_bullets_get_none(text_of):
    body = listed("x", 0) + listed("y", 1) + listed("z", 1) + listed("b", 2) + listed("w", 0) + listed("v", 1)
    text = text_of(body, {"rId1": ("numbering", "numbering.xml", NUMBERING)})
    assert text.split("\n") == ["1.\tx", "(a)\ty", "(b)\tz", "b", "2.\tw", "(a)\tv"]


def test_a_list_that_restarts_counts_from_its_start_again(text_of):
    body = listed("x", 0) + listed("y", 0) + listed("z", 0, number=2) + listed("w", 0, number=2)
    text = text_of(body, {"rId1": ("numbering", "numbering.xml", NUMBERING)})
    assert text.split("\n") == ["1.\tx", "2.\ty", "1.\tz", "2.\tw"]


# Relatives, and files slightly damaged


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
        f"{WORD}.template.main+xml",
        "application/xml",
    ],
)
def test_templates_macro_documents_and_wrong_content_types_are_read(outcome, kind: str):
    result = outcome(package(p("text")) | {"[Content_Types].xml": types(kind=kind)})
    assert isinstance(result, Extracted)
    assert result.text == "text"


def test_a_strict_document_is_read_with_its_header(outcome):
    def strict(xml: str | bytes) -> bytes:
        assert isinstance(xml, str)
        pattern = r"http://schemas\.openxmlformats\.org/(wordprocessingml|officeDocument|drawingml)/2006/"
        return re.sub(pattern, r"http://purl.oclc.org/ooxml/\1/", xml).encode()

    header = part("hdr", p("head"))
    body = p("body") + '<w:sectPr><w:headerReference w:type="default" r:id="rId1"/></w:sectPr>'
    files = package(body, {"rId1": ("header", "header1.xml", header)})
    result = outcome({name: strict(xml) for name, xml in files.items()})
    assert isinstance(result, Extracted)
    assert result.text == "head\nbody"


def test_a_main_part_under_another_name_is_found_by_its_relationship(outcome):
    files = {
        "[Content_Types].xml": types("content/main.xml"),
        "_rels/.rels": relationships({"x": ("officeDocument", "/content/main.xml")}),
        "content/main.xml": document_xml(p("elsewhere")),
    }
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "elsewhere"


def test_a_main_part_is_found_by_its_type_where_relationships_are_lost(outcome):
    result = outcome({"[Content_Types].xml": types("doc2.xml"), "doc2.xml": document_xml(p("found"))})
    assert isinstance(result, Extracted)
    assert result.text == "found"


def test_relationships_to_missing_parts_cost_nothing(outcome):
    files = package(p("text") + '<w:sectPr><w:headerReference r:id="rId1"/></w:sectPr>')
    gone = {"rId1": ("header", "gone.xml"), "rId2": ("styles", "NULL"), "rId3": ("image", "../../x.png")}
    result = outcome(files | {"word/_rels/document.xml.rels": relationships(gone)})
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_notes_and_headers_are_found_by_name_where_the_relationships_are_lost(outcome):
    files = package(p("body"), {"rId1": ("header", "header1.xml", part("hdr", p("head")))})
    files["word/footnotes.xml"] = part("footnotes", f'<w:footnote w:id="2">{p("note")}</w:footnote>')
    del files["word/_rels/document.xml.rels"]
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "head\nbody\nnote"


def test_a_missing_list_of_types_costs_nothing(outcome):
    files = package(p("text"))
    del files["[Content_Types].xml"]
    assert isinstance(outcome(files), Extracted)


def test_an_undeclared_prefix_costs_nothing(outcome):
    """Some generators forget to declare wp14; python-docx gives such a document up."""
    result = outcome(package("<w:p><w:r><wp14:x/><w:t>text</w:t></w:r></w:p>"))
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_an_attribute_given_twice_costs_nothing(outcome):
    result = outcome(package('<w:p w:x="1" w:x="2"><w:r><w:t>text</w:t></w:r></w:p>'))
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_a_blank_line_before_the_declaration_costs_nothing(outcome):
    """Templates of document generators begin so, and the document was called damaged."""
    xml = '\n<?xml version="1.0" encoding="UTF-8"?>' + document_xml(p("text"))
    result = outcome(package("") | {"word/document.xml": xml})
    assert isinstance(result, Extracted)
    assert (result.text, result.metadata) == ("text", {})


def test_a_damaged_part_beside_the_text_is_named(outcome):
    files = package(p("text"), {"rId1": ("footnotes", "footnotes.xml", "<w:footnotes")})
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "text"
    assert "word/footnotes.xml" in result.metadata["damage"]


def test_a_document_cut_off_in_the_middle_of_its_text_is_corrupt(outcome):
    """Half a document that looks whole would be worse than none."""
    files = package(p("text") * 10)
    files["word/document.xml"] = str(files["word/document.xml"])[:-120]
    assert reason(outcome(files)) is Reason.CORRUPT_FILE


def test_parts_in_utf16_are_read(outcome):
    xml = '<?xml version="1.0" encoding="UTF-16"?>' + document_xml(p("naïve"))
    result = outcome(package("") | {"word/document.xml": xml.encode("utf-16")})
    assert isinstance(result, Extracted)
    assert result.text == "naïve"


# Files that are given up


def test_a_document_without_text_says_so(outcome):
    assert reason(outcome(package("<w:p/>"))) is Reason.NO_TEXT_FOUND


def test_an_empty_file_says_so(outcome):
    assert reason(outcome(b"")) is Reason.EMPTY_FILE


@pytest.mark.parametrize(
    "content", [b"not a zip at all", b"PK\x03\x04" + b"\0" * 40, b"PK\x05\x06" + b"\xff" * 18]
)
def test_what_is_no_zip_is_corrupt(outcome, content: bytes):
    assert reason(outcome(content)) is Reason.CORRUPT_FILE


def test_a_truncated_upload_is_corrupt(outcome, tmp_path: Path):
    whole = write(tmp_path / "whole.docx", package(p("text") * 100)).read_bytes()
    assert reason(outcome(whole[: len(whole) // 2])) is Reason.CORRUPT_FILE


def test_a_zip_without_a_document_is_corrupt(outcome):
    assert reason(outcome({"readme.txt": "hello"})) is Reason.CORRUPT_FILE


def test_a_spreadsheet_is_not_a_word_document(outcome):
    files = package("") | {"word/document.xml": '<workbook xmlns="urn:x"/>'}
    assert reason(outcome(files)) is Reason.UNSUPPORTED_FORMAT


def test_no_single_flipped_byte_raises(tmp_path: Path):
    """A deterministic fuzz over the zip's own structures and the packed parts."""
    whole = write(tmp_path / "whole.docx", package(p("text") * 5)).read_bytes()
    path = tmp_path / "flipped.docx"
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert isinstance(extract_docx(path, LIMITS), Extracted | Unreadable)


def test_an_encrypted_zip_entry_is_password_protected(tmp_path: Path):
    path = write(tmp_path / "locked.docx", package(p("text")))
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    path.write_bytes(bytes(content))
    assert reason(extract_docx(path, LIMITS)) is Reason.PASSWORD_PROTECTED


def test_an_encrypted_document_is_password_protected(outcome):
    assert reason(outcome(ole_with("EncryptedPackage"))) is Reason.PASSWORD_PROTECTED


def test_an_older_word_file_under_this_name_says_what_it_is(outcome):
    result = outcome(ole_with("WordDocument"))
    assert reason(result) is Reason.CORRUPT_FILE
    assert ".doc" in result.detail


def ole_with(stream: str) -> bytes:
    """The smallest compound file ([MS-CFB]) with one empty stream: header, sector table, directory."""
    free, end, table = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    header = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 16
    header += struct.pack("<HHHHHHLLLLLLLLLL", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109L", 0, *[free] * 108)

    def named(name: str, kind: int, child: int) -> bytes:
        spelled = (name + "\0").encode("utf-16-le")
        ids = struct.pack("<BBLLL", kind, 1, free, free, child)
        rest = b"\0" * 36 + struct.pack("<LQ", end, 0)
        return spelled.ljust(64, b"\0") + struct.pack("<H", len(spelled)) + ids + rest

    directory = named("Root Entry", 5, 1) + named(stream, 2, free) + b"\0" * 256
    return header + struct.pack("<128L", table, end, *[free] * 126) + directory


# Hostile files


def test_more_unpacked_than_allowed_is_refused(outcome):
    files = package(p("text")) | {"word/media/a.bmp": b"\0" * (2 * 1024 * 1024)}
    assert reason(outcome(files, ExtractionLimits(unpacked_mb=1))) is Reason.TOO_LARGE


def lying(path: Path, member: str, declared: int) -> None:
    """Rewrites the size that the central directory declares for a member."""
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        (length,) = struct.unpack_from("<H", content, at + 28)
        if content[at + 46 : at + 46 + length] == member.encode():
            struct.pack_into("<I", content, at + 24, declared)
        at = content.find(b"PK\x01\x02", at + 4)
    path.write_bytes(bytes(content))


def test_a_part_larger_than_it_declares_is_refused_too(tmp_path: Path):
    path = write(tmp_path / "lying.docx", package(p("x" * (2 * 1024 * 1024))))
    lying(path, "word/document.xml", 10)
    assert reason(extract_docx(path, ExtractionLimits(unpacked_mb=1))) is Reason.TOO_LARGE


def test_a_part_that_declares_a_wrong_size_within_the_limits_is_read_whole(tmp_path: Path):
    path = write(tmp_path / "lying.docx", package(p("first") + p("last")))
    lying(path, "word/document.xml", 10)
    result = extract_docx(path, LIMITS)
    assert isinstance(result, Extracted)
    assert result.text == "first\nlast"


def test_a_size_that_cannot_be_true_is_not_believed(tmp_path: Path):
    """A flipped bit in the size of a picture made a small file "unpack to more than 500 MiB"."""
    path = write(tmp_path / "lying.docx", package(p("text")) | {"word/media/a.png": b"picture"})
    lying(path, "word/media/a.png", 3 << 30)
    result = extract_docx(path, LIMITS)
    assert isinstance(result, Extracted)
    assert result.text == "text"


def test_more_xml_than_the_memory_could_hold_parsed_is_refused(outcome):
    files = package(p("x" * (17 * 1024 * 1024)))
    assert reason(outcome(files, ExtractionLimits(memory_mb=256))) is Reason.TOO_LARGE


@pytest.mark.parametrize("body", [p("x" * 10_100_000), "<w:sdt>" * 300 + p("x") + "</w:sdt>" * 300])
def test_more_than_the_xml_parser_takes_is_not_called_damage(outcome, body: str):
    """People were told to repair a file that was whole."""
    assert reason(outcome(package(body))) is Reason.TOO_LARGE


def test_more_characters_than_allowed_are_refused(outcome):
    assert reason(outcome(package(p("x" * 50) * 3), ExtractionLimits(characters=100))) is Reason.TOO_LARGE


def test_numbers_of_lists_count_as_characters(outcome):
    files = package(listed("x", 0) * 20, {"rId1": ("numbering", "numbering.xml", NUMBERING)})
    assert reason(outcome(files, ExtractionLimits(characters=50))) is Reason.TOO_LARGE


LAUGHS = (
    '<!DOCTYPE w [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {c} "{f"&{b};" * 10}">' for b, c in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-7"])
@pytest.mark.parametrize("name", ["word/document.xml", "_rels/.rels", "word/styles.xml"])
def test_a_part_with_entities_is_refused_whatever_its_encoding(outcome, name: str, encoding: str):
    files = package(
        p("&j;" if name == "word/document.xml" else "text"),
        {"s": ("styles", "styles.xml", part("styles", ""))},
    )
    xml = f'<?xml version="1.0" encoding="{encoding.upper()}"?>{LAUGHS}{files[name]}'
    files[name] = xml.encode(encoding)
    assert reason(outcome(files)) is Reason.CORRUPT_FILE


def test_an_external_entity_is_not_fetched(outcome, tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    files = package(p("&x;"))
    files["word/document.xml"] = (
        f'<!DOCTYPE w [<!ENTITY x SYSTEM "{secret.as_uri()}">]>{files["word/document.xml"]}'
    )
    result = outcome(files)
    assert reason(result) is Reason.CORRUPT_FILE
    assert "the secret" not in str(result)


@pytest.mark.parametrize("depth", [50, 5_000, 100_000])
def test_deep_nesting_ends_with_text_or_a_reason(outcome, depth: int):
    body = "<w:customXml>" * depth + p("deep") + "</w:customXml>" * depth
    result = outcome(package(body))
    if depth == 50:
        assert isinstance(result, Extracted)
        assert result.text == "deep"
    else:
        assert reason(result) is Reason.TOO_LARGE


def test_relationships_that_run_in_a_circle_end(outcome):
    files = package(p("text"), {"rId1": ("header", "document.xml", document_xml(p("text")))})
    result = outcome(files)
    assert isinstance(result, Extracted)
    assert result.text == "text"


def test_names_that_point_outside_the_package_are_only_names(outcome):
    files = package(p("text"))
    files["word/_rels/document.xml.rels"] = relationships({"rId1": ("header", "../../../../etc/passwd")})
    files["../../etc/passwd"] = "root"
    assert isinstance(outcome(files), Extracted)


def test_a_chart_drawn_many_times_is_told_once(text_of):
    chart = f"<c:chartSpace {NAMESPACES}><a:p><a:r><a:t>Rain</a:t></a:r></a:p></c:chartSpace>"
    drawn = '<w:p><w:r><w:drawing><c:chart r:id="rId1"/></w:drawing></w:r></w:p>'
    assert text_of(drawn * 50, {"rId1": ("chart", "c.xml", chart)}).count("Rain") == 1


# Metadata and language


def test_metadata_holds_what_is_filled_in_and_nothing_else(tmp_path: Path):
    built = docx.Document()
    built.add_paragraph("text")
    properties = built.core_properties
    properties.title, properties.author, properties.subject = "A title", "An author", ""
    properties.comments = properties.keywords = ""
    built.save(str(tmp_path / "named.docx"))
    result = extract_docx(tmp_path / "named.docx", LIMITS)
    assert isinstance(result, Extracted)
    assert result.metadata["title"] == "A title"
    assert result.metadata["author"] == "An author"
    assert result.metadata["created"].startswith("2013-12-23T")
    assert not {"subject", "comments", "keywords", "damage"} & set(result.metadata)


def with_languages(style: str | None, settings: str | None, core: str | None) -> dict[str, str | bytes]:
    related: dict[str, tuple[str, str, str]] = {}
    if style:
        lang = f'<w:lang w:val="{style}"/>'
        defaults = f"<w:docDefaults><w:rPrDefault><w:rPr>{lang}</w:rPr></w:rPrDefault></w:docDefaults>"
        related["rId1"] = ("styles", "styles.xml", part("styles", defaults))
    if settings:
        theme = f'<w:themeFontLang w:val="{settings}"/>'
        related["rId2"] = ("settings", "settings.xml", part("settings", theme))
    files = package(p("text"), related)
    if core:
        dc = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
        files["docProps/core.xml"] = f"<core {dc}><dc:language>{core}</dc:language></core>"
    return files


@pytest.mark.parametrize(
    ("style", "settings", "core", "found"),
    [
        ("de-AT", "fr-FR", "it-IT", "de-AT"),
        (None, "fr-FR", "it-IT", "fr-FR"),
        (None, None, "it", "it"),
        ("x-none", None, "it", "it"),
        ("not a tag!", None, None, None),
        (None, None, None, None),
    ],
)
def test_the_language_is_the_nearest_one_declared(outcome, style, settings, core, found):
    result = outcome(with_languages(style, settings, core))
    assert isinstance(result, Extracted)
    assert result.language == found
    assert "language" not in result.metadata
