"""Processes of their own, forked from one that has imported TensorFlow, which takes seconds."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from cervix_tf.commands.printing import import_tensorflow

import_tensorflow()
import tensorflow as tf  # noqa: E402

from cervix_tf import cli  # noqa: E402, F401
from cervix_tf.training import cross_validation  # noqa: E402, F401

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])  # found where tests run, in the project's folder


def forked(work: Callable, *given, said: Path, **environment: str) -> ForkServerProcess:
    """Start a process that does some work; what it prints goes to `said`.out and `said`.err.

    The work is a function of a module, which the process imports.
    """
    process = _context.Process(target=_work, args=(work, given, said, environment), daemon=True)
    process.start()
    return process


def _work(work: Callable, given: tuple, said: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    for number, ending in ((1, ".out"), (2, ".err")):
        file = os.open(f"{said}{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(file, number)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    work(*given)
