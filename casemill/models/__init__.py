"""The tables, one noun a file. Importing this module registers all of them."""

from casemill.models.batch import Batch, CaseStep, StepState
from casemill.models.citation import Citation
from casemill.models.claim import Attempt
from casemill.models.document import CaseDocument, Chunk, DocumentModel, ExpertDocument, ProcessingStatus
from casemill.models.owner import Case, Expert
from casemill.models.user import Role, User

__all__ = [
    "Attempt",
    "Batch",
    "Case",
    "CaseDocument",
    "CaseStep",
    "Chunk",
    "Citation",
    "DocumentModel",
    "Expert",
    "ExpertDocument",
    "ProcessingStatus",
    "Role",
    "StepState",
    "User",
]
