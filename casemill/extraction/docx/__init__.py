"""Word documents (.docx and its relatives .docm, .dotx, .dotm): everything a reader of them would see."""

from casemill.extraction.docx.document import extract_docx

__all__ = ["extract_docx"]
