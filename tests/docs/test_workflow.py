"""The workflow for GitHub: by the schema that its validator carries, and by what it is there for."""

import os
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/check.yml"
CHECK = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]


def test_the_workflow_is_one_by_the_schema(tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOW.read_text().replace("timeout-minutes", "timeout"))
    checked = subprocess.run([*CHECK, WORKFLOW, wrong], capture_output=True, text=True)
    assert "wrong.yml::$.jobs.check" in checked.stdout
    assert "check.yml::" not in checked.stdout


def test_it_runs_what_every_change_must_pass_and_publishes_main_alone():
    workflow = yaml.safe_load(WORKFLOW.read_text())
    check, publish = workflow["jobs"]["check"], workflow["jobs"]["publish"]
    assert ".ci/run" in [step.get("run") for step in check["steps"]]
    assert os.access(ROOT / ".ci/run", os.X_OK)

    given = {key: value for step in check["steps"] for key, value in step.get("with", {}).items()}
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert given["python-version"] in SpecifierSet(setup["options"]["python_requires"])
    # `path` is the cache's, then the site's, which the last step takes.
    assert f"site_dir: {given['path']}" in (ROOT / "mkdocs.yml").read_text().splitlines()

    main = "github.ref == 'refs/heads/main'"
    assert (publish["needs"], publish["if"]) == ("check", main)
    assert [step["if"] for step in check["steps"] if "if" in step] == [main, main]
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in check
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
