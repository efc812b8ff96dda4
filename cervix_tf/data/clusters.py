"""The same work for many items on a Ray cluster: one of this machine, or one that is running."""

import contextlib
import functools
import logging
import os
import pickle
import shutil
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from cervix_tf.data.photographs import cores
from cervix_tf.errors import UserError, need_package

RETRIES = 4  # of an item whose worker died
IDLE = 3600  # seconds without a result: longer than a slow part, or a queue for the cluster
OBJECTS = 256 << 20  # bytes for items and results on their way, on this machine
_PATIENCE = 5.0  # seconds for a cluster to answer

Work = Callable[[Any], Any]


@dataclass(frozen=True)
class Workers:
    """Which workers a cluster has room for.

    Attributes:
        cpus: Of each.
        gpus: Of each.
        count: Their number at the most.
    """

    cpus: int
    gpus: int
    count: int


def check_cluster(address: str) -> None:
    """Refuse what is no address, or one where nobody answers; nothing is started.

    Args:
        address: `local`, for a cluster of this machine alone that is closed afterwards; `auto`, for the
            one that runs on this machine or that `RAY_ADDRESS` names; or `HOST:PORT` of one's head.

    Raises:
        UserError: It is none of these, nobody answers there, or Ray is not installed.
    """
    for package in ("ray", "pyarrow"):
        need_package(package, "ray")
    if address in ("local", "auto"):
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        raise UserError(
            f"--ray {address}: give local, auto, or HOST:PORT of a cluster that this machine is part "
            "of, such as 10.0.0.1:6379."
        )
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address) from error


def each(
    make: Callable[[], Work], items: Sequence[Any], address: str, whole: bool, gpus: bool = False
) -> Generator[Any, None, None]:
    """Do a piece of work for each item on a cluster, by Ray Data, in whatever order they come.

    An item whose worker or machine dies is done again by another, up to four times. The cluster is left,
    or closed if it was started here, however this ends.

    Args:
        make: Called once in every worker; gives what takes an item and returns its result. A `UserError`
            of either ends all.
        items: What is worked on; they, and the results, are pickled.
        address: As `check_cluster` takes it.
        whole: Whether a worker takes a machine, or one core; with GPUs, one GPU and its share of cores.
        gpus: Whether the work can use GPUs: where there are any, only they work.

    Yields:
        The result of each item, once.

    Raises:
        UserError: The cluster cannot be reached, has no core, ended, or gave nothing for an hour.
    """
    if not items:
        return
    with _cluster(address):
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = workers(nodes, whole, gpus)
        count = min(room.count, len(items))
        rows = [{"item": pickle.dumps(item)} for item in items]
        with warnings.catch_warnings():  # 2.60 has no other way to say how often
            warnings.simplefilter("ignore")
            done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Worker,
                fn_constructor_args=(make,),
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=count, max_size=count),
                num_cpus=room.cpus,
                num_gpus=room.gpus,
                ray_remote_args_fn=lambda: {"max_task_retries": RETRIES},
            )
        try:
            for row in done.iter_rows():
                result = pickle.loads(row["result"])
                if isinstance(result, _Mistake):
                    raise UserError(result.message)
                yield result
        except ray.data.exceptions.ExecutionTimeoutError as error:
            raise UserError(
                f"The Ray cluster gave no result for {IDLE / 60:g} minutes: see `ray status`, and give "
                "the same command again, which keeps what is finished."
            ) from error
        except ray.exceptions.RayTaskError:
            raise  # a fault of the work, not of the cluster
        except ray.exceptions.RayError as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"The Ray cluster ended the work ({reason.rstrip('.')}): give the same command again, "
                "which keeps what is finished."
            ) from error


def workers(nodes: Sequence[dict[str, float]], whole: bool, gpus: bool = False) -> Workers:
    """Share out the machines of a cluster.

    Args:
        nodes: The `CPU` and `GPU` of each.
        whole: As `each` takes it. Of machines of several sizes a worker takes the largest with which
            three quarters of the cores work; with GPUs, what the least of them has.
        gpus: As `each` takes it.

    Returns:
        The workers that they have room for.

    Raises:
        UserError: They have no core.

    Example:
        >>> workers([{"CPU": 16, "GPU": 2}, {"CPU": 8}], whole=True, gpus=True)
        Workers(cpus=8, gpus=1, count=2)
    """
    sizes = [(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in nodes]
    with_gpus = [(cpu, gpu) for cpu, gpu in sizes if cpu and gpu]
    if gpus and with_gpus:
        cpus = max(1, min(cpu // gpu for cpu, gpu in with_gpus))
        return Workers(cpus, 1, sum(min(gpu, cpu // cpus) for cpu, gpu in with_gpus))
    known = [cpu for cpu, _ in sizes if cpu]
    if not known:
        raise UserError("The Ray cluster has no CPU to work on: see `ray status`.")

    def working(cpus: int) -> int:
        return cpus * sum(cpu // cpus for cpu in known)

    enough = 0.75 * sum(known)
    cpus = max(known, key=lambda cpus: (min(working(cpus), enough), cpus)) if whole else 1
    return Workers(cpus, 0, working(cpus) // cpus)


@dataclass(frozen=True)
class _Mistake:
    """What is to be raised where the command was given."""

    message: str


class _Worker:
    """An actor: makes what works when the first item comes, and keeps it."""

    def __init__(self, make: Callable[[], Work]):
        self._make = functools.cache(make)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list]:
        """Work on one item."""
        try:
            result = self._make()(pickle.loads(batch["item"][0]))
        except UserError as error:
            result = _Mistake(f"On {socket.gethostname()}: {error}")
        return {"result": [pickle.dumps(result)]}


@contextmanager
def _cluster(address: str) -> Iterator[None]:
    """Connect, unless this process is connected; say little; leave again what was connected."""
    check_cluster(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray
    import ray.data

    with ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(_WithoutRay(sys.stdout)))
        if not ray.is_initialized():
            connect(address, stack)
        elif address not in ("local", "auto", ray.get_runtime_context().gcs_address):
            raise UserError(
                f"--ray {address}: this process is connected to another cluster: call ray.shutdown()."
            )
        context, log = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
        settings = {"enable_progress_bars": False, "execution_no_progress_timeout_s": IDLE}
        for name, value in settings.items():
            stack.callback(setattr, context, name, getattr(context, name))
            setattr(context, name, value)
        stack.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)  # what ends the work is raised
        yield


def connect(address: str, stack: ExitStack) -> None:
    """Connect this process to a cluster, or start one, until the stack is unwound.

    Args:
        address: As `check_cluster` takes it.
        stack: What closes it.

    Raises:
        UserError: Nobody answers.
    """
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        # Of its own, since another user's lies in Ray's; short, for the paths of sockets.
        folder = tempfile.mkdtemp(prefix="ray-", dir=os.environ.get("RAY_TMPDIR", "/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        quiet |= {"num_cpus": cores(), "object_store_memory": OBJECTS, "include_dashboard": False}
        quiet |= {"_temp_dir": folder}
    stack.callback(ray.shutdown)
    try:
        with _mute():
            ray.init(address, **quiet)
    except Exception as error:  # Ray's have no class in common
        raise _refused(address, error) from error


@contextmanager
def _mute() -> Iterator[None]:
    """Drop what C++ writes to standard error, such as Ray's own log level."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


class _WithoutRay:
    """Standard output without what Ray's threads print there: of a dead worker, a line elsewhere."""

    def __init__(self, out: TextIO):
        self._out = out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)

    def write(self, text: str) -> int:
        """Write, if it is not Ray that writes."""
        if not threading.current_thread().name.startswith("ray_"):
            return self._out.write(text)
        if "worker died" in text:
            print("A worker of the cluster died; its work is done again.", file=sys.stderr)
        return len(text)


def _unreachable(address: str) -> UserError:
    where = "on this machine" if address == "auto" else f"at {address}"
    return UserError(
        f"No Ray cluster answers {where}: start one with `ray start --head`, or give --ray local."
    )


def _refused(address: str, error: Exception) -> UserError:
    """Word why Ray could not be started or joined."""
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    if address == "local":
        return UserError(f"Ray cannot be started here ({reason}): leave out --ray.")
    if "InvalidAuthToken" in f"{error} {error.__cause__}":
        return UserError(
            f"--ray {address}: the cluster wants its token: set RAY_AUTH_MODE=token, and have the file "
            "~/.ray/auth_token of the machine where it was started."
        )
    if address == "auto" and isinstance(error, ConnectionError) and not error.__cause__:
        return _unreachable(address)
    return UserError(
        f"--ray {address}: Ray cannot be used ({reason}). The machine that gives the command must be "
        "part of the cluster: `ray start --address=HOST:PORT` makes it so."
    )
