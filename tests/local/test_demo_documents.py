"""The demo's documents are real files, the same every time, and say what they should."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import docx
import pypdfium2
import pytest

from casemill.extraction.contract import ExtractionLimits, Reason, Unreadable
from casemill.extraction.registry import extract
from casemill.local.demo_documents import write_demo_cases, write_demo_experts
from casemill.steps.citing import CitationKind, citations_in

Written = tuple[list[Path], list[tuple[str, list[Path]]]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("demo")
    return write_demo_cases(folder / "cases"), write_demo_experts(folder / "experts")


def files_of(folders: list[Path]) -> list[Path]:
    return [file for folder in folders for file in sorted(folder.iterdir())]


def text_of(file: Path) -> str:
    """Read with the libraries themselves, not with our extractors."""
    if file.suffix == ".pdf":
        with pypdfium2.PdfDocument(file) as document:
            return "\f".join(page.get_textpage().get_text_bounded() for page in document)
    return "\n".join(paragraph.text for paragraph in docx.Document(str(file)).paragraphs)


def readable(written: Written) -> list[Path]:
    cases, experts = written
    files = files_of(cases) + [file for _, own in experts for file in own]
    return [file for file in files if file.suffix in (".pdf", ".docx") and "scan" not in file.name]


def test_there_is_a_handful_of_cases_and_every_one_has_documents(written: Written):
    cases, _ = written
    assert [folder.name for folder in cases] == [
        "Delacroix v. Township of Marlow",
        "Brandt Orchards v. Kestrel Coatings",
        "Okafor v. Northline Freight Systems",
        "Friends of the Silver Hollow (appeal)",
        "Estate of Leopold Whitcombe",
    ]
    assert [len(list(folder.iterdir())) for folder in cases] == [4, 4, 3, 2, 4]


def test_every_expert_has_a_curriculum_vitae_and_a_report(written: Written):
    _, experts = written
    assert [name for name, _ in experts] == ["Imogen Vale", "Desmond Rowe", "Liisa Ilves"]
    for name, (vitae, report) in experts:
        assert "Curriculum Vitae" in vitae.name
        assert "Report" in report.name
        assert name.split()[-1] in text_of(vitae)


def test_a_second_demo_writes_the_same_bytes(written: Written, tmp_path: Path):
    """Another process, so that neither the clock nor the order of a set can hide."""
    told = (
        "import sys; from pathlib import Path; from casemill.local.demo_documents import *; "
        "write_demo_cases(Path(sys.argv[1])); write_demo_experts(Path(sys.argv[2]))"
    )
    places = [str(tmp_path / "cases"), str(tmp_path / "experts")]
    subprocess.run([sys.executable, "-c", told, *places], check=True)
    cases, experts = written
    for once in files_of(cases) + [file for _, own in experts for file in own]:
        again = tmp_path / once.relative_to(once.parents[2])
        assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(once.read_bytes()).digest(), once


def test_no_two_documents_are_the_same(written: Written):
    cases, experts = written
    files = files_of(cases) + [file for _, own in experts for file in own]
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in files}) == len(files)


def test_the_papers_of_a_court_run_over_several_pages(written: Written):
    cases, _ = written
    for file in files_of(cases):
        if file.suffix == ".pdf" and "scan" not in file.name:
            with pypdfium2.PdfDocument(file) as document:
                assert len(document) >= 3, file.name


def test_every_page_of_a_pdf_is_numbered_and_headed(written: Written):
    cases, _ = written
    for number, page in enumerate(text_of(cases[0] / "04 Order.pdf").split("\f"), start=1):
        assert f"Case 3:22-cv-01187-RTH Memorandum and Order Page {number}" in re.sub(r" +", " ", page)
        assert page.rstrip().endswith(str(number))


def test_a_word_document_has_headings_a_table_and_a_numbered_foot(written: Written):
    cases, _ = written
    document = docx.Document(str(cases[1] / "01 Expert Report of Dr. Vale.docx"))
    headings = [each.text for each in document.paragraphs if (each.style.name or "").startswith("Heading")]
    assert headings[:2] == ["1. ASSIGNMENT", "2. SUMMARY OF OPINIONS"]
    (table,) = document.tables
    assert [cell.text for cell in table.rows[1].cells] == ["T1", "7713", "71.2", "2.1", "148"]
    assert "5:21-cv-00932-JQL" in document.sections[0].header.paragraphs[0].text
    assert 'w:instr="PAGE"' in document.sections[0].footer.paragraphs[0]._p.xml


def test_every_readable_paper_cites_law_that_is_found(written: Written):
    law = {CitationKind.FULL_CASE, CitationKind.STATUTE, CitationKind.RULE}
    for file in readable(written):
        assert law & {each.kind for each in citations_in(text_of(file))}, file.name


def test_well_known_cases_are_found_and_short_forms_resolve(written: Written):
    cases, _ = written
    found = citations_in(text_of(cases[0] / "04 Order.pdf"))
    assert {"477 U.S. 317", "477 U.S. 242", "490 U.S. 386"} <= {each.normalized for each in found}
    short = [each for each in found if each.kind is CitationKind.SHORT_CASE]
    assert short
    assert all(each.resolves_to is not None for each in short)


def test_summary_judgment_is_found_in_several_cases(written: Written):
    cases, _ = written
    spoken_of = {
        file.parent.name
        for file in readable((cases, []))
        if "summary judgment" in " ".join(text_of(file).lower().split())
    }
    assert len(spoken_of) == 5


def test_nothing_in_the_text_is_left_of_how_it_was_written_down(written: Written):
    for file in readable(written):
        text = text_of(file)
        assert not re.search(r"^(#|>|---|\|)|\{\w+\}|\?\?", text, re.MULTILINE), file.name


def test_one_case_holds_files_that_cannot_be_read_and_the_readers_say_why(written: Written):
    cases, _ = written
    estate = cases[-1]
    said = {file.name: extract(file, ExtractionLimits()).outcome for file in files_of([estate])}
    reasons = {name: outcome.reason for name, outcome in said.items() if isinstance(outcome, Unreadable)}
    assert reasons == {
        "02 Dealer's ledger (scan).pdf": Reason.NO_TEXT_FOUND,
        "03 Instrument of 2 October 2021.wpd": Reason.UNSUPPORTED_FORMAT,
        "04 Telephone note.txt": Reason.UNSUPPORTED_FORMAT,
    }


def test_every_other_paper_is_read_by_our_own_readers(written: Written):
    for file in readable(written):
        outcome = extract(file, ExtractionLimits()).outcome
        assert not isinstance(outcome, Unreadable), (file.name, outcome)
        assert len(outcome.text) > 700


def test_without_fpdf_the_demo_says_what_to_install(tmp_path: Path):
    told = (
        "import sys; sys.modules['fpdf'] = None; from pathlib import Path; "
        "from casemill.local.demo_documents import *\n"
        "try: write_demo_cases(Path(sys.argv[1]))\n"
        "except DemoNeedsFpdf as error: print(error)"
    )
    place = tmp_path / "cases"
    ran = subprocess.run([sys.executable, "-c", told, str(place)], capture_output=True, text=True, check=True)
    assert "pip install 'casemill[demo]'" in ran.stdout
    assert not place.exists()
