"""Devices that share each batch of a step: TensorFlow's strategies around one loop."""

import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from cervix_tf.errors import UserError
from cervix_tf.recipes import Recipe
from cervix_tf.training.hosts import ALONE, Hosts, hosts_of

# What an operation ends with that another host takes part in, when that host has gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_CHECK_EVERY = 10  # seconds between two looks whether the other hosts answer

Asked = str | int | Sequence[int] | None


@dataclass(frozen=True)
class Devices:
    """One device, or several that each take an equal share of every batch.

    The variables of model and optimiser are held once a host. In a step each device gets their values and
    its share of the batch; the means of gradients and statistics over all devices go into one update,
    the same as on one device.

    Attributes:
        strategy: None for one device.
        name: Of one device; None for TensorFlow's own choice.
        hosts: Those that the devices belong to.
    """

    strategy: tf.distribute.Strategy | None = None
    name: str | None = None
    hosts: Hosts = ALONE

    @property
    def count(self) -> int:
        """How many share a batch."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    def scope(self) -> AbstractContextManager:
        """Where variables are made and networks run, beside the shared steps."""
        return tf.device(self.name) if self.name else nullcontext()

    def check(self, recipe: Recipe) -> None:
        """Refuse a recipe that these devices cannot train together.

        Args:
            recipe: Its batch, `jit` and BatchNorm.

        Raises:
            UserError: The batch is no multiple of the number of devices, or XLA cannot compile the step.
        """
        if recipe.batch_size % self.count:
            raise UserError(
                f"batch_size {recipe.batch_size} cannot be shared equally by {self.count} devices: set "
                f"it to a multiple of {self.count}."
            )
        if recipe.jit is not True or self.count == 1:
            return
        # The variables lie on the first device of a host; XLA on another cannot reach them.
        if self.count > self.hosts.count:
            raise UserError("jit: true is for one device: leave it out, or give --devices 1.")
        if any(stage.batch_norm == "synchronised" for stage in recipe.stages):
            raise UserError("jit: true does not go with batch_norm: synchronised: leave one out.")

    def prefetched(self, stream: tf.data.Dataset) -> tf.data.Dataset:
        """Copy batches to the one device while it is still at work on those before.

        Args:
            stream: Batches in the host's memory.

        Returns:
            The same batches; of several devices, which gather their shares, and of a CPU as they are.
        """
        name = self.name or ("/GPU:0" if tf.config.list_logical_devices("GPU") else None)
        if self.strategy or name is None:
            return stream
        return stream.apply(tf.data.experimental.prefetch_to_device(name, 2))

    def mean_of_shares(self, work: Callable, batch: Sequence, ahead: int) -> tuple[list, list]:
        """Let each device do its share of a batch; inside a compiled function.

        On several hosts the batch is the host's own part of it, the `positions`.

        Args:
            work: Takes the device's number and the parts of its photographs, and returns a list of float
                tensors and a list of others, which are the same on every device.
            batch: Tensors (B, ...), one row a photograph.
            ahead: Photographs that a share has in addition, those that come next in the batch, for
                what mixes each photograph with the next.

        Returns:
            The means of the first list over the devices, and the second list.
        """
        assert self.strategy is not None
        size, local = int(batch[0].shape[0]), self.count // self.hosts.count
        share = (size if self.hosts.count == 1 else size - ahead) // local
        first = self.hosts.number * local

        def replica(*batch):
            context = tf.distribute.get_replica_context()
            number = context.replica_id_in_sync_group
            rows = ((number - first) * share + tf.range(share + ahead)) % size
            floats, others = work(number, *(tf.gather(part, rows) for part in batch))
            # Made here: the strategy of several hosts has to know the device of each.
            floats = [tf.identity(value) for value in floats]
            return context.all_reduce(tf.distribute.ReduceOp.MEAN, floats), others

        shared = self.strategy.run(replica, args=tuple(batch))
        # Every device has them all: the update, on the first, takes that one's.
        return tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], shared
        )

    def positions(self, batch_size: int, ahead: int) -> np.ndarray | None:
        """Which photographs of each batch this host computes, (P,); None for all."""
        if self.hosts.count == 1:
            return None
        share = batch_size // self.hosts.count
        return (self.hosts.number * share + np.arange(share + ahead)) % batch_size

    def total(self, value: np.ndarray) -> np.ndarray:
        """Add up what each host holds: an array of the same shape on all of them."""
        if self.hosts.count == 1:
            return value
        assert self.strategy is not None
        return self.strategy.reduce("SUM", tf.identity(value), axis=None).numpy()

    def from_chief(self, value: np.ndarray) -> np.ndarray:
        """Give every host what the chief holds; the others give an array of the same shape."""
        return self.total(value if self.hosts.chief else np.zeros_like(value))

    def wait(self) -> None:
        """Wait until every host has come here."""
        self.total(np.zeros(1))

    def agree(self, what: str, content: str) -> None:
        """Refuse to go on where the hosts do not hold the same; they wait for each other.

        Args:
            what: What has to be the same.
            content: What this host holds of it.

        Raises:
            UserError: Another host holds something else.
        """
        code = hashlib.blake2b(content.encode(), digest_size=7).digest()
        held = np.zeros(self.hosts.count, "int64")
        held[self.hosts.number] = int.from_bytes(code)
        if len(set(self.total(held).tolist())) > 1:
            raise UserError(
                f"The hosts do not have the same {what}: start all with the same command, the run's "
                "folder on a disk that all of them see."
            )

    @contextmanager
    def watched(self, folder: Path | str) -> Iterator[None]:
        """End the block with one line where another host has gone.

        Args:
            folder: The run's.

        Raises:
            UserError: A host has gone: killed, out of reach, or ended by an error of its own.
        """
        try:
            yield
        except LOST as error:
            if self.hosts.count == 1:
                raise
            tasks = {int(task) for task in re.findall(r"/task:(\d+)", str(error))}
            gone = [self.hosts.addresses[k] for k in sorted(tasks - {self.hosts.number})]
            raise UserError(
                f"The host {' or '.join(gone) or 'of another process'} has gone, and its log says why: "
                f"go on with cervix-tf fit --resume {folder} on the hosts there are."
            ) from error


ONE = Devices()


def devices_of(asked: Asked) -> Devices:
    """Find the devices asked for: of the GPUs there are, or without any, of TensorFlow's CPU devices.

    Args:
        asked: `all`; how many, the first ones; or the numbers of some, as a list or as text with commas
            (`0,2`; of one alone `2,`); `hosts` for all of every host. None for one device, TensorFlow's
            own choice, or for all hosts where `TF_CONFIG` names several.

    Returns:
        The devices.

    Raises:
        UserError: They are not there, or it cannot be read; or the hosts cannot begin.

    Example:
        >>> devices_of(1).count
        1
    """
    hosts = hosts_of(asked)
    if hosts.count > 1:
        return Devices(_of_hosts(hosts), hosts=hosts)
    if asked is None:
        return ONE
    asked = "all" if asked == "hosts" else asked
    there = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    numbers = _numbers(asked, len(there))
    if missing := [n for n in numbers if n >= len(there)]:
        names = ", ".join(device.name.removeprefix("/device:") for device in there)
        raise UserError(
            f"devices {asked}: there is no device {missing[0]} here, but {len(there)} ({names})."
        )
    chosen = [there[n].name for n in numbers]
    if len(chosen) > 1:
        return Devices(_mirrored(tuple(chosen)))
    return Devices(name=chosen[0] if numbers[0] else None)


@functools.cache  # a second strategy of the same devices would take the keys of the first's sums
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    """The strategy of several devices of one host; sums of GPUs are NCCL's."""
    sums = None if "GPU" in names[0] else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(names, cross_device_ops=sums)


@functools.cache
def _of_hosts(hosts: Hosts) -> tf.distribute.Strategy:
    """The strategy of several hosts; waits until all have come."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    by = tf.distribute.experimental.CommunicationImplementation
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": hosts.addresses}),
        task_type="worker",
        task_id=hosts.number,
        rpc_layer="grpc",
        num_accelerators={"GPU": gpus},
    )
    hosts.gather()
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(
            resolver,
            tf.distribute.experimental.CommunicationOptions(
                implementation=by.NCCL if gpus else by.RING
            ),
        )
    except (RuntimeError, tf.errors.OpError) as error:
        if "at program startup" in str(error):
            raise UserError(
                "Several hosts have to begin in a new process: call fit before anything else "
                "computes with TensorFlow."
            ) from error
        raise UserError(
            f"The hosts {', '.join(hosts.addresses)} did not find each other from "
            f"{hosts.addresses[hosts.number]}: {str(error).splitlines()[0]}"
        ) from error
    strategy.extended._check_health_interval = _CHECK_EVERY
    return strategy


def _numbers(asked: str | int | Sequence[int], there: int) -> list[int]:
    """The numbers of the devices asked for, from 0."""
    text = str(asked).strip("[]() ") if not isinstance(asked, str) else asked.strip()
    if text == "all":
        return list(range(there))
    parts = [part.strip() for part in text.split(",") if part.strip()]
    # Not isdecimal, which takes the digits of every alphabet.
    numbers = [int(part) for part in parts if re.fullmatch("[0-9]{1,18}", part)]
    if not parts or len(set(numbers)) < len(parts):
        raise UserError(f"devices {asked}: give all, how many, or numbers from 0 such as 0,2.")
    if "," in text or not isinstance(asked, str | int):
        return numbers
    if numbers[0] < 1:
        raise UserError("devices 0: give how many, from 1; the first alone is '0,'.")
    return list(range(min(numbers[0], there + 1)))  # one too many is enough to be missed
