"""What TensorFlow sees of this machine, and why not a GPU.

TensorFlow is imported in a process of its own: on a processor that it was not built for, or with a
damaged CUDA, the import ends the process, and its first lines tell what it misses.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cervix_tf.machine.findings import Finding

PATIENCE = 300  # seconds for an import; it takes 5 to 20
HIDES = "CUDA_VISIBLE_DEVICES"
PROGRAM = """
import json, tensorflow as tf, keras
gpus = tf.config.list_physical_devices("GPU")
name = lambda gpu: tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
build = tf.sysconfig.get_build_info()
print("\\n" + json.dumps({
    "cuda": bool(build.get("is_cuda_build")), "cuda_version": build.get("cuda_version"),
    "gpus": [name(gpu) for gpu in gpus], "backend": keras.backend.backend(),
}))
"""
_MISSED = ("Cannot dlopen", "Could not load dynamic library", "no kernel image")


def devices() -> list[Finding]:
    """Say what TensorFlow can train on; where it does not work, that is broken."""
    part = "devices"
    cores = Finding(part, "cores", _cores())
    seen, said = look()
    if seen is None:
        reason = next((line for line in reversed(said.splitlines()) if line.strip()), "no word")
        mend = 'pip install --force-reinstall "tensorflow>=2.21,<2.22" "keras>=3.15,<4"'
        says = f"cannot be imported: {reason.strip()[:200]}"
        return [cores, Finding(part, "TensorFlow", says, mend, broken=True)]
    if seen["backend"] != "tensorflow":
        mend = "export KERAS_BACKEND=tensorflow, or take backend out of keras.json"
        says = f"Keras' backend is {seen['backend']}, and this package needs TensorFlow"
        return [cores, Finding(part, "TensorFlow", says, mend, broken=True)]
    built = f"built for CUDA {seen['cuda_version']}" if seen["cuda"] else "built without CUDA"
    found = [cores, Finding(part, "TensorFlow", f"works, {built}")]
    if seen["gpus"]:
        return found + [Finding(part, f"GPU {k}", name) for k, name in enumerate(seen["gpus"])]
    reason, mend = why_no_gpu(seen["cuda"], said)
    return [*found, Finding(part, "GPU", f"none: {reason}", mend)]


def look() -> tuple[dict[str, Any] | None, str]:
    """Import TensorFlow in another process.

    Returns:
        What it sees, None if it cannot be imported; and what was said on the way.
    """
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            env=environ,
            timeout=PATIENCE,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return None, str(error)
    said = done.stderr.decode(errors="replace")
    if done.returncode < 0:
        return None, f"the import was ended by signal {-done.returncode}"
    try:
        return json.loads(done.stdout.splitlines()[-1]), said
    except (IndexError, ValueError):
        return None, said


def why_no_gpu(cuda: bool, said: str = "") -> tuple[str, str]:
    """Find out why TensorFlow sees no GPU.

    Args:
        cuda: Whether TensorFlow is built for CUDA.
        said: What it said when it was imported.

    Returns:
        The reason, and what to do; empty where nothing can be done.
    """
    driver, shown = has_driver(), os.environ.get(HIDES)
    if driver and shown is not None and (not shown.strip() or shown.strip()[0] == "-"):
        return f"{HIDES} is {shown!r}, which hides all there are", f"unset {HIDES}"
    if not driver:
        hidden = "" if shown is None else f"; {HIDES} is {shown!r} besides"
        return f"this machine has no NVIDIA driver, or shows none to this process{hidden}", ""
    if not cuda:
        return "this TensorFlow is built without CUDA", 'pip install "cervix-tf[gpu]" on Linux'
    if not list(Path("/dev").glob("nvidia[0-9]*")):
        return "there is a driver, and no device /dev/nvidia0", "start the container with its GPU"
    if any(words in said for words in _MISSED):
        return "CUDA's libraries are not found", 'pip install "cervix-tf[gpu]"'
    if shown:
        return f"{HIDES} is {shown!r}, and no such device is here", f"unset {HIDES}"
    lines = [line for line in said.splitlines() if "cuda" in line.lower() or "gpu" in line.lower()]
    return f"TensorFlow says: {lines[-1].strip()[:200] if lines else 'nothing'}", ""


def has_driver() -> bool:
    """Tell whether an NVIDIA driver is here."""
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _cores() -> str:
    every = os.cpu_count() or 1
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else every
    return f"{mine}" if mine == every else f"{mine} of {every}"
