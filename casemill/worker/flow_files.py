"""Flows loaded ahead, so that a forked process has them."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

logger = logging.getLogger(__name__)


class FlowFiles:
    """The flows of one directory, by their entrypoint in it; of no directory, none."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._flows: dict[str, Flow[..., Any]] = {}
        self._paths: set[Path] = set()
        if directory is not None:
            os.chdir(directory)
            sys.path.insert(0, directory)

    def load(self, entrypoint: str) -> bool:
        """Whether it could be. One that cannot is for the run to stumble over, whose log is read."""
        file, colon, _ = entrypoint.rpartition(":")
        if not colon:
            return False  # a module: what it imports may be anything, also of Prefect's own
        self._paths.add(Path(file).absolute())
        try:
            self._flows[entrypoint] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
        except Exception:  # the edge: any code may fail in any way
            logger.exception("%s could not be loaded ahead", entrypoint)
            return False
        return True

    def without_hooks(self) -> list[str]:
        """Those for which nothing is to be done when a run is cancelled or crashes."""
        return [
            entrypoint
            for entrypoint, flow in self._flows.items()
            if not flow.on_cancellation_hooks and not flow.on_crashed_hooks
        ]

    def paths(self) -> set[Path]:
        return self._paths

    def get(self, entrypoint: str | None) -> Flow[..., Any] | None:
        return self._flows.get(entrypoint) if entrypoint else None
