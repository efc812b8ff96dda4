"""Devices that share each batch of a step: TensorFlow's strategies around one loop."""

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import tensorflow as tf

from cervix_tf.errors import UserError

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
    """

    strategy: tf.distribute.Strategy | None = None
    name: str | None = None

    @property
    def count(self) -> int:
        """How many share a batch."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    def scope(self) -> AbstractContextManager:
        """Where variables are made and networks run, beside the shared steps."""
        return tf.device(self.name) if self.name else nullcontext()

    def check(self, batch_size: int) -> None:
        """Refuse a batch that cannot be shared equally.

        Args:
            batch_size: Photographs a step.

        Raises:
            UserError: It is no multiple of the number of devices.
        """
        if batch_size % self.count:
            raise UserError(
                f"batch_size {batch_size} cannot be shared equally by {self.count} devices: set it to "
                f"a multiple of {self.count}."
            )

    def mean_of_shares(self, work: Callable, batch: Sequence, ahead: int) -> tuple[list, list]:
        """Let each device do its share of a batch; inside a compiled function.

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
        size = int(batch[0].shape[0])
        share = size // self.count

        def replica(*batch):
            context = tf.distribute.get_replica_context()
            number = context.replica_id_in_sync_group
            rows = (number * share + tf.range(share + ahead)) % size
            floats, others = work(number, *(tf.gather(part, rows) for part in batch))
            return context.all_reduce(tf.distribute.ReduceOp.MEAN, floats), others

        shared = self.strategy.run(replica, args=tuple(batch))
        # Every device has them all: the update, on the first, takes that one's.
        return tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], shared
        )


ONE = Devices()


def devices_of(asked: Asked) -> Devices:
    """Find the devices asked for: of the GPUs there are, or without any, of TensorFlow's CPU devices.

    Args:
        asked: `all`; how many, the first ones; or the numbers of some, as a list or as text with commas
            (`0,2`; of one alone `2,`). None for one device, TensorFlow's own choice.

    Returns:
        The devices.

    Raises:
        UserError: They are not there, or it cannot be read.

    Example:
        >>> devices_of(1).count
        1
    """
    if asked is None:
        return ONE
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


def _numbers(asked: str | int | Sequence[int], there: int) -> list[int]:
    """The numbers of the devices asked for, from 0."""
    text = str(asked).strip("[]() ") if not isinstance(asked, str) else asked.strip()
    if text == "all":
        return list(range(there))
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise UserError(f"devices {asked}: give all, how many, or numbers from 0 such as 0,2.")
    if "," in text or not isinstance(asked, str | int):
        return [int(part) for part in parts]
    if int(text) < 1:
        raise UserError("devices 0: give how many, from 1; the first alone is '0,'.")
    return list(range(int(text)))
