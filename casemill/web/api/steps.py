"""The steps a batch can run."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from casemill.steps.all import REGISTRY
from casemill.steps.registry import Step
from casemill.web.deps import Viewer

router = APIRouter(tags=["batches"])


class RunnableStep(BaseModel):
    name: str
    title: str = Field(description="What there is when it is done.")
    requires: list[str] = Field(description="What has to be done right before it.")
    requires_all: list[str] = Field(description="What a batch that has it runs before it, in order.")


class StepList(BaseModel):
    steps: list[RunnableStep] = Field(description="In an order that respects what each requires.")


@router.get("/steps")
def list_steps(_actor: Viewer) -> StepList:
    """All of them. A batch that leaves out what a chosen one requires gets it filled in."""
    return StepList(steps=[_shown(step) for step in REGISTRY.plan(REGISTRY)])


def _shown(step: Step) -> RunnableStep:
    before = [other.name for other in REGISTRY.plan([step.name]) if other.name != step.name]
    return RunnableStep(name=step.name, title=step.title, requires=list(step.requires), requires_all=before)
