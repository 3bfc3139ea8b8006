"""Fields (ECMA-376 part 1, 17.16): what of them is shown."""

from dataclasses import dataclass

from casemill.extraction.docx.markup import Element
from casemill.extraction.docx.names import GONE, is_on, q

_VAL = q("w:val")


@dataclass(slots=True)
class OpenField:
    """A field between its begin and its end: instruction, then (perhaps) a result.

    shown: what is shown where the result holds no text.
    """

    shown: str
    in_instruction: bool = True
    has_result: bool = False


def fields_close(root: Element) -> bool:
    """Whether every field that begins gets past its instruction.

    Text within instructions is not shown (the untaken branch of an IF, say). In a damaged story one field
    that never ends would silence all that follows, so there the instructions' text is kept.
    """
    fields: list[bool] = []
    for mark in root.iter(q("w:fldChar")):
        if next(mark.iterancestors(*GONE), None) is not None:
            continue
        match mark.get(q("w:fldCharType")):
            case "begin":
                fields.append(False)
            case "separate" if fields:
                fields[-1] = True
            case "end" if fields:
                fields.pop()
            case _:
                pass
    return all(fields)


def form_field(begin: Element) -> str:
    """What a legacy form field shows where its result is no text: the chosen line, the ticked box."""
    choice = begin.find(f"{q('w:ffData')}/{q('w:ddList')}")
    if choice is not None:
        lines = [line.get(_VAL) or "" for line in choice.findall(q("w:listEntry"))]
        chosen = choice.find(q("w:result"))
        chosen = choice.find(q("w:default")) if chosen is None else chosen
        place = (chosen.get(_VAL) or "0") if chosen is not None else "0"
        return lines[int(place)] if place.isdecimal() and int(place) < len(lines) else ""
    box = begin.find(f"{q('w:ffData')}/{q('w:checkBox')}")
    if box is None:
        return ""
    ticked = box.find(q("w:checked"))
    ticked = box.find(q("w:default")) if ticked is None else ticked
    return "☒" if ticked is not None and is_on(ticked.get(_VAL)) else "☐"
