"""A run's folder, taken by the one process that trains the run."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from cervix_tf.data.outputs import check_no_photographs
from cervix_tf.errors import UserError
from cervix_tf.files import check_output, disk_errors

LOCK = "training.lock"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a folder for this process while a run is trained in it.

    The lock is the system's: it ends with its process, however that ends. A folder that is empty at the
    end is removed.

    Args:
        folder: The run's folder; made if missing.

    Raises:
        UserError: Another process trains there, or the folder cannot be written.

    Example:
        >>> with claimed(Path("runs/second")):
        ...     pass
    """
    check_output(folder, "folder")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        try:
            # A killed process keeps its lock until the last of its threads has ended.
            lock.acquire(timeout=1)
        except Timeout:
            raise UserError(
                f"{folder} is being trained by another process: wait for it, or choose another --run."
            ) from None
    try:
        yield
    finally:
        with suppress(OSError):  # the folder may be gone
            (folder / LOCK).unlink()
        lock.release()
        with suppress(OSError):  # not empty
            folder.rmdir()


def is_claimed(folder: Path) -> bool:
    """Tell whether another process has the folder, were it one that is stopped and gives no sign of life.

    Args:
        folder: The run's folder, there or not.

    Returns:
        Whether `claimed` would be refused.

    Example:
        >>> is_claimed(Path("runs/second"))
        False
    """
    if not (folder / LOCK).is_file():
        return False
    lock = FileLock(folder / LOCK)
    try:
        with disk_errors(folder):
            lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def check_free(folder: Path) -> None:
    """Refuse a folder that holds a run, or photographs.

    Args:
        folder: Where a run is to begin.

    Raises:
        UserError: Another lies there, or it is the photographs' own folder.
    """
    if (folder / "recipe.yaml").exists():
        raise UserError(
            f"{folder} holds a run already: choose another --run, or --resume {folder}."
        )
    check_no_photographs(folder)


def new_folder(model: str) -> Path:
    """Make a folder `runs/MODEL-DATE-TIME` that no other fit has, not even one of the same second.

    Args:
        model: The network's name.

    Returns:
        The folder.

    Raises:
        UserError: It cannot be made.
    """
    name = f"{model.replace('keras:', '')}-{datetime.now():%Y%m%d-%H%M%S}"
    folder, again = Path("runs") / name, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            again += 1
            folder = Path("runs") / f"{name}-{again}"
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(
                f"{folder} cannot be made: {reason}; name another with --run."
            ) from error
