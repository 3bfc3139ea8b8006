"""What is kept of parameters, results and errors: JSON that fits, without secrets."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

HIDDEN = "***"

_SECRET = re.compile(
    r"pass(word|wd|phrase)|secret|api[_-]?key|authorization|credential|private[_-]?key|cookie", re.IGNORECASE
)
_TOKEN = re.compile("token", re.IGNORECASE)
_SAID = re.compile(
    r"(?i)\b((?:[\w-]*(?:password|passwd|secret|token|api[_-]?key))[\"']?\s*[=:]\s*[\"']?|authorization:\s*(?:\w+\s+)?|bearer\s+)"
    r"[^\s\"',;)&]+"
)
_IN_ADDRESS = re.compile(r"(\w[\w+.-]*://[^\s:/@]*:)[^\s@/]+@")
_MAIL_ADDRESS = re.compile(r"\b(\w)[\w.+-]{0,63}@((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,})\b")
_LONGEST_ERROR = 200_000
_DEEPEST = 50


def recorded(value: Any, at_most: int) -> Any:
    """The value as JSON. One longer than `at_most` characters becomes the beginning of it, with a note."""
    shown = _shown(value, 0)
    text = json.dumps(shown, ensure_ascii=False)
    if len(text) <= at_most:
        return shown
    return {"cut": f"the first {at_most} of {len(text)} characters", "beginning": text[:at_most]}


def recorded_text(text: str | None) -> str | None:
    """A message or traceback that any database can keep, without secrets somebody spelled out.

    E-mail addresses are masked: everybody who sees jobs sees it, and servers and libraries repeat them.
    """
    return None if text is None else _MAIL_ADDRESS.sub(r"\1***@\2", _without_secrets(text))


def _without_secrets(text: str) -> str:
    if len(text) > _LONGEST_ERROR:
        half = _LONGEST_ERROR // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    text = _SAID.sub(rf"\1{HIDDEN}", text)
    return storable(_IN_ADDRESS.sub(rf"\1{HIDDEN}@", text))


def storable(text: str) -> str:
    """Without what PostgreSQL refuses in text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _shown(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, SecretStr | SecretBytes):
        return HIDDEN
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        pairs = cast(Mapping[Any, Any], value).items()
        return {
            storable(str(key)): HIDDEN if _is_secret(str(key), part) else _shown(part, depth + 1)
            for key, part in pairs
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(part, depth + 1) for part in cast(list[Any], value)]
    if isinstance(value, str):
        return _without_secrets(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON knows neither infinity nor NaN
    return _shown(to_jsonable_python(value, fallback=_named, serialize_unknown=True), depth + 1)


def _is_secret(key: str, value: Any) -> bool:
    """A number of tokens is none; a password may be a number."""
    return bool(_SECRET.search(key)) or (bool(_TOKEN.search(key)) and not isinstance(value, int | float))


def _named(value: object) -> str:
    """Not its repr: that may hold anything."""
    return f"<{type(value).__name__}>"
