"""The package as a whole: what it exports, and that importing it costs nothing."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import cervix_tf as cx
from cervix_tf.cli import VERBS

ROOT = Path(cx.__file__).parent
PACKAGES = [
    ".".join(path.parent.relative_to(ROOT.parent).parts) for path in ROOT.rglob("__init__.py")
]


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_every_export_is_there_and_no_module_hides_it(name):
    package = importlib.import_module(name)
    for export in getattr(package, "__all__", ()):
        module = Path(package.__file__).parent / export
        if name != "cervix_tf":  # a module of the same name would take the export's place
            assert not module.with_suffix(".py").exists(), export
            assert not module.is_dir(), export
        assert getattr(package, export) is not None


def test_every_verb_is_a_function_of_the_same_name():
    rooms = {"models", "recipes"}  # these two list what is in a room of their name
    for verb in VERBS:
        if verb.__name__ not in rooms:
            function = getattr(cx, verb.__name__)
            assert callable(function)
            assert function.__module__.startswith("cervix_tf.")


def test_importing_costs_nothing():
    code = "import sys, cervix_tf; print({'tensorflow', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
