"""prefect.yaml declares what there is, and all of it can be run."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

CHECKOUT = Path(__file__).resolve().parents[2]
DECLARED: list[dict[str, Any]] = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("deployment", DECLARED, ids=lambda deployment: deployment["entrypoint"])
def test_every_deployment_loads_for_real(deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow whose imports fail deploys as a placeholder, and fails only when somebody needs it."""
    monkeypatch.chdir(CHECKOUT)
    flow = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    assert flow.name == deployment["entrypoint"].rsplit(":", 1)[1].replace("_", "-")
    undescribed = [name for name, field in flow.parameters.properties.items() if not field.get("description")]
    assert not undescribed, "descriptions become the form in the Prefect UI"


def test_every_flow_file_is_declared() -> None:
    files = {f"flows/{path.name}" for path in (CHECKOUT / "flows").glob("*.py") if path.stem != "__init__"}
    assert {deployment["entrypoint"].split(":")[0] for deployment in DECLARED} == files
    assert all("_" in Path(file).stem for file in files), "two-word names: one word may shadow a module"


def test_every_deployment_says_what_it_is_for() -> None:
    assert all(deployment["description"] for deployment in DECLARED)
