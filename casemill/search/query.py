"""What people type into a search box, read once for every index.

    accident reconstruction     both words, in any order and form ("accidents")
    "duty of care"              the words next to each other in this order
    -draft  -"not for filing"   without this
    negligen*                   words that begin so

Everything else is text: AND, OR, brackets and colons have no meaning, and nothing is an error.
"""

import re
import unicodedata
from dataclasses import dataclass

LONGEST_QUERY = 4_000
"""Characters read of a query. The rest is ignored, as are terms beyond the most."""

MOST_TERMS = 64

SHORTEST_PREFIX = 2
"""Letters before a star; with fewer it would stand for half the dictionary and is taken as a plain word."""

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
# Only a quote that is closed quotes; a stray one ends a word. A dash excludes only at the start of a term.
_TERM = re.compile(r'(?P<minus>(?<![^\s"])-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand next to each other, as typed; most often one. Holds a letter or digit, and no quotes.

    is_prefix: the last word is only how a word begins.
    """

    text: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A match holds every required term and no excluded one. Terms differ from each other."""

    required: tuple[Term, ...]
    excluded: tuple[Term, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing to look for. Exclusions alone do not say what is wanted."""
        return not self.required


def parse_query(text: str) -> Query:
    """Read what was typed. Never fails; what has no letter or digit is left out."""
    # Composed, because how an accent is encoded is not what anyone means to search for.
    readable = unicodedata.normalize("NFC", _UNSTORABLE.sub(" ", text[:LONGEST_QUERY]).translate(_QUOTES))
    required: dict[Term, None] = {}
    excluded: dict[Term, None] = {}
    for match in _TERM.finditer(readable):
        typed: str = match["phrase"] if match["word"] is None else match["word"]
        term = _term(typed)
        if term is not None:
            (excluded if match["minus"] else required)[term] = None
        if len(required) + len(excluded) == MOST_TERMS:
            break
    return Query(tuple(required), tuple(excluded))


def has_words(text: str) -> bool:
    """Whether there is a letter or digit in any script."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)


def _term(typed: str) -> Term | None:
    words = [word for word in typed.replace("*", " ").split() if has_words(word)]
    if not words:
        return None
    return Term(" ".join(words), typed.rstrip().endswith("*") and len(words[-1]) >= SHORTEST_PREFIX)
