"""Cases that a command names, by name or id."""

from typing import Any

from casemill.cli.client import Api
from casemill.errors import NotFound


def case_ids(api: Api, names: list[str] | None) -> list[str]:
    """Of those named, of all cases for None. Raises NotFound for one that is not there."""
    cases: list[dict[str, Any]] = api.all("/cases", "cases")
    if names is None:
        return [case["id"] for case in cases]
    known = {case["name"]: case["id"] for case in cases} | {case["id"]: case["id"] for case in cases}
    if missing := [name for name in names if name not in known]:
        raise NotFound(f"No case {missing[0]!r}; `casemill case list` shows what there is")
    return [known[name] for name in names]
