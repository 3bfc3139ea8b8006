"""The option of commands that start jobs which wait for others."""

from typing import Annotated, Any
from uuid import UUID

import typer

from casemill.models import Condition
from casemill.operations.job_dependencies import After

AfterJobs = Annotated[
    list[str] | None,
    typer.Option(
        "--after",
        metavar="JOB[:HOW]",
        help="Begin when this job has ended; HOW is success (if left out), failure or completion, which is "
        "either of them or cancelled. Again for more.",
    ),
]


def jobs_to_wait_for(given: list[str] | None) -> list[dict[str, Any]]:
    """As the API takes them."""
    found: list[After] = []
    for one in given or ():
        job_id, _, how = one.partition(":")
        try:
            found.append(After(job_id=UUID(job_id), on=Condition(how or Condition.SUCCESS)))
        except ValueError:
            said = f"{one!r} is no id of a job, or that with :success, :failure or :completion"
            raise typer.BadParameter(said, param_hint="--after") from None
    return [after.model_dump(mode="json") for after in found]
