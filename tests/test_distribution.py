"""What is handed out: a wheel that stands alone, with all that the package needs, and how to cite it."""

import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")


def work(*words, **options) -> str:
    """Run a program, its output returned; what fails is shown."""
    outside = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, env=outside, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built of a copy of the sources, so that nothing of an earlier build gets into it."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        shutil.copy(ROOT / name, copy)
    shutil.copytree(
        ROOT / "cervix_tf", copy / "cervix_tf", ignore=shutil.ignore_patterns("__pycache__")
    )
    work(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", copy / "dist", copy)
    (built,) = (copy / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A fresh environment with the wheel in it, which finds the dependencies where they are."""
    place = tmp_path_factory.mktemp("fresh") / "environment"
    work(sys.executable, "-m", "venv", "--without-pip", place)
    (packages,) = place.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched, but the .pth files in it are not read: the package
    # installed from the checkout for development stays out.
    searched = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "dependencies.pth").write_text("\n".join(searched))
    python = place / "bin/python"
    work(*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel)
    return place


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(wheel):
    there = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("cervix_tf/")}
    files = [path.relative_to(ROOT) for path in (ROOT / "cervix_tf").rglob("*") if path.is_file()]
    assert there == {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert {Path(name).suffix for name in there} >= {".html", ".yaml", ".csv", ".keras", ".typed"}
    work(sys.executable, "-m", "twine", "check", "--strict", wheel)


@pytest.mark.slow
def test_it_works_where_no_checkout_is(environment, phantoms, tmp_path):
    python, program = environment / "bin/python", environment / "bin/cervix-tf"
    where = work(python, "-c", "import cervix_tf; print(cervix_tf.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)
    assert "phantom" in work(program, "--help", cwd=tmp_path)
    words = "fit --model cervixnet2 --run run --set image_size=32 --set batch_size=4"
    work(program, *words.split(), "--set", "stages.0.steps=2", "--data", phantoms, cwd=tmp_path)
    assert (tmp_path / "run/model.keras").is_file()


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert citation["version"] == setup["metadata"]["version"]
    assert citation["license"] == setup["metadata"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
