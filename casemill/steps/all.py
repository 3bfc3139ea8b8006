"""Every step there is. A new step is a file beside this one and a line here."""

from casemill.steps import chunk, citations, index, parse
from casemill.steps.registry import REGISTRY

__all__ = ["REGISTRY", "chunk", "citations", "index", "parse"]

REGISTRY.check()
