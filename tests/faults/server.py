"""A process that has imported everything, and forks for each command line that it is told to run.

It reads a case a line, as JSON, and answers with exit code, seconds and calls. A fork takes a hundredth
of the time of TensorFlow's import, and each case is a process with signals and streams of its own.
"""

import contextlib
import ctypes
import io
import json
import mmap
import os
import signal
import sys
import time
from pathlib import Path

KINDS = ("open", "write", "create", "read")
IDLE = 240.0  # seconds without a hundredth of processor time after which a command hangs
LIMIT = 1800.0  # seconds after which it does in any case


def main() -> None:
    """Serve until standard input ends."""
    from cervix_tf import cli
    from cervix_tf.commands.printing import import_tensorflow

    import_tensorflow()
    import cv2, keras, matplotlib.pyplot, pandas, sklearn.manifold  # noqa: E401, F401, I001

    shared = mmap.mmap(-1, 4096)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(shared))  # libraries write while Python ends
    counters = (ctypes.c_long * 5).from_buffer(shared)
    print("ready", flush=True)
    for line in sys.stdin:
        case = json.loads(line)
        ctypes.memset(counters, 0, ctypes.sizeof(counters))
        began = time.monotonic()
        child = os.fork()
        if not child:
            _become(case, counters)
            cli.main()
            sys.exit(0)
        code = _watch(child, case, began)
        seen = dict(zip((*KINDS, "injected"), counters, strict=True))
        print(json.dumps({"code": code, "seconds": time.monotonic() - began, **seen}), flush=True)


def _watch(child: int, case: dict, began: float) -> int | None:
    """Wait for a command; damage the cache where it stops for that, signal it when it is time."""
    sent, used, since = False, -1, began
    while time.monotonic() - began < LIMIT and time.monotonic() - since < IDLE:
        if (now := _used(child)) != used:
            used, since = now, time.monotonic()
        ended, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if ended and os.WIFSTOPPED(status):
            damage(Path(case["cache"]), case["damage"])
            os.kill(child, signal.SIGCONT)
        elif ended:
            return os.waitstatus_to_exitcode(status)
        if not sent and case.get("after") and time.monotonic() - began > case["after"]:
            sent = True
            os.kill(child, case["signal"])
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _used(child: int) -> int:
    """Processor time of a process so far, in hundredths of a second: a busy machine is no hang."""
    fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _become(case: dict, counters: ctypes.Array) -> None:
    """Be the command: its folder, streams, environment and arguments; then arm the fault."""
    os.chdir(case["folder"])
    os.environ.update(case["set"])
    for name in case["unset"]:
        os.environ.pop(name, None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        target = case[name]
        if target == "closed":
            os.close(number)
            setattr(sys, name, None)
            continue
        if target == "pipe":  # whose reader has gone
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer, number)
        else:
            os.dup2(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
        raw = io.open(number, "wb", buffering=0 if number == 2 else -1, closefd=False)  # noqa: SIM115, UP020
        stream = io.TextIOWrapper(
            raw, case["encoding"], "strict" if number == 1 else "backslashreplace",
            write_through=number == 2,
        )  # fmt: skip
        setattr(sys, name, stream)
    sys.argv = ["cervix-tf", *case["words"]]
    ctypes.CDLL(None).faults_arm(
        counters, case["within"].encode(), KINDS.index(case["call"]), ctypes.c_long(case["nth"]),
        case["action"], case["sticky"],
    )  # fmt: skip


def damage(cache: Path, how: str) -> None:
    """Delete, cut or flip every file of a cache, where it lies."""
    for path in [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"]:
        with contextlib.suppress(OSError):
            if how == "deleted":
                path.unlink()
                continue
            middle = path.stat().st_size // 2
            if how == "cut":
                os.truncate(path, middle)
            else:
                with path.open("r+b") as file:
                    file.seek(middle)
                    byte = file.read(1)
                    file.seek(middle)
                    file.write(bytes(255 - value for value in byte))


if __name__ == "__main__":
    main()
