"""The Slurm script and the Kubernetes manifest, by their validators, and the commands they start."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from cervix_tf.training.hosts import hosts_of

DEPLOY = Path(__file__).parents[2] / "docs/deploy"
# Takes the place of cervix-tf: prints its words and TF_CONFIG.
STANDS_IN = f"""#!{sys.executable}
import json, os, sys
print(json.dumps([sys.argv[1:], os.environ.get("TF_CONFIG")]))
"""


@pytest.fixture
def started(tmp_path):
    """Run a command where `cervix-tf` and `srun` only say what they are given."""
    for name in ("cervix-tf", "srun"):
        (tmp_path / name).write_text(STANDS_IN)
        (tmp_path / name).chmod(0o755)

    def call(*command, **environment):
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={"PATH": path, **environment},
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)

    return call


def test_the_slurm_script_is_sound_and_goes_on_with_a_run(started, tmp_path):
    script = DEPLOY / "fit.sbatch"
    shellcheck = shutil.which(
        "shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    checked = subprocess.run([shellcheck, script], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    words = started("bash", script, "runs/new", "photographs")[0]
    assert " ".join(words[1:]) == (
        "cervix-tf fit --model inception --data photographs --run runs/new --devices hosts "
        "--cache /tmp/squares"
    )
    (tmp_path / "runs/new").mkdir(parents=True)
    (tmp_path / "runs/new/recipe.yaml").touch()
    assert started("bash", script, "runs/new")[0][3:5] == ["--resume", "runs/new"]


def test_the_kubernetes_manifest_is_valid_and_names_all_pods(started, monkeypatch):
    service, job = yaml.safe_load_all((DEPLOY / "fit.yaml").read_text())
    for part in (service, job):
        kubernetes_validate.validate(part, "1.31", strict=True)
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (hosts,) = container["env"]
    assert int(hosts["value"]) == job["spec"]["completions"] == job["spec"]["parallelism"]
    command = [*container["command"], *container["args"]]
    words, config = started(*command, HOSTS=hosts["value"], JOB_COMPLETION_INDEX="1")
    assert words[:3] == ["fit", "--model", "inception"]
    monkeypatch.setenv("TF_CONFIG", config)
    # The names that a headless service gives an indexed job's pods.
    name, subdomain = job["metadata"]["name"], service["metadata"]["name"]
    assert spec["subdomain"] == subdomain
    assert hosts_of().addresses == tuple(f"{name}-{k}.{subdomain}:2222" for k in (0, 1))
    assert hosts_of().number == 1
