"""Text that a request may give: short, and of characters that can be kept and seen."""

from typing import Annotated

from pydantic import AfterValidator, Field

from casemill.access.names import LONGEST_EMAIL, LONGEST_NAME, printable
from casemill.errors import BadInput


def _printable(text: str) -> str:
    try:
        return printable(text)
    except BadInput as wrong:
        raise ValueError(str(wrong)) from None


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_printable)]
Email = Annotated[str, Field(max_length=LONGEST_EMAIL), AfterValidator(_printable)]
Word = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
PageNumber = Annotated[int, Field(ge=1, le=1_000_000)]
PerPage = Annotated[int, Field(ge=1, le=200)]


def pages(total: int, per_page: int) -> int:
    return -(-total // per_page)
