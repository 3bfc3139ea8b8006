"""The workers: which there are, and how they are."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from casemill.models import Worker
from casemill.models.columns import utc_now
from casemill.monitoring.queue_summary import light_of
from casemill.monitoring.serving import line_up, serving
from casemill.monitoring.worker_health import WorkerHealth, health_of
from casemill.monitoring.worker_light import Colour
from casemill.web.deps import GivenWorkspace, Viewer

router = APIRouter(tags=["workers"])


class ShownWorker(BaseModel):
    """cpu_percent and memory_bytes are of it and all its jobs; null where it runs on a host we cannot see."""

    name: str
    online: bool
    last_heartbeat_at: datetime | None
    cpu_percent: float | None = Field(description="100 is one core.")
    memory_bytes: int | None
    health: WorkerHealth | None = Field(
        description="What it says of itself and its host with each heartbeat; null if it is not there, has "
        "said nothing for three of them, or is of Prefect's own type, which never does."
    )
    recorded_at: datetime = Field(description="When something about it last changed.")

    @classmethod
    def of(cls, worker: Worker, now: datetime) -> Self:
        return cls(**worker.model_dump(exclude={"health", "health_at"}), health=health_of(worker, now))


class ShownLight(BaseModel):
    """green: active and healthy; yellow: busy with the queue growing, or unwell; red: none is online."""

    model_config = ConfigDict(from_attributes=True)

    colour: Colour
    reason: str
    online: int = Field(description="Active workers.")
    last_heartbeat_at: datetime | None


class Workers(BaseModel):
    light: ShownLight
    workers: list[ShownWorker]
    total: int


@router.get("/workers")
def list_workers(workspace: GivenWorkspace, actor: Viewer) -> Workers:  # noqa: ARG001  it says who may ask
    """Those that Prefect knows, also such as have gone offline, in the order of their names."""
    with workspace.database.read() as session:
        scene = serving(session, workspace.settings)
        now = utc_now()
        light = light_of(session, scene, line_up(session, 0).turn, now)
    workers = [ShownWorker.of(worker, now) for worker in scene.workers]
    return Workers(light=ShownLight.model_validate(light), workers=workers, total=len(workers))
