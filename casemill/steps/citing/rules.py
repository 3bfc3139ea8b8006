"""Rules of court."""

import re
from collections.abc import Iterator

from casemill.steps.citing.found import CitationKind
from casemill.steps.citing.section_numbers import NUMBER, numbers_from
from casemill.steps.citing.sighting import Sighting, sighted

_FEDERAL_RULES = {
    "Fed. R. Civ. P.": r"(?i:Fed\. ?R\. ?Civ\. ?P(?:roc)?\b\.?|F\.R\.(?:Civ\.|C\.)P\.)|FRCP"
    r"|Federal Rules? of Civil Procedure",
    "Fed. R. App. P.": r"(?i:Fed\. ?R\. ?App\. ?P(?:roc)?\b\.?|F\.R\.(?:App\.|A\.)P\.)|FRAP"
    r"|Federal Rules? of Appellate Procedure",
    "Fed. R. Crim. P.": r"(?i:Fed\. ?R\. ?Crim\. ?P(?:roc)?\b\.?)|FRCrP"
    r"|Federal Rules? of Criminal Procedure",
    "Fed. R. Bankr. P.": r"(?i:Fed\. ?R\. ?Bankr\. ?P(?:roc)?\b\.?)|FRBP"
    r"|Federal Rules? of Bankruptcy Procedure",
    "Fed. R. Evid.": r"(?i:Fed\. ?R\. ?Evid\.)|F\.R\.E\.|FRE|Federal Rules? of Evidence",
}
_CIRCUIT = (
    r"(?:1st|2n?d|3r?d|[4-9]th|1[01]th|D\.C\.|Fed(?:\.|eral)"
    r"|First|Second|Third|Fourth|Fifth|Sixth|Seventh|Eighth|Ninth|Tenth|Eleventh)"
)
_OTHER_RULES = (
    rf"{_CIRCUIT} Cir(?:\.|cuit) (?:R\.|Rules?|L\. ?A\. ?R\.|LAR|I\.O\.P\.)(?: Misc\.)?",
    r"(?:[NSEWMC]\. ?D\. |D\. )(?:[A-Z][a-z]+\. )(?:Civ\. |Crim\. )?(?:L\. ?)?R\.",
    r"Local (?:Civil |Criminal |Bankruptcy |Appellate |Patent )?Rules?",
    r"Loc\. R\.|L\. ?R\.|L\. ?Civ\. ?R\.|LRCiv",
    r"(?:[A-Z][a-z]{1,5}\. )(?:R\. ?(?:Civ|Crim|App|Evid)\.(?: ?P\.)?|Sup\. ?Ct\. ?R\.)",
    r"S(?:up)?\. ?Ct\. ?R\.|Supreme Court Rules?",
)
_RULE = re.compile(
    r"(?<![\w.])(?P<name>"
    + "|".join(f"(?P<federal{place}>{pattern})" for place, pattern in enumerate(_FEDERAL_RULES.values()))
    + rf"|{'|'.join(_OTHER_RULES)}|(?P<bare>Rules?))(?: Rules?)? {NUMBER}"
)
_CERTAINLY_A_RULE = re.compile(r"\d{2,4}\b|\d+[a-z]?[.(-]")
"""What may follow the bare word Rule. "Rule 1" may be anybody's."""


def rules(plain: str) -> Iterator[Sighting]:
    """Federal rules under one name each, others as they are written, and "Rule 56(a)" of whatever court."""
    for found in _RULE.finditer(plain):
        if found["bare"] and not _CERTAINLY_A_RULE.match(plain, found.start("number")):
            continue
        name = next(
            (name for place, name in enumerate(_FEDERAL_RULES) if found[f"federal{place}"]),
            "Rule" if found["bare"] else found["name"],
        )
        for place, number in numbers_from(plain, found, "Rules" in found[0]):
            section, pin = number["number"], number["pin"]
            yield sighted(
                CitationKind.RULE,
                place,
                f"{name} {section}{pin}",
                reporter=name,
                cited_page=section,
                pin_cite=pin or None,
            )
