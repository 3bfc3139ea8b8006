"""Who acts, and what they may."""

from dataclasses import dataclass
from uuid import UUID

from casemill.errors import Denied
from casemill.models import Role, Scope, User


@dataclass(frozen=True, slots=True)
class Actor:
    """A user for the time of one request. via is how they came in: session, token, link, password, system."""

    user_id: UUID
    name: str
    role: Role
    scope: Scope
    via: str
    address: str | None = None

    @classmethod
    def of(cls, user: User, via: str, address: str | None = None) -> "Actor":
        return cls(user.id, user.name, user.role, user.scope, via, address)

    @property
    def only_of(self) -> UUID | None:
        """Whose jobs and batches alone they see; None for those who see everybody's.

        Admins see all, whatever their scope says.
        """
        return None if self.role == Role.ADMIN or self.scope == Scope.ALL else self.user_id

    def sees(self, owner_id: UUID | None) -> bool:
        return self.only_of is None or owner_id == self.user_id

    def require(self, role: Role) -> None:
        """Raises Denied."""
        if not self.role.includes(role):
            raise Denied(f"This needs the role {role}; {self.name} is {self.role}. An admin can change that")
