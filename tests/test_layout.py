"""Where things are: imports point one way, and names say what a file holds."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
PREFECT_FREE = [
    "access",
    "mail",
    "models",
    "operations",
    "steps",
    "extraction",
    "search",
    "db",
    "settings",
    "workspace",
]
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools", "base"}


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((CHECKOUT / folder).rglob("*.py"))]
    assert found, f"no modules in {folders}"
    return found


def name_of(module: Path) -> str:
    parts = module.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: Path) -> Iterator[str]:
    """Full names of all that a module imports, inside its functions too."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(folders: list[str], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{name_of(module)} imports {imported}"
        for module in modules(*folders)
        for imported in imports(module)
        if imported.partition(".")[0] in forbidden
    ]


def test_the_domain_package_imports_neither_flows_nor_blocks():
    assert offenders(["casemill"], ("flows", "blocks", "deployments", "tests")) == []


def test_blocks_do_not_import_flows():
    assert offenders(["blocks"], ("flows", "deployments", "tests")) == []


def test_flows_import_no_tests_and_nothing_of_what_surrounds_them():
    assert offenders(["flows"], ("deployments", "tests")) == []


def prefect_free_modules() -> list[Path]:
    folders = [f"casemill/{name}" for name in PREFECT_FREE if (CHECKOUT / "casemill" / name).is_dir()]
    files = [CHECKOUT / "casemill" / f"{name}.py" for name in PREFECT_FREE]
    return modules(*folders) + [file for file in files if file.is_file()]


def test_what_decides_does_not_know_prefect():
    known = [
        f"{name_of(module)} imports {imported}"
        for module in prefect_free_modules()
        for imported in imports(module)
        if imported.partition(".")[0].startswith("prefect")
    ]
    assert known == []


def test_what_decides_can_be_imported_without_loading_prefect():
    """Prefect takes seconds to import; a command that lists cases does not wait for it."""
    names = sorted({name_of(module) for module in prefect_free_modules()})
    program = (
        f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n"
        "print([name for name in sys.modules if name.partition('.')[0].startswith('prefect')])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_only_monitoring_and_the_entry_points_talk_to_prefect():
    allowed = ("casemill.monitoring", "casemill.cli", "casemill.local", "casemill.storage", "casemill.worker")
    strangers = [
        found
        for found in offenders(["casemill"], ("prefect", "prefect_aws"))
        if not found.startswith((*allowed, "casemill.web"))
    ]
    assert strangers == []


@pytest.mark.parametrize("module", modules("casemill", "flows", "blocks"), ids=name_of)
def test_a_module_is_named_after_what_it_holds(module: Path):
    name = module.stem if module.stem != "__init__" else module.parent.name
    assert name not in VAGUE
    assert not set(name.split("_")) & (VAGUE - {"base"})


def test_annotations_of_tables_are_not_postponed():
    """SQLModel relationships break under `from __future__ import annotations`."""
    for module in modules("casemill/models"):
        assert "__future__.annotations" not in imports(module), module


def test_every_flow_has_its_namesake_among_the_operations():
    operations = {module.stem for module in modules("casemill/operations")}
    assert {module.stem for module in modules("flows")} - {"__init__"} <= operations


def test_a_flow_has_a_name_of_two_words_that_hides_no_module():
    """A flow file is run by its path, with flows/ first among the places modules are looked for."""
    for module in modules("flows"):
        if module.stem != "__init__":
            assert "_" in module.stem, module
            assert module.stem not in sys.stdlib_module_names


def test_every_module_says_what_it_is_for():
    silent = [
        name_of(module)
        for module in modules("casemill", "flows", "blocks")
        if not ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
        and module.read_text(encoding="utf-8").strip()
    ]
    assert silent == []
