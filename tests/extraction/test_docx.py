"""The .docx reader: all that a reader of a Word document sees, each once."""

import re
import tracemalloc
import zipfile
from pathlib import Path

import docx
import pytest
from lxml import etree

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason
from casemill.extraction.docx import extract_docx
from tests.extraction.docx_package import (
    NAMESPACES,
    NUMBERING,
    listed,
    p,
    package,
    part,
    reason,
)

LIMITS = ExtractionLimits()


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


def test_lists_get_the_numbers_word_shows_and_bullets_get_none(text_of):
    body = listed("x", 0) + listed("y", 1) + listed("z", 1) + listed("b", 2) + listed("w", 0) + listed("v", 1)
    text = text_of(body, {"rId1": ("numbering", "numbering.xml", NUMBERING)})
    assert text.split("\n") == ["1.\tx", "(a)\ty", "(b)\tz", "b", "2.\tw", "(a)\tv"]


def test_a_list_that_restarts_counts_from_its_start_again(text_of):
    body = listed("x", 0) + listed("y", 0) + listed("z", 0, number=2) + listed("w", 0, number=2)
    text = text_of(body, {"rId1": ("numbering", "numbering.xml", NUMBERING)})
    assert text.split("\n") == ["1.\tx", "2.\ty", "1.\tz", "2.\tw"]


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
