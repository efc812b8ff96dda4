"""Steps a second of two workers of one core each, beside one worker of one core.

    python -m benchmarks.workers [--rounds 2] [--steps 6] [--write docs/scale.md]

Both take turns; every worker is a process pinned to a core of its own (Linux alone), and two are hosts
that train together over loopback. The same global batches of 32, drawn squares, views included, kernels
of TensorFlow (`jit: false`); the first two steps, which compile, are not timed.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

NETWORK, SIZE, BATCH = "inception", 160, 32


def worker(steps: int) -> None:
    """Train as TF_CONFIG says, and print the seconds a step."""
    from cervix_tf.data import training_stream
    from cervix_tf.recipes import load_recipe
    from cervix_tf.training.beginnings import untrained, view_of
    from cervix_tf.training.devices import devices_of
    from cervix_tf.training.steps import Stepper

    team = devices_of(None)
    keys = {"weights": "none", "name": NETWORK}
    stages = [{"train": "all", "steps": steps + 2}]
    recipe = load_recipe(
        {"model": keys, "image_size": SIZE, "batch_size": BATCH, "stages": stages, "jit": False}
    )
    model = untrained(recipe, 3)
    weights = np.ones(3, "float32")
    stepper = Stepper(model, view_of(recipe, SIZE), recipe, recipe.stages[0], weights, devices=team)
    squares = np.random.default_rng(0).integers(0, 256, (96, SIZE + 22, SIZE + 22, 3), "uint8")
    labels, positions = np.arange(96) % 3, team.positions(BATCH, 0)
    stream = iter(training_stream(squares, labels, BATCH, 0, positions=positions))
    for step in range(steps + 2):
        if step == 2:
            began = time.perf_counter()
        figures = [float(figure) for figure in stepper(*next(stream))]
    assert np.isfinite(figures).all()
    print((time.perf_counter() - began) / steps)


def pinned(count: int, steps: int) -> float:
    """Start so many workers, each on a core of its own; the seconds a step of the slowest."""
    ports = [socket.create_server(("localhost", 0)) for _ in range(count)]
    addresses = [f"localhost:{port.getsockname()[1]}" for port in ports]
    for port in ports:
        port.close()
    started = []
    for index, core in enumerate(sorted(os.sched_getaffinity(0))[:count]):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.workers", "--worker", "--steps", str(steps)],
                env={**os.environ, "TF_CONFIG": config, "TF_CPP_MIN_LOG_LEVEL": "3"},
                preexec_fn=lambda core=core: os.sched_setaffinity(0, {core}),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        )
    said = [process.communicate()[0] for process in started]
    return max(float(text.split()[-1]) for text in said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help="a page with markers for the table")
    chosen = parser.parse_args()
    if chosen.worker:
        worker(chosen.steps)
        return
    from benchmarks.tables import machine, markdown, write

    turns = []
    for _ in range(chosen.rounds):
        turns.append([pinned(count, chosen.steps) for count in (1, 2)])
        print(*(f"{seconds:.2f} s a step" for seconds in turns[-1]), os.getloadavg(), flush=True)
    one, two = np.median(turns, axis=0)
    row = (
        f"Steps of `{NETWORK}` at {SIZE}, {BATCH} photographs, of two workers of one core each, compared "
        f"with one of one core ({one:.2f} s a step)",
        f"{two:.2f} s a step",
        f"{np.median([a / b for a, b in turns]):.2f}",
        "1.7",
    )
    head = f"On drawn squares, seed 0, {chosen.rounds} rounds. {machine('tensorflow keras')}"
    table = markdown(head, [row])
    print(table)
    if chosen.write:
        write(chosen.write, "workers", table)


if __name__ == "__main__":
    main()
