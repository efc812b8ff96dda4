"""Execute the notebooks, whose sources are the .py files beside this one, and keep their outputs.

    python notebooks/execute.py [01_look_at_the_data ...]

Each `NAME.py` (py:percent, as jupytext reads it) becomes `NAME.ipynb` with its outputs. What a notebook
writes goes to `work/`, which is emptied first.
"""

import argparse
import re
import shutil
from pathlib import Path

import jupytext
import nbformat
from jupyter_client import KernelManager
from nbclient import NotebookClient

HERE = Path(__file__).parent
# What TensorFlow logs of itself, most of it while it is imported and before it heeds any setting.
NOISE = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]\d{4} |To enable the following"
    r"|WARNING:tensorflow:\d+ out of the last).*\n?",
    re.M,
)


def executed(
    source: Path, folder: Path, before: str = "", kernel: KernelManager | None = None
) -> nbformat.NotebookNode:
    """Execute a source from top to bottom.

    Args:
        source: A py:percent file.
        folder: Where it runs.
        before: Code that is run before the first cell, and not kept.
        kernel: A started kernel, which is left running; by default one of its own.

    Returns:
        The notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    notebook = jupytext.read(source)
    where = {"metadata": {"path": folder}}
    client = NotebookClient(notebook, kernel, timeout=900, kernel_name="python3", resources=where)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    client.execute()
    del notebook.cells[0]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same in every execution
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_cleaned, cell.outputs) if output]
    return notebook


def _cleaned(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    if output.output_type == "stream":
        output.text = NOISE.sub("", output.text)
        return output if output.text.strip() else None
    if "text/html" in output.get("data", {}):
        output.data.pop("text/plain", None)  # a table's plain form has the paths of the machine
    return output


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="without ending; by default all")
    names = parser.parse_args().names or [path.stem for path in sorted(HERE.glob("[0-9]*.py"))]
    for name in names:
        shutil.rmtree(HERE / "work", ignore_errors=True)
        notebook = executed(HERE / f"{name}.py", HERE)
        nbformat.write(notebook, HERE / f"{name}.ipynb")
        print(f"{name}.ipynb", flush=True)


if __name__ == "__main__":
    main()
