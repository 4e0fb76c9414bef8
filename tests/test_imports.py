"""Commands import what they need: what they do not need makes their user wait."""

from __future__ import annotations

import subprocess
import sys

import yaml

from support import Finished, tiny

# Commands, each with what may be imported from it on. They run one after the other in a process.
NOT_TO_READ = {"torch", "mlflow", "optuna", "scipy", "sklearn", "altair", "matplotlib", "requests"}
COMMANDS = (
    (["ls"], {"pandas"} | NOT_TO_READ),
    (["ls", "--json"], {"pandas"} | NOT_TO_READ),
    (["show", "tiny"], NOT_TO_READ),
    (["show", "tiny", "--json"], NOT_TO_READ),
    (["rm", "tiny", "--keep-best", "1", "--dry-run"], NOT_TO_READ),
    (["predict", "tiny", "rows.csv"], NOT_TO_READ),
    (["show", "tiny", "--coefficients"], NOT_TO_READ),
    (["sweep", "spec.yaml", "--dry-run"], NOT_TO_READ - {"torch"}),
    (["sweep", "spec.yaml", "-q"], NOT_TO_READ - {"torch"}),
)
PROGRAM = """
import sys
from lrlab.cli import run
for argv, kept_out in {commands!r}:
    assert run(argv) == 0, argv
    found = kept_out & set(sys.modules)
    assert not found, (argv, found)
print("All commands ran.")
"""


def test_a_command_imports_no_library_that_it_does_not_need(finished: Finished) -> None:
    spec = tiny(search={"replicates": 2})
    (finished.folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    (finished.folder / "rows.csv").write_text("x1,x2\n1.5,2\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(commands=COMMANDS)],
        cwd=finished.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tiny is finished: 16 runs are recorded" in done.stdout
    assert done.stdout.endswith("All commands ran.\n")


PACKAGES = ("data", "optimum", "search", "train", "track", "report", "sweep")


def test_a_name_that_a_package_hands_on_is_none_of_its_modules() -> None:
    """Else importing the module would put it in the place of what the package hands on."""
    import importlib
    import pkgutil

    for name in PACKAGES:
        package = importlib.import_module(f"lrlab.{name}")
        modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
        handed_on = set(dir(package)) - set(vars(package))
        assert not handed_on & modules, name
