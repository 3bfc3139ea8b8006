"""What is found in legal text, and where."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest
from pydantic import ValidationError

from casemill.steps.citing import (
    CitationKind,
    FoundCitation,
    citations_as_json,
    citations_from_json,
    citations_in,
)

FILINGS = ["arizona", "ca1", "ca2", "ca3", "ca4", "ca5", "ca6", "missouri"]

BRIEF = (
    "Summary judgment is proper here. Celotex Corp. v. Catrett, 477 U.S. 317, 323, 106 S. Ct. 2548 (1986). "
    "A dispute is genuine if a jury could find for the other side. Anderson v. Liberty Lobby, Inc., "
    "477 U.S. 242, 248 (1986). Id. at 250. The burden may be met by pointing it out. "
    "Celotex, 477 U.S. at 325. See also Anderson, supra, at 255. "
    "The claim arises under 42 U.S.C. § 1983. Section by section, § 1983 creates no rights. Id."
)


def text_of(pdf: Path) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\f".join(page.get_textpage().get_text_bounded() for page in document)


def of_kind(citations: list[FoundCitation], *kinds: CitationKind) -> list[str]:
    return [each.text for each in citations if each.kind in kinds]


def normalized(text: str) -> list[str]:
    return [each.normalized for each in citations_in(text)]


@pytest.mark.parametrize("folder", FILINGS)
def test_every_court_filing_of_the_corpus_has_citations(corpus: Path, folder: str):
    (filing,) = (corpus / "cases" / folder).glob("*.pdf")
    text = text_of(filing)
    found = citations_in(text)
    assert found
    for each in found:
        assert text[each.start : each.end] == each.text == each.text.strip() != ""
        assert each.page == text.count("\f", 0, each.start) + 1


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("arizona", {"Rule 502(d)", "MDL No. 15-02641-PHX-DGC", "No. 2:15-cv-01739"}),
        ("ca1", {"28 U.S.C. § 1291", "459 F. Supp. 3d 273", "U.S. Const. amend. I", "197 U.S. 11"}),
        ("ca2", {"Fed. R. App. P. 12(a)", "Fed. R. App. P. 32(a)", "Fed. R. App. P. 21(a)", "No. 17-3510"}),
        ("ca3", {"Fed. R. App. P. 4(a)(4)", "Fed. R. Civ. P. 54", "3d Cir. L.A.R. 113", "No. 17-2678"}),
        ("ca4", {"No. 17-2218"}),
        ("ca5", {"Fed. R. Civ. P. 12(b)(6)", "5th Circuit Rule 47.5", "556 U.S. 662"}),
        ("ca6", {"No. 17-3994", "No. 16-0556"}),
        ("missouri", {"466 U.S. 668", "Rule 24.035", "Rule 29.12(c)", "§ 565.253"}),
    ],
)
def test_a_filing_cites_what_a_lawyer_reads_there(corpus: Path, folder: str, expected: set[str]):
    (filing,) = (corpus / "cases" / folder).glob("*.pdf")
    assert expected <= set(normalized(text_of(filing)))


def test_a_decision_is_told_with_its_parties_court_and_page():
    text = "As held in Whitfield v. Municipality of Fajardo, 564 F.3d 40, 44 (1st Cir. 2009), it is so."
    (found,) = citations_in(text)
    assert found == FoundCitation(
        kind=CitationKind.FULL_CASE,
        text="564 F.3d 40",
        start=49,
        end=60,
        page=1,
        normalized="564 F.3d 40",
        volume="564",
        reporter="F.3d",
        cited_page="40",
        pin_cite="44",
        year=2009,
        court="ca1",
        plaintiff="Whitfield",
        defendant=found.defendant,
    )
    assert found.defendant and found.defendant.endswith("Fajardo")


def test_short_forms_resolve_to_the_full_citation_they_mean():
    found = citations_in(BRIEF)
    means = {(each.kind, each.text): each.resolves_to for each in found}
    at = {each.normalized: place for place, each in reversed(list(enumerate(found)))}
    celotex, anderson, statute = at["477 U.S. 317"], at["477 U.S. 242"], at["42 U.S.C. § 1983"]
    assert means[CitationKind.ID, "Id. at 250"] == anderson
    assert means[CitationKind.SHORT_CASE, "477 U.S. at 325"] == celotex
    assert means[CitationKind.SUPRA, "supra, at 255"] == anderson
    assert means[CitationKind.STATUTE, "§ 1983"] == statute
    assert means[CitationKind.ID, "Id."] == statute


def test_the_same_case_in_two_reporters_is_one_case():
    """Two reporters with the same parties left `supra` with two candidates, and so with none."""
    text = "Celotex Corp. v. Catrett, 477 U.S. 317, 106 S. Ct. 2548 (1986). See Celotex, supra, at 325."
    official, parallel, supra = citations_in(text)
    assert (official.resolves_to, parallel.resolves_to, supra.resolves_to) == (None, None, 0)


def test_what_is_not_certain_does_not_resolve():
    text = "Smith v. Jones, 1 F.3d 10 (1993); Smith v. Brown, 2 F.3d 20 (1993). Smith, supra, at 12."
    assert citations_in(text)[-1].resolves_to is None


def test_id_does_not_mean_a_case_that_cannot_have_that_page():
    text = "Smith v. Jones, 1 F.3d 10 (1993). Id. at 900. Doe v. Roe, 2 F.3d 20 (1993). Id. at 22."
    assert [each.resolves_to for each in citations_in(text)] == [None, None, None, 2]


def test_id_may_mean_a_rule_or_a_section_of_the_statute():
    text = "Closed under Fed. R. Civ. P. 26(a). Id. It was appealed, 28 U.S.C. § 1291. Id. § 1292(a)(1)."
    rule, rule_again, statute, section = citations_in(text)
    assert (rule_again.resolves_to, rule.kind) == (0, CitationKind.RULE)
    assert (section.resolves_to, section.pin_cite, statute.kind) == (2, "§ 1292(a)(1)", CitationKind.STATUTE)


def test_a_case_cited_by_name_and_page_alone_is_found():
    text = "Celotex Corp. v. Catrett, 477 U.S. 317 (1986). No affidavits are needed. Catrett at 324."
    _, reference = citations_in(text)
    assert (reference.kind, reference.text, reference.resolves_to) == (
        CitationKind.REFERENCE,
        "Catrett at 324",
        0,
    )


@pytest.mark.parametrize("gap", ["\n", "\f", " \r\n", "\u00a0", "  \n  ", "\u2009", "\n\u200b"])
def test_a_citation_broken_over_a_line_or_page_is_found_where_it_stands(gap: str):
    text = f"первая\f so held.{gap}See Doe v. Roe, 123{gap}F.3d{gap}456 (2d Cir.{gap}1997). Well."
    (found,) = citations_in(text)
    assert found.text == f"123{gap}F.3d{gap}456" == text[found.start : found.end]
    assert (found.normalized, found.year, found.defendant) == ("123 F.3d 456", 1997, "Roe")
    assert found.page == text.count("\f", 0, found.start) + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FRAP 12(a), 32(a) and FRAP 15(a) or 21(a).", ["12(a)", "32(a)", "15(a)", "21(a)"]),
        ("Fed.R.App.P 4(a)(4)", ["4(a)(4)"]),
        ("Federal Rule of Appellate Procedure 4(a)(1)(A)", ["4(a)(1)(A)"]),
    ],
)
def test_a_rule_of_appellate_procedure_has_one_name_however_it_is_written(text: str, expected: list[str]):
    assert normalized(text) == [f"Fed. R. App. P. {each}" for each in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FED. R. CIV. P. 56(a), 477 U.S. 317", ["Fed. R. Civ. P. 56(a)", "477 U.S. 317"]),
        ("Federal Rules of Evidence 401, 402, and 403", [f"Fed. R. Evid. {n}" for n in (401, 402, 403)]),
        ("Rules 12 and 56, 477 U.S. 317", ["Rule 12", "Rule 56", "477 U.S. 317"]),
        ("Local Rule 7.1(a); 9th Cir. R. 36-3", ["Local Rule 7.1(a)", "9th Cir. R. 36-3"]),
        ("42 USC 1983; 28 U.S.C. 1291", ["42 U.S.C. § 1983", "28 U.S.C. § 1291"]),
        ("28 U.S.C. §§ 1331 and 1343", ["28 U.S.C. § 1331", "28 U.S.C. § 1343"]),
        ("17 C.F.R. § 240.10b-5", ["17 C.F.R. § 240.10b-5"]),
        ("See TEX. INS. CODE\n§ 4001.003(1)", ["TEX. INS. CODE § 4001.003"]),
        ("Cal. Penal Code § 187(a)", ["Cal. Penal Code § 187"]),
        ("N.Y. C.P.L.R. 3212(b)", ["N.Y. C.P.L.R. 3212"]),
        ("U.S. CONST. AMEND. XIV, § 1", ["U.S. Const. amend. XIV, § 1"]),
        ("Smith v. Jones, No. 1:20-cv-00123-ABC", ["No. 1:20-cv-00123-ABC"]),
    ],
)
def test_what_courts_cite_besides_decisions_is_found(text: str, expected: list[str]):
    assert normalized(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Call 215-597-2995 or (513) 564-7000 before 10-31-2017, Philadelphia, PA 19106-1790.",
        "Invoice No. 17-2345, Policy No. 12-34567, Exhibit No. 22-1234 and Model No. 17-4455.",
        "Section 4.2 of this Agreement; clause 12(b); items 1-3; Room 12-345; Case 5 of beer.",
        "Rule 1: no smoking. The rule 12 applies. Rules of the house. A rule of thumb, 10 to 1.",
        "FREE 30 days! LR 44 is a lens. U.S. 1 runs north. 50 U.S. states; 20-25 people at 10:15-11:45.",
        "eyecite",
        "",
        " \f\n ",
    ],
)
def test_ordinary_text_has_no_citations(text: str):
    assert citations_in(text) == []


def test_a_docket_number_printed_on_every_page_is_given_once():
    page = "Text. Case: 17-2678 Document: 003112692106 Page: 1 Date Filed: 08/03/2017"
    assert normalized("\f".join([page] * 5)) == ["No. 17-2678"]


def test_a_long_text_gives_each_citation_once_wherever_the_windows_end():
    filler = random.Random(5)
    parts = [
        f"{'word ' * filler.randint(0, 45)}Doe{number} v. Roe, {number} F.3d {number + 3} (2d Cir. 1999). "
        for number in range(1, 700)
    ]
    text = "".join(parts)
    assert len(text) > 80_000
    found = citations_in(text)
    assert [each.normalized for each in found] == [f"{number} F.3d {number + 3}" for number in range(1, 700)]
    assert {each.year for each in found} == {1999}


def test_a_document_of_nothing_but_citations_is_not_read_to_its_end():
    assert len(citations_in("Id. " * 5_000, most=100)) == 100


@pytest.mark.parametrize(
    "junk",
    [
        "F.3d ",
        "§ ",
        "§x",
        "7",
        "(",
        "[",
        "1 U.S. ",
        "Rule ",
        "12-cv-",
        "supra ",
        "\u0301",
        "_ U.S. _ ",
        "\ud800",
    ],
)
def test_junk_is_survived(junk: str):
    """Text of one unbroken word took minutes: a pattern looks for what may stand after it at every place."""
    citations_in((junk * 30_000)[:30_000])


def test_random_legal_debris_gives_only_true_places():
    chosen = random.Random(11)
    debris = [
        "477",
        "U.S.",
        "§",
        "Id.",
        "supra,",
        "v.",
        "(1986)",
        "(2d Cir. 1999)",
        "\f",
        "\n\n",
        "“",
        "¶",
        "In re",
    ]
    debris += [
        "F.3d",
        "12(b)(6)",
        "Rule",
        "No.",
        "17-2678",
        "٤",
        "😀",
        "x" * 300,
        "Smith",
        "42 U.S.C.",
        "at 5",
        "(",
    ]
    for _ in range(15):
        text = "".join(chosen.choice(debris) + chosen.choice(["", " ", "\n"]) for _ in range(300))
        for place, found in enumerate(citations_in(text)):
            assert text[found.start : found.end] == found.text == found.text.strip() != ""
            assert found.resolves_to is None or found.resolves_to < place


def test_json_there_and_back_is_the_same():
    assert citations_from_json(json.loads(json.dumps(citations_as_json(BRIEF)))) == citations_in(BRIEF)


@pytest.mark.parametrize("told", [None, {}, [{"kind": "gossip"}], ["1 U.S. 1"]])
def test_json_of_something_else_is_refused(told: object):
    with pytest.raises(ValidationError):
        citations_from_json(told)


def test_reading_the_answer_does_not_load_the_finder():
    """A worker only reads what the sandbox found; the finder costs it a second and its memory."""
    told = (
        "import sys, casemill.steps.citing as c; c.citations_from_json([]); print('eyecite' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_the_text_of_a_document_is_not_logged(caplog: pytest.LogCaptureFixture):
    """Of overlapping citations the finder warned, and quoted them."""
    with caplog.at_level("DEBUG"):
        citations_in(
            "Confidential v. Secret, 1 U.S. 1, 2 F.3d 2 (Smith, supra at 3, id. at 4) (1999). Id. § 5 supra."
        )
    assert "Secret" not in caplog.text
