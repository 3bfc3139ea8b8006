"""Reads Word 97 to 2003 documents, and those of Word 6 and 95: the binary .doc files.

[MS-DOC], [MS-CFB] and [MS-OLEPS] in these modules' docstrings are the published specifications of the
Word binary format, of the compound file around it and of the property sets beside it.
"""

from casemill.extraction.doc.reader import extract_doc

__all__ = ["extract_doc"]
