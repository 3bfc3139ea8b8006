"""`casemill retention` and `queue limits`, without a server: what they refuse before they ask one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from casemill.cli import app

RETENTION, LIMITS = ("retention",), ("queue", "limits")


@pytest.mark.parametrize(
    ("command", "given"),
    [
        (RETENTION, "failed_run_days"),
        (RETENTION, "failed_run_days="),
        (RETENTION, "=14"),
        (RETENTION, "failed_run_days=long"),
        (RETENTION, "failed_run_days=nan"),
        (RETENTION, "failed_run_days=inf"),
        (LIMITS, "jobs_at_once=4.5"),
        (LIMITS, "jobs_at_once=many"),
    ],
    ids=lambda given: given if isinstance(given, str) else given[-1],
)
def test_what_is_no_name_with_a_number_is_bad_usage(
    tmp_path: Path, command: tuple[str, ...], given: str
) -> None:
    done = CliRunner().invoke(app, [*command, "history_days=90", given, "--home", str(tmp_path)])
    assert done.exit_code == 2
    assert "is not like" in done.output
