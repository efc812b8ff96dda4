"""Hosts that train one model together, as the environment names them."""

import json
import logging
import os
import re
import socket
import time
from dataclasses import dataclass
from itertools import product

from cervix_tf.errors import UserError

log = logging.getLogger(__name__)
SAY_EVERY = 60  # seconds between two lines on hosts that have not come
PORTS = (10000, 20000)  # on Slurm: the first, and how many; the job's number chooses one
_SLURM = (
    "SLURM_PROCID",
    "SLURM_JOB_ID",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_STEP_NODELIST",
    "SLURM_STEP_TASKS_PER_NODE",
)
_ADDRESS = re.compile(  # labels as long as a name's may be; an address of IPv6 in brackets
    r"([\w-]{1,63}(?:\.[\w-]{1,63})*\.?|\[[\w:.%]+\]):([0-9]{1,5})", re.ASCII
)


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
            UserError: The port of this host is taken, or another's address is this process's own.
        """
        port = int(self.addresses[self.number].rpartition(":")[2])
        missing = [address for k, address in enumerate(self.addresses) if k != self.number]
        said = time.monotonic()
        try:
            with socket.create_server(("", port)):  # what the others find until TensorFlow listens
                while missing := [address for address in missing if not _answers(address, port)]:
                    if time.monotonic() - said >= SAY_EVERY:
                        said = time.monotonic()
                        log.warning("Waiting for hosts that have not come: %s", ", ".join(missing))
                    time.sleep(0.2)
        except OSError as error:
            raise UserError(
                f"Port {port} of this host, {self.addresses[self.number]}, cannot be used: "
                f"{error.strerror}. End what uses it, or name another port."
            ) from error


def _answers(address: str, own: int) -> bool:
    """Whether a host listens there; one that is this process, which has the port `own`, is refused."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as found:
            there, here = found.getpeername()[0], found.getsockname()[0]
    except OSError:
        return False
    # Whoever asks a machine from itself has the address that it asks, or one of the loopback.
    if int(port) == own and (there == here or there.startswith("127.")):
        raise UserError(
            f"{address}, another host's address, is this process itself: give each host an address and "
            "an index of its own in TF_CONFIG."
        )
    return True


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
        jobs, task = config.get("cluster") or {}, config.get("task") or {}
        lists = [isinstance(addresses, list) for addresses in jobs.values()]
        if not jobs:
            return None
        kind, index = str(task["type"]), str(task["index"])
        if not (all(lists) and re.fullmatch("[0-9]{1,9}", index)):
            raise TypeError(text)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            'TF_CONFIG cannot be read: give {"cluster": {"worker": ["HOST:PORT", ...]}, "task": '
            '{"type": "worker", "index": NUMBER}}, or unset it.'
        ) from error
    if others := [job for job in (*jobs, kind) if job not in ("chief", "worker")]:
        raise UserError(
            f"TF_CONFIG names {others[0]!r}, and only chief and worker train: name no other."
        )
    if int(index) >= len(jobs.get(kind, ())):
        raise UserError(
            f"TF_CONFIG calls this process {kind} {index}, and names {len(jobs.get(kind, ()))} of that "
            "kind, counted from 0: mend the index, or the list."
        )
    chiefs = jobs.get("chief", [])
    addresses = (*chiefs, *jobs.get("worker", ()))
    _check_addresses(addresses)
    return Hosts(addresses, int(index) + (len(chiefs) if kind == "worker" else 0))


def _check_addresses(addresses: tuple) -> None:
    """Refuse what is no address, and two hosts of one: each would take itself for the other."""
    known = set()
    for address in addresses:
        found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if not found or not 1 <= int(found[2]) <= 65535:
            raise UserError(
                f"TF_CONFIG names the address {address!r}: give HOST:PORT, the port from 1 to 65535."
            )
        one = found[1].lower(), int(found[2])
        if one in known:
            raise UserError(
                f"TF_CONFIG names {address} twice: give each host an address of its own."
            )
        known.add(one)


def _of_slurm() -> Hosts:
    """The tasks of this step of a Slurm job, in the order of their numbers.

    TensorFlow's resolver is not taken: it reads no list of several brackets, sorts hosts by their names,
    which gives node10 the number of node9, and finds none without GPUs.
    """
    given = {name: os.environ.get(name, "") for name in _SLURM}
    own, job, count, nodes, per_node = given.values()
    first, among = PORTS
    try:
        parts = [part.removesuffix(")").partition("(x") for part in per_node.split(",")]
        tasks = [int(many) for many, _, times in parts for _ in range(int(times or 1))]
        port = first + int(job) % among
        addresses = tuple(
            f"{name}:{port + k}"
            for name, many in zip(_node_names(nodes), tasks, strict=True)
            for k in range(many)
        )
        whole = 0 <= int(own) < int(count) == len(addresses) and all(
            map(_ADDRESS.fullmatch, addresses)
        )
    except ValueError:
        whole = False
    if not whole:
        said = ", ".join(f"{name}={value}" for name, value in given.items())
        raise UserError(
            f"Slurm's variables do not name the tasks of a step ({said}): start fit by srun, or set "
            "TF_CONFIG."
        )
    return Hosts(addresses, int(own))


def _node_names(nodes: str) -> list[str]:
    """The names that Slurm's list stands for, such as `rack[0-1]n[08-11,14],other`, in its order."""
    names: list[str] = []
    for part in re.split(r",(?![^\[]*\])", nodes):
        pieces = re.split(r"\[([0-9,-]+)\]", part)  # every second one stood in brackets
        names += map("".join, product(*(_range(x) if k % 2 else [x] for k, x in enumerate(pieces))))
    return names


def _range(text: str) -> list[str]:
    """The numbers of `08-11,14`, each as wide as the first of its range."""
    ends = (one.partition("-") for one in text.split(","))
    return [
        f"{number:0{len(low)}}"
        for low, _, high in ends
        for number in range(int(low), int(high or low) + 1)
    ]
