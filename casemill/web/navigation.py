"""What the dashboard's menu leads to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    path: str
    name: str
    group: str
    for_admins: bool = False


PLACES = (
    Place("/pipeline/dashboard", "Pipeline Dashboard", "Tools"),
    Place("/pipeline/queue", "Queue Management", "Tools"),
    Place("/documents", "Documents", "Tools"),
    Place("/search", "Search", "Tools"),
    Place("/jobs", "Job Dashboard", "Jobs"),
    Place("/admin/jobs", "Job Monitoring", "Jobs"),
    Place("/schedules", "Schedules", "Jobs"),
    Place("/settings", "Settings", "Admin"),
    Place("/audit", "Audit", "Admin", for_admins=True),
)
GROUPS = {group: [place for place in PLACES if place.group == group] for group in ("Tools", "Jobs", "Admin")}


def place_of(path: str) -> Place | None:
    """Which of them the page belongs to."""
    return next((place for place in PLACES if path == place.path or path.startswith(f"{place.path}/")), None)
