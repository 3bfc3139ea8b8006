"""What every test may use."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files beside the checkout."""
    folder = SHARED / "corpus"
    if not folder.is_dir():
        pytest.skip("needs the corpus of real files in ../shared/corpus")
    return folder
