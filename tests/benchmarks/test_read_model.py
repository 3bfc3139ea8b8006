"""The benchmark of lists and statistics, tiny: that it runs, and that it would notice a missing index."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import pytest

from tests.postgres import run_sql

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "read_model.py"


@pytest.fixture(scope="session")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_the_read_model", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def check(results: dict[str, object]) -> None:
    assert len(results) > 100
    for name, measured in results.items():
        assert measured.plans, name  # pyright: ignore[reportAttributeAccessIssue]
        assert measured.full_scans() == [], name  # pyright: ignore[reportAttributeAccessIssue]


def test_on_sqlite_every_query_uses_an_index(benchmark: ModuleType, tmp_path: Path) -> None:
    check(benchmark.run(f"sqlite:///{tmp_path / 'new.db'}", 150, 600, 1, ""))


def test_on_postgresql_every_query_uses_an_index(benchmark: ModuleType, postgres: str) -> None:
    name = f"benchmark_{uuid4().hex}"
    run_sql(postgres, f"CREATE DATABASE {name}")
    check(benchmark.run(f"postgresql+psycopg://postgres@/{name}?host={postgres}", 150, 600, 1, ""))


@pytest.mark.parametrize(
    ("line", "is_bad"),
    [
        ("SCAN jobs", True),
        ("SCAN jobs USING COVERING INDEX ix_jobs_created", False),
        ("SEARCH task_attempts USING INDEX ix_attempts_created (created_at>?)", False),
        ("SCAN job_texts_fts VIRTUAL TABLE INDEX 0:", True),
        ("SCAN job_texts_fts VIRTUAL TABLE INDEX 0:M1", False),
        ("SCAN users", False),
        ("  ->  Parallel Seq Scan on task_attempts", True),
        ("Seq Scan on users", False),
        ("  ->  Index Only Scan using ix_jobs_created on jobs", False),
    ],
)
def test_a_full_scan_of_a_big_table_is_told_from_others(
    benchmark: ModuleType, line: str, is_bad: bool
) -> None:
    assert benchmark.Measured([0.1], [line]).full_scans() == ([line] if is_bad else [])
