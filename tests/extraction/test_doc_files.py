"""Real .doc files, whole and damaged."""

import random
from pathlib import Path

import pytest

from casemill.extraction.contract import Extracted, ExtractionLimits, Reason, Unreadable
from casemill.extraction.doc import extract_doc

LIMITS = ExtractionLimits()
SECTOR = 512


@pytest.fixture(autouse=True)
def without_libreoffice(monkeypatch: pytest.MonkeyPatch):
    """What is damaged stays damaged, whatever this machine has installed."""
    monkeypatch.setenv("PATH", "")


def real_text(corpus: Path, name: str) -> str:
    outcome = extract_doc(corpus / "formats" / "doc" / name, LIMITS)
    assert isinstance(outcome, Extracted), outcome
    return outcome.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("47304.doc", ["Just  a “test”"]),
        ("47950_upper.doc", ["This is a sample Word document"]),
        ("capitalized.doc", ["The following word is: capitalized."]),
        ("61490.doc", ["章节1.1的内容", "11\t12\t13\n21\t22\t23\n31\t32\t33", "页脚内容"]),
        ("Bug33519.doc", ["Янтра\t8,9,10 април\tКаранци\t Кривина\t40 лв.\n"]),
        ("Bug44292.doc", ["One paragraph is ok\tFirst para is ok\nSecond paragraph is skipped\tOne"]),
        ("Bug46817.doc", ["ZAMAWIAJĄCY", "Przedsiębiorstwo Robót Melioracyjnych"]),
        ("Bug47742.doc", ["G-20", "soft\nreturn", "Senkrechter|Strich"]),
        ("Bug49933.doc", ["Компания Аскат М", "предлагает со склада в Москве"]),
        ("Bug50936_2.doc", ["ACTIVITE A\t(2e et 3e degré)", "→\tvoir p. "]),
        ("Bug51834.doc", ["RMA Number:\t${rma.number}\tIssue Date:\t${issue.date}\n"]),
        ("Bug60942.doc", ["Société APPLICOLOR", "Tél. : 04.72.68.08.08"]),
        ("FancyFoot.doc", ["This is a fancy alphabet footer, with page number and everything\tPage 2"]),
        ("HeaderFooterUnicode.doc", ["with a € euro symbol in it.", "The footer, with Molière, has Unicode"]),
        ("Lists.doc", ["OL 2.2.2.1", "Finally we want some indents"]),
        ("PageSpecificHeadFoot.doc", ["[This is an Even Page, with a Header]", "[ODD Page Header text]"]),
        ("ThreeColHeadFoot.doc", ["First header column!\tMid header Right header!", "Footer Middle Footer"]),
        ("Word6_sections.doc", ["This is a test.", "This is a new section."]),
        ("hyperlink.doc", ["Before text; Hyperlink text; after text"]),
        ("page-break.doc", ["Line 1\nLine 2"]),
        ("saved-by-table.doc", ["Part One focusses on how Iraq’s", "SADDAM \nAND HIS SONS"]),
        ("simple-table2.doc", ["Row 1/Cell 1\tRow 1/Cell 2\tRow 1/Cell 3\nRow 2/Cell 1\t"]),
        ("test-fields.doc", [
            "19/11/2010 14:49:00\n", "Footnote with field: Fridrich Strba", "Field in EndNote. File size: 0",
            "Field in comment: 19/11/2010", "Field in text box: 2", "page 1",
            "Textbox in header with field: 3:18 PM",
        ]),
        ("watermark.doc", ["An ever-so-important Master Services Agreement", "\nDRAFT CONTRACT"]),
        ("testRangeReplacement.doc", ["“—” (U+2014), “⺎” (U+2E8E), or “✔” (U+2714)"]),
    ],
)  # fmt: skip
def test_a_real_document_says_what_it_says(corpus: Path, name: str, expected: list[str]):
    text = real_text(corpus, name)
    for words in expected:
        assert words in text


@pytest.mark.parametrize("code", ["HYPERLINK", "MERGEFORMAT", "TIME \\@", "AUTHOR", "NUMPAGES"])
def test_no_field_code_is_in_a_real_document(corpus: Path, code: str):
    for name in ("hyperlink.doc", "test-fields.doc", "Bug50936_2.doc", "o_kurs.doc"):
        assert code not in real_text(corpus, name)


def test_a_court_opinion_is_read_with_its_footnotes(corpus: Path):
    outcome = extract_doc(corpus / "cases" / "mixed" / "word-doc.doc", LIMITS)
    assert isinstance(outcome, Extracted)
    assert "On Petition For Rehearing" in outcome.text
    assert outcome.text.rstrip().endswith("we deem the claim to be abandoned and procedurally forfeited.")
    assert outcome.metadata["author"] == "Shelley Ayer"


def test_a_document_tells_its_title_author_dates_and_language(corpus: Path):
    outcome = extract_doc(corpus / "formats" / "doc" / "52420.doc", LIMITS)
    assert isinstance(outcome, Extracted)
    assert outcome.language == "ru-RU"
    assert outcome.metadata == {
        "title": "Міністэрства адукацыі Рэспублікі Беларусь",
        "author": "Кудрицкая",
        "last_modified_by": "Admin",
        "created": "2011-11-25T11:19:00+00:00",
        "modified": "2012-09-28T12:52:00+00:00",
        "producer": "Microsoft Office Word",
    }


def test_of_the_real_documents_four_have_no_text_to_give(corpus: Path):
    outcomes = {path.name: extract_doc(path, LIMITS) for path in (corpus / "formats" / "doc").iterdir()}
    assert {
        name: outcome.reason for name, outcome in outcomes.items() if isinstance(outcome, Unreadable)
    } == {
        "58804_1.doc": Reason.NO_TEXT_FOUND,
        "clusterfuzz-testcase-minimized-POIHWPFFuzzer-5418937293340672.doc": Reason.CORRUPT_FILE,
        "equation.doc": Reason.NO_TEXT_FOUND,
        "password_tika_binaryrc4.doc": Reason.PASSWORD_PROTECTED,
    }


MUTATED = ["test-fields.doc", "Bug60942.doc", "Word6_sections.doc", "simple-table2.doc", "Bug44292.doc"]


@pytest.mark.parametrize("name", MUTATED)
def test_a_document_cut_anywhere_gives_its_whole_body_or_a_reason(corpus: Path, name: str, tmp_path: Path):
    content = (corpus / "formats" / "doc" / name).read_bytes()
    whole = real_text(corpus, name)
    for length in range(0, len(content), len(content) // 60):
        cut = tmp_path / "cut.doc"
        cut.write_bytes(content[:length])
        outcome = extract_doc(cut, LIMITS)
        if isinstance(outcome, Extracted):
            assert outcome.text.split() == whole.split()


@pytest.mark.parametrize("name", MUTATED)
def test_a_document_with_random_bytes_in_it_ends_in_a_value(corpus: Path, name: str, tmp_path: Path):
    content = (corpus / "formats" / "doc" / name).read_bytes()
    chance = random.Random(name)
    for _ in range(100):
        mutated = bytearray(content)
        for _ in range(chance.randrange(1, 60)):
            # Half of the changes go to the header, whose every number matters.
            end = chance.choice([SECTOR, len(content)])
            mutated[chance.randrange(end)] = chance.choice([0, 1, 0x7F, 0xFF, chance.randrange(256)])
        path = tmp_path / "mutated.doc"
        path.write_bytes(mutated)
        assert isinstance(extract_doc(path, LIMITS), Extracted | Unreadable)
