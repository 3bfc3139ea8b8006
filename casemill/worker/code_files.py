"""The files of code that a process has in memory, and whether they are still what it read."""

import hashlib
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Self

_Look = tuple[int, int, int] | None


class CodeFiles:
    """Files as they were when this was made, but for installed packages: those change with a restart."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._seen = {path: _look(path) for path in paths}

    @classmethod
    def of_this_process(cls, more: Iterable[Path] = ()) -> Self:
        """Of every module that is imported and no installed package's, and more.

        To be made right after they were read; what changes in between is read too early, and not seen.
        """
        files = {
            Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))
        }
        return cls({file for file in files if not _is_installed(file)} | set(more))

    def __len__(self) -> int:
        return len(self._seen)

    def changed(self) -> bool:
        return any(_look(path) != seen for path, seen in self._seen.items())


def own_code() -> str:
    """Stands for the worker's own code as it is on disk; another version of it is not understood."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


_INSTALLED = tuple(
    {*(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))}
)


def _is_installed(file: Path) -> bool:
    return str(file).startswith(_INSTALLED)


def _look(path: Path) -> _Look:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
