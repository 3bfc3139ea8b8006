"""The one exception these modules raise for a file's content."""


class Damaged(ValueError):
    """The file contradicts itself. Says how, as a clause that begins with "its" or "it".

    Never leaves the package: `extract_doc` answers it with an `Unreadable`.
    """
