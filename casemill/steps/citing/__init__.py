"""What a legal text cites, with the exact place of every citation in the document.

eyecite finds decisions, statutes by their printed names, journals, and short forms (`id.`, `supra`).
Court papers also cite what it leaves out: rules of court (`FRAP 12(a)`), codes without a section sign
(`28 U.S.C. 1291`), constitutions, sections of a statute named before (`§ 1983`), and cases by docket
number. Those are found here, by patterns that need a label before the number, so that telephone numbers,
dates, post codes and clauses of a contract are not taken for one.
"""

from casemill.steps.citing.finding import citations_as_json, citations_in
from casemill.steps.citing.found import CitationKind, FoundCitation, citations_from_json

__all__ = ["CitationKind", "FoundCitation", "citations_as_json", "citations_from_json", "citations_in"]
