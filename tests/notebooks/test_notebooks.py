"""The notebooks run from top to bottom, and what is kept of them is what their sources give."""

import importlib.util
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = [
    "01_look_at_the_data",
    "02_fit_in_two_stages",
    "03_the_report_again",
    "04_what_the_network_looks_at",
    "05_from_fold_to_submission",
]
# Compiling, and training until something is learned, takes minutes: `make notebooks` does that.
SHORTER = f"""
import sys
sys.path.append({str(FOLDER.parent)!r})
import pytest
from tests.planted import shortcuts
shorter = pytest.MonkeyPatch()
shortcuts.small_networks(shorter)
shortcuts.short_recipes(shorter)
shortcuts.few_phantoms(shorter)
shortcuts.quick_figures(shorter)
shortcuts.bare_fits(shorter)
shortcuts.entered = shortcuts.uncompiled()  # held there while the names here are forgotten
shortcuts.entered.__enter__()
"""
AFRESH = "%reset -f\n%cd -q {}"  # no name is left of the notebook before


@pytest.fixture(scope="module")
def kernel():
    """One kernel for all: importing TensorFlow takes as long as a notebook made shorter."""
    manager, client = start_new_kernel(kernel_name="python3")
    assert client.execute_interactive(SHORTER)["content"]["status"] == "ok"
    client.stop_channels()
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def executed():
    spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.executed


def kinds(notebook) -> list[list[str]]:
    """What sorts of outputs each code cell has."""
    return [
        sorted({kind for output in cell.outputs for kind in output.get("data", {output.output_type})})
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def words(notebook) -> str:
    """All text in the outputs, without the bytes of pictures."""
    text = "\n".join(str(cell.outputs) for cell in notebook.cells if cell.cell_type == "code")
    return re.sub(r"[A-Za-z0-9+/=\\]{200,}", "", text)


def test_all_are_listed():
    assert NAMES == sorted(path.stem for path in FOLDER.glob("[0-9]*.py"))
    assert NAMES == sorted(path.stem for path in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("name", NAMES)
def test_source_and_notebook_are_in_step(name):
    source = jupytext.read(FOLDER / f"{name}.py")
    kept = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(kept)
    assert [(c.cell_type, c.source) for c in kept.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ], f"python notebooks/execute.py {name}"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_names_no_machine(name):
    kept = words(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))
    assert len(kept) > 1000
    absolute = r"(?<![\w.<:/-])/\w+/[\w./-]+"
    assert not re.search(rf"{absolute}|site-packages|Traceback|Warning", kept)


@pytest.mark.parametrize(
    "name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])]
)
def test_it_runs_from_top_to_bottom(name, executed, kernel, tmp_path):
    """A cell that fails raises; the outputs are of the kinds that are kept, pictures among them."""
    notebook = executed(FOLDER / f"{name}.py", tmp_path, AFRESH.format(tmp_path), kernel)
    kept = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert kinds(notebook) == kinds(kept)
    assert sum("image/png" in cell or "text/html" in cell for cell in kinds(notebook)) >= 4
