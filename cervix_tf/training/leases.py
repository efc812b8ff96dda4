"""A lease: work in a shared folder that one process has at a time, on whatever machine it runs."""

import itertools
import json
import os
import platform
import threading
import time
import uuid
from pathlib import Path

from cervix_tf.errors import UserError
from cervix_tf.files import disk_errors, is_temporary

BEAT = 15.0  # seconds between two signs of life
GRACE = 120.0  # seconds without one after which another process may take over
FREE = "free"


class LeaseLost(Exception):
    """Another process has taken over: this one gave no sign of life for too long."""


class Lease:
    """A lock that ends with its holder, also where that is another machine.

    The folder holds one file, named by a number. Who takes the lease makes the file of the next number,
    which only one can do, and removes the older. The holder writes into it every `BEAT` seconds. A
    file that has not changed for `GRACE` seconds, by the clock of the process that looks, is free: no two
    machines' clocks are compared. Of two looks further apart than a beat, one beat counts, so that
    nobody is declared dead because the disk, or the one who looks, stood still. A holder that has ended
    on the same machine is known at once.

    Args:
        folder: Made if missing; it holds nothing else.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._file: Path | None = None
        self._stop, self._thread = threading.Event(), threading.Thread()
        self._seen, self._looked, self._silent = "", 0.0, 0.0

    def take(self) -> bool:
        """Take the lease unless another has it; whether it was taken."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            last = max(self._numbers(), default=0)
            if last and not self._is_free(self.folder / str(last)):
                return False
            file = self.folder / str(last + 1)
            try:
                handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                return False
            with os.fdopen(handle, "w") as opened:
                opened.write(_signed(0))
            numbers = self._numbers()
            if max(numbers) > last + 1:  # others came and went since we looked
                file.unlink(missing_ok=True)
                return False
            for number in numbers:
                if number <= last:
                    (self.folder / str(number)).unlink(missing_ok=True)
        self._file, self._stop = file, threading.Event()
        self._thread = threading.Thread(target=_beat, args=(file, self._stop), daemon=True)
        self._thread.start()
        return True

    def release(self) -> None:
        """Leave the lease to the next, if this process still has it."""
        if self._file is None:
            return
        self._stop.set()
        self._thread.join()
        try:
            _overwrite(self._file, FREE)
        except FileNotFoundError:  # taken over
            pass
        finally:
            self._file = None

    def check(self) -> None:
        """Raise `LeaseLost` if another process has taken over."""
        try:
            assert self._file is not None
            os.close(os.open(self._file, os.O_WRONLY))  # asks the server, as `exists` need not
        except FileNotFoundError:
            raise LeaseLost(
                f"is left to another process: this one gave no sign of life for {GRACE:.0f} seconds."
            ) from None

    def __enter__(self) -> None:
        """Wait until the lease is ours."""
        pause = 0.001
        while not self.take():
            time.sleep(pause)
            pause = min(2 * pause, 0.2)

    def __exit__(self, *_) -> None:
        self.release()

    def _numbers(self) -> list[int]:
        return [int(name) for name in os.listdir(self.folder) if name.isdecimal()]

    def _is_free(self, file: Path) -> bool:
        try:
            text = file.read_text(errors="replace")
        except FileNotFoundError:  # taken over in this moment
            return False
        if text == FREE or _ended_here(text):
            return True
        now, seen = time.monotonic(), f"{file.name} {text}"
        since = min(now - self._looked, BEAT)
        self._silent = self._silent + since if seen == self._seen else 0.0
        self._seen, self._looked = seen, now
        return self._silent > GRACE


def check_ours(folder: Path, mark: str, ours: set[str], option: str) -> None:
    """Refuse a folder of other things before anything, were it a lease, is made in it.

    Args:
        folder: The shared folder, there or not.
        mark: The file in it that says it is ours.
        ours: What a kill may leave without it.
        option: The command line's, for the error.
    """
    with disk_errors(folder):
        paths = list(folder.iterdir()) if folder.exists() else []
    # Looked for second: another process may be writing it, and then what is ours besides.
    if {path.name for path in paths if not is_temporary(path)} - ours and not (
        folder / mark
    ).is_file():
        raise UserError(f"{folder} holds other things: choose another {option} folder.")


def _beat(file: Path, stop: threading.Event) -> None:
    """Give signs of life until told to stop, or until another has taken over."""
    for count in itertools.count(1):
        if stop.wait(BEAT):
            return
        try:
            _overwrite(file, _signed(count))
        except FileNotFoundError:
            return
        except OSError:  # a disk that is away for a while
            continue


def _overwrite(file: Path, text: str) -> None:
    """Write into a file that is there; never make one."""
    with os.fdopen(os.open(file, os.O_WRONLY), "w") as opened:
        opened.write(text)
        opened.truncate()


def _signed(count: int) -> str:
    """Who holds the lease, and how many signs of life it has given."""
    pid = os.getpid()
    held = {"host": platform.node(), "machine": _machine(), "pid": pid, "began": _began(pid)}
    return json.dumps({**held, "beat": f"{count:08d}"})


def _ended_here(text: str) -> bool:
    """Whether the holder was a process of this machine and has ended."""
    try:
        holder = json.loads(text)
        machine, pid, began = holder["machine"], int(holder["pid"]), holder["began"]
    except (ValueError, TypeError, KeyError):  # being written, or damaged
        return False
    return machine == _machine() and began != _began(pid)


def _machine() -> str:
    """What processes have in common that see one another's numbers: kernel and container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return f"{platform.node()} {uuid.getnode()}"


def _began(pid: int) -> str | None:
    """When a process of this machine began, as far as the system says; None if it has ended."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    if os.name == "posix":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
    return ""
