"""Numbers of sections and rules, with their subsections, alone and in lists."""

import re
from collections.abc import Iterator

_SUB = r"(?:\((?:\d{1,3}|[A-Za-z]{1,5})\))"
_SECTION = r"\d{1,5}[A-Za-z]{0,3}(?:[.:-]\d{1,5}[a-z]{0,2}){0,4}"
NUMBER = rf"(?P<number>{_SECTION})(?P<pin>{_SUB}*)(?![\w%])"
PINNED_SECTION = re.compile(rf" (?P<pin>§{{1,2}} ?{_SECTION}{_SUB}*)")
_ANY_NUMBER = re.compile(NUMBER)
_AND = re.compile(r",? (?:and |or |& )?")
_IS_VOLUME = re.compile(r" (?:[A-Z][A-Za-z.]* ?){1,4}\d")


def numbers_from(
    plain: str, found: re.Match[str], is_list: bool
) -> Iterator[tuple[tuple[int, int], re.Match[str]]]:
    """All of "§§ 1331 and 1343", "Rules 401, 402 and 403" or "FRAP 12(a), 32(a)", each with its place.

    What may also be a volume, as in "Rule 56(a), 477 U.S. 317", ends the list.
    """
    number, start = found, found.start()
    while True:
        yield (start, number.end()), number
        joint = _AND.match(plain, number.end())
        following = _ANY_NUMBER.match(plain, joint.end()) if joint and joint[0].strip() else None
        if following is None or _IS_VOLUME.match(plain, following.end()):
            return
        if not is_list and not following["pin"]:
            return
        number, start = following, following.start()
