"""Nothing that is read can run code: every call that loads a file says so itself."""

import ast
from pathlib import Path

import pytest

import cervix_tf

PACKAGE = Path(cervix_tf.__file__).parent
# Rows between processes of the package's own on a Ray cluster, never a file.
PICKLES = {"data/clusters.py"}
EXECUTES = {"cli.py"}  # an empty text, for what Python does then
CODE = {
    "pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "torch",
    "jsonpickle",
}
NEEDED = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "keras.models.load_model": ("safe_mode", True),
    "keras.saving.load_model": ("safe_mode", True),
    "extractall": ("filter", "data"),
}
FORBIDDEN = {
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "pd.read_pickle", "os.system",
    "eval", "exec", "shutil.unpack_archive", "enable_unsafe_deserialization",
    "keras.config.enable_unsafe_deserialization", "tf.keras.models.load_model",
}  # fmt: skip


def faults(source: str) -> list[str]:
    """The calls and imports of a module that may run what a file holds."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            of = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
            )
            found += [f"import {name}" for name in of if name.split(".")[0] in CODE]
        if not isinstance(node, ast.Call):
            continue
        said = {word.arg: getattr(word.value, "value", ...) for word in node.keywords}
        name = ast.unparse(node.func)
        last = name.rpartition(".")[2]
        if name == "yaml.load" and "yaml.BaseLoader" in map(ast.unparse, node.args):
            continue  # of text, lists and keys alone
        if name in FORBIDDEN or said.get("shell") is True:
            found.append(name)
        key = name if name in NEEDED else last if last in NEEDED and last != name else None
        if key and said.get(NEEDED[key][0], ...) != NEEDED[key][1]:
            found.append(f"{name} without {NEEDED[key][0]}={NEEDED[key][1]}")
    return found


def test_no_load_of_the_package_runs_code():
    modules = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    found = {name: faults(path.read_text(encoding="utf-8")) for name, path in modules.items()}
    known = dict.fromkeys(PICKLES, ["import pickle"]) | dict.fromkeys(EXECUTES, ["exec"])
    assert {name: some for name, some in found.items() if some} == known
    assert 'exec("")' in modules["cli.py"].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "keras.models.load_model(path, compile=False)",
        "keras.saving.load_model(path, safe_mode=False)",
        "yaml.load(text, Loader)",
        "import pickle",
        "from joblib import load",
        "archive.extractall(folder)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_one_that_would_is_seen(line):
    assert faults(line)


def test_one_that_says_so_passes():
    assert not faults("np.load(path, allow_pickle=False)")
    assert not faults("keras.models.load_model(path, safe_mode=True)")
    assert not faults("archive.extractall(folder, filter='data')")
