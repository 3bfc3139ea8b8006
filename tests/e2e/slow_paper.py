"""PDFs that take seconds to read, made in an instant: thousands of pages that share one page of text."""

from pathlib import Path

LINE = "The court granted summary judgment, see 42 U.S.C. 1983 and 477 U.S. 317 (1986); the defendant moved."


def write_slow_pdf(path: Path, pages: int, word: str) -> Path:
    """About 2 to 4 ms a page. `word` makes its bytes differ from those of the others."""
    lines = "".join(f"({word} {number} {LINE}) Tj T*\n" for number in range(60))
    content = f"BT /F1 9 Tf 40 780 Td 12 TL\n{lines}ET".encode("ascii")
    first_page = 5
    kids = " ".join(f"{first_page + number} 0 R" for number in range(pages))
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode("ascii"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        *([page] * pages),
    ]
    written = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(written))
    return path
