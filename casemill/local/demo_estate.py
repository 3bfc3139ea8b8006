"""A demo case with files that cannot be read, so that the demo shows what failure looks like."""

import random

from casemill.local.demo_paper import Caption, DemoCase, Paper, new_pdf

_CAPTION = Caption(
    court="Probate Court of Harrow County",
    parties=("In the Matter of the Estate of LEOPOLD WHITCOMBE, Deceased",),
    docket="22-PR-00318",
)

_PETITION = """
Petitioner Honora Whitcombe, daughter of the deceased, petitions the Court to set aside the instrument
dated October 2, 2021, and alleges:

1. Leopold Whitcombe died at Harrow on February 6, 2022, aged 88. He left a house on Ferry Lane, a
collection of marine chronometers, and an account with the Harrow Savings Bank.

2. By a will of May 11, 2009, he left the whole to his two children in equal shares. By the instrument of
October 2, 2021, he appears to have left the chronometers to his dealer, Ambrose Fitch, who had valued
them for him.

3. The only copies of the dealer's ledger and of the later instrument that are known to petitioner are a
scan of poor quality and a file of an old word processor. Both are filed with this petition as they were
received.

# NOTICE

4. An elementary and fundamental requirement of due process is notice reasonably calculated, under all the
circumstances, to apprise interested parties of the pendency of the action. Mullane v. Central Hanover
Bank & Trust Co., 339 U.S. 306, 314 (1950). The clerk's docket shows that notice of the probate of the
later instrument was published once, in a newspaper of another county. Petitioner's address was known.
Publication is not enough where a name and address are reasonably ascertainable. Mennonite Board of
Missions v. Adams, 462 U.S. 791, 800 (1983); Tulsa Professional Collection Services, Inc. v. Pope, 485
U.S. 478, 491 (1988). Id. at 490.

# UNDUE INFLUENCE

5. Mr. Fitch prepared the instrument, chose the witnesses and kept the original. He visited the deceased
on fourteen of the twenty days before it was signed. The deceased had by then been told by his physician
not to sign papers without his daughter.

6. The chronometers were valued by Mr. Fitch at $31,000 in 2019. The insurer's appraisal of the year
before was $214,500.

| Instrument | Maker | Fitch, 2019 | Insurer, 2018 |
| No. 1042 | Harcourt, Bristol | $9,000 | $61,000 |
| No. 88 | Lindgren, Malmo | $12,000 | $93,500 |
| No. 507 | Peel & Sons, London | $10,000 | $60,000 |

7. Respondent has announced a motion for summary judgment on the ground that the witnesses are dead. The
burden remains his. See Celotex Corp. v. Catrett, 477 U.S. 317, 323 (1986).

# RELIEF

Petitioner asks that the instrument of October 2, 2021, be set aside, that letters issued under it be
revoked, and that the chronometers be delivered to the personal representative under the will of May 11,
2009.

Dated: June 30, 2022. /s/ Cosmo Trelawney, counsel for petitioner.
"""

_NOTES = (
    b"Telephone note, H. Whitcombe, 14 June: the dealer kept two ledgers. The scan is of the second one.\n"
    b"She will look for the first in the boat house.\n"
)


def _scanned_ledger() -> bytes:
    """Two pages that look like a scan: lines, smudges and strokes in place of handwriting, and no text."""
    strokes = random.Random(1842)  # noqa: S311  decoration, the same every time
    pdf = new_pdf(has_numbers=False)
    pdf.set_title("scan0001")
    for _ in range(2):
        pdf.add_page()
        pdf.set_fill_color(238, 232, 215)
        pdf.rect(0, 0, pdf.w, pdf.h, style="F")
        pdf.set_draw_color(170, 160, 140)
        for row in range(30):
            pdf.line(18, 30 + row * 8, pdf.w - 18, 30.6 + row * 8)
        pdf.set_draw_color(40, 40, 90)
        pdf.set_line_width(0.4)
        for row in range(29):
            x = 22 + strokes.random() * 4
            while x < pdf.w - 30 - strokes.random() * 60:
                y = 36 + row * 8
                pdf.line(x, y, x + strokes.random() * 3, y - strokes.random() * 5)
                x += 1.2 + strokes.random() * 3
        pdf.set_line_width(0.2)
        pdf.set_fill_color(120, 90, 50)
        for _ in range(12):
            pdf.circle(
                strokes.uniform(10, pdf.w - 10), strokes.uniform(10, pdf.h - 10), strokes.random() * 2, "F"
            )
    return bytes(pdf.output())


def _word_perfect() -> bytes:
    """The head of a WordPerfect 6 document, and then as much as a bad disk left of it."""
    head = b"\xffWPC" + (0x200).to_bytes(4, "little") + bytes([1, 10, 2, 1, 0, 0, 0, 0])
    return head.ljust(0x200, b"\0") + random.Random(1908).randbytes(3_000)  # noqa: S311  not a secret


def case() -> DemoCase:
    """Made on demand: drawing needs fpdf2."""
    return DemoCase(
        name="Estate of Leopold Whitcombe",
        papers=(Paper("01 Petition.docx", "Petition to Set Aside an Instrument", _PETITION, _CAPTION),),
        raw={
            "02 Dealer's ledger (scan).pdf": _scanned_ledger(),
            "03 Instrument of 2 October 2021.wpd": _word_perfect(),
            "04 Telephone note.txt": _NOTES,
        },
    )
