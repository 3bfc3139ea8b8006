"""Where a deployment's code lies on this host, if that can be said without running its pull steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from prefect.client.schemas.responses import DeploymentResponse

_SET_DIRECTORY = "prefect.deployments.steps.set_working_directory"


@dataclass(frozen=True, slots=True)
class CodePlace:
    """directory and entrypoint are both None where pull steps have to say."""

    directory: str | None = None
    entrypoint: str | None = None


def place_of(deployment: DeploymentResponse) -> CodePlace:
    """A single step into a directory that is there is all that we take a shortcut for."""
    steps = cast(list[Mapping[str, Any]], deployment.pull_steps or [])
    if len(steps) != 1 or set(steps[0]) != {_SET_DIRECTORY}:
        return CodePlace()
    directory = cast(dict[str, Any], steps[0][_SET_DIRECTORY]).get("directory")
    entrypoint = deployment.entrypoint
    if not isinstance(directory, str) or "{{" in directory or not entrypoint or ":" not in entrypoint:
        return CodePlace()
    if not Path(directory).is_absolute() or not Path(directory).is_dir():
        return CodePlace()
    return CodePlace(directory, entrypoint)
