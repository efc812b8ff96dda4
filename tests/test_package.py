"""The package as a whole: what it exports, and that importing it costs nothing."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.cli import VERBS
from cervix_tf.errors import UserError

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


NO_MANIFEST = {
    "a path": "data",
    "nothing": None,
    "a list": ["a.jpg"],
    "no row": pd.DataFrame({"path": []}),
    "no path": pd.DataFrame({"photograph": ["a.jpg"]}),
}
NEEDED = {  # arguments without a default, by their names
    "boxes": pd.DataFrame({"path": ["a.jpg"]}),
    "errors": pd.DataFrame({"path": ["a.jpg"]}),
    "flags": ["blurred"],
    "size": 32,
    "image_size": 32,
    "batch_size": 4,
    "seed": 0,
    "recipe": "cervixnet2",
    "space": {"batch_size": [8, 16]},
}


def functions_of_a_manifest():
    for name in sorted(PACKAGES):
        package = importlib.import_module(name)
        for export in getattr(package, "__all__", ()):
            function = getattr(package, export)
            if not inspect.isfunction(function):
                continue
            if next(iter(inspect.signature(function).parameters), None) == "manifest":
                yield function


def test_what_is_no_manifest_is_refused_in_one_line(tmp_path):
    """Every function that is first given a manifest."""
    known = {function.__name__: function for function in functions_of_a_manifest()}
    for name in ("changes", "environment", "fingerprint"):  # of what the package has made itself
        del known[name]
    assert {"audit", "crossfit", "explore", "fit", "folds", "prepare", "split"} <= set(known)
    for name, function in known.items():
        needed = {
            key: NEEDED.get(key, str(tmp_path / name))
            for key, parameter in list(inspect.signature(function).parameters.items())[1:]
            if parameter.default is parameter.empty and parameter.kind != parameter.VAR_KEYWORD
        }
        for what, given in NO_MANIFEST.items():
            with pytest.raises(UserError) as caught:
                function(given, **needed)
            assert "\n" not in str(caught.value), (name, what)
    assert not list(tmp_path.iterdir()), "nothing is written"
