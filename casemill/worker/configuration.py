"""What a deployment may say of how its runs are started: as for Prefect's process worker."""

import os
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import Flow, FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.utilities.processutils import sanitize_subprocess_env
from prefect.workers.base import BaseVariables
from pydantic import Field, PrivateAttr

from casemill.worker.private import KnownSettings


class WarmVariables(BaseVariables):
    """The same names as in a pool for Prefect's process worker, so that one pool serves both workers."""

    stream_output: bool = Field(
        default=True,
        description="Whether what runs print goes to the worker's output; otherwise it is dropped.",
    )
    working_dir: Path | None = Field(
        default=None,
        title="Working Directory",
        description="Where runs are started. Otherwise each gets a folder that is deleted afterwards.",
    )


class WarmConfiguration(KnownSettings):
    stream_output: bool = Field(default=True)
    working_dir: Path | None = Field(default=None)

    _own_command: bool = PrivateAttr(default=False)
    _flow: Flow | None = PrivateAttr(default=None)
    _deployment: DeploymentResponse | None = PrivateAttr(default=None)

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: Flow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        self._own_command = self.command is not None
        self._flow, self._deployment = flow, deployment
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id=worker_id)
        self.env = {**os.environ, **self.env}

    @property
    def flow(self) -> Flow | None:
        return self._flow

    @property
    def deployment(self) -> DeploymentResponse | None:
        return self._deployment

    @property
    def own_command(self) -> str | None:
        """What is to be executed in the place of Prefect's engine."""
        return self.command if self._own_command else None

    def environment(self, flow_run: FlowRun, more: dict[str, str]) -> dict[str, str]:
        """All of it, as Prefect's process worker hands it to a run."""
        of_run: dict[str, Any] = {
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",  # the worker runs them
            **more,
        }
        return sanitize_subprocess_env({**self.env, **of_run})
