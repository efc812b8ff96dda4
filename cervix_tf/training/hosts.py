"""Hosts that train one model together, as the environment names them."""

import json
import logging
import os
import socket
import time
from dataclasses import dataclass

from cervix_tf.errors import UserError

log = logging.getLogger(__name__)
SAY_EVERY = 60  # seconds between two lines on hosts that have not come
PORTS = (10000, 20000)  # on Slurm: the first, and how many; the job's number chooses one


@dataclass(frozen=True)
class Hosts:
    """The processes that train one model together, one a host; by default this one alone.

    Attributes:
        addresses: `HOST:PORT` of each, the chief's first.
        number: Which of them this process is.
    """

    addresses: tuple[str, ...] = ("localhost:0",)
    number: int = 0

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.addresses)

    @property
    def chief(self) -> bool:
        """Whether this is the one that writes."""
        return self.number == 0

    def gather(self) -> None:
        """Wait until every host has come, and once a minute name those that have not.

        TensorFlow waits for them too, but without a word, and deaf to Ctrl-C and SIGTERM.

        Raises:
            UserError: The port of this host is taken.
        """
        _, _, port = self.addresses[self.number].rpartition(":")
        missing = [address for k, address in enumerate(self.addresses) if k != self.number]
        said = time.monotonic()
        try:
            with socket.create_server(
                ("", int(port))
            ):  # what the others find until TensorFlow listens
                while missing := [address for address in missing if not _answers(address)]:
                    if time.monotonic() - said >= SAY_EVERY:
                        said = time.monotonic()
                        log.warning("Waiting for hosts that have not come: %s", ", ".join(missing))
                    time.sleep(0.2)
        except OSError as error:
            raise UserError(
                f"Port {port} of this host, {self.addresses[self.number]}, cannot be used: "
                f"{error.strerror}. End what uses it, or name another port."
            ) from error


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        return True
    except OSError:
        return False


ALONE = Hosts()


def hosts_of(asked: object = None) -> Hosts:
    """Find the hosts that are to train together.

    `TF_CONFIG`, as Kubeflow and Vertex AI set it, counts where it names several; Slurm's tasks where
    `hosts` is asked for, since every process in a Slurm job knows of them.

    Args:
        asked: `hosts`; anything else stands for devices of this host.

    Returns:
        The hosts; `ALONE` where there is no other.

    Raises:
        UserError: There are none where `hosts` is asked for, `TF_CONFIG` cannot be read, or names
            several where devices of one are asked for.

    Example:
        >>> hosts_of().count
        1
    """
    named = _of_tf_config(os.environ.get("TF_CONFIG") or "{}")
    if asked != "hosts":
        if named is None or named.count == 1:
            return ALONE
        if asked is not None:
            raise UserError(
                f"devices {asked}: TF_CONFIG names {named.count} hosts, which take all devices they "
                "have: leave out --devices, or unset TF_CONFIG."
            )
        return named
    if named is None and "SLURM_STEP_NODELIST" in os.environ:
        named = _of_slurm()
    if named is None:
        raise UserError(
            "devices hosts: neither TF_CONFIG nor Slurm (srun) names any: set TF_CONFIG, or leave "
            "out --devices hosts."
        )
    return named


def alone(verb: str, instead: str, asked: object = None) -> None:
    """Refuse hosts that train together, in a verb that does not.

    Args:
        verb: The verb.
        instead: What to do.
        asked: As `hosts_of` takes it.

    Raises:
        UserError: The environment names several hosts.
    """
    if (count := hosts_of(asked).count) > 1:
        raise UserError(
            f"{count} hosts are named, and {verb} does not share batches among hosts: {instead}, "
            "without TF_CONFIG and --devices hosts."
        )


def _of_tf_config(text: str) -> Hosts | None:
    """The hosts that the variable's JSON names, the chief first; None where it names none."""
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster") or {}, config.get("task") or {}
        jobs = {job: [str(address) for address in cluster[job]] for job in cluster}
        if not jobs:
            return None
        kind, index = task["type"], int(task["index"])
        if kind not in ("chief", "worker"):
            raise UserError(
                f"TF_CONFIG calls this process {kind} {index}: only chief and worker train; start "
                "no other."
            )
        before = len(jobs.get("chief", [])) if kind == "worker" else 0
        if not 0 <= index < len(jobs[kind]):
            raise IndexError(index)
        return Hosts((*jobs.get("chief", ()), *jobs.get("worker", ())), before + index)
    except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            'TF_CONFIG cannot be read: give {"cluster": {"worker": ["HOST:PORT", ...]}, "task": '
            '{"type": "worker", "index": NUMBER}}, or unset it.'
        ) from error


def _of_slurm() -> Hosts:
    """The tasks of this step of a Slurm job, in the order of their numbers."""
    import tensorflow as tf

    # Only what it reads of the environment: its own addresses are sorted by the hosts' names, which
    # gives node10 the number of node9, and it finds none without GPUs.
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        gpus_per_node=0, gpus_per_task=0, auto_set_gpu=False
    )
    first, among = PORTS
    port = first + int(os.environ.get("SLURM_JOB_ID", 0)) % among
    tasks = resolver._resolve_task_configuration()
    addresses = [f"{host}:{port + k}" for host, count in tasks.items() for k in range(count)]
    return Hosts(tuple(addresses), resolver._resolve_own_rank())
