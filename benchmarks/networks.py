"""Images a second of the native networks beside Keras', prediction and training step.

    python -m benchmarks.networks [--batch 8] [--rounds 5] [--size 224] [--profile]

`inception` is set beside `keras.applications.InceptionV3` and `resnet` beside `ResNet101`, all with
the same three-class head and preprocessing inside, random weights, and one TensorFlow graph a step (XLA
made all of them slower on a CPU). The four take turns in one run, so that a machine that is busy for a
while slows all alike; the median over the rounds counts. `--profile` adds which kernels the time of the
native networks goes to.
"""

import argparse
import collections
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cervix_tf import models

PAIRS = {"inception": "keras:InceptionV3", "resnet": "keras:ResNet101"}


def steps(name, batch, size):
    """Build one network and compile its prediction and its training step."""
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(0, 255, (batch, size, size, 3)).astype("float32"))
    labels = tf.constant(np.arange(batch) % 3)
    model = models.build(name, image_size=size)
    optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
    optimizer.build(model.trainable_variables)

    @tf.function
    def predict():
        return model(images, training=False)

    @tf.function
    def train():
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(
                labels, model(images, training=True)
            )
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    for step in (predict, train):  # traced, and its memory found
        step()
        step()
    return {"predict": predict, "train": train}


def measure(functions, batch, rounds):
    """Let the functions take turns; images a second by name."""
    seconds = collections.defaultdict(list)
    for _ in range(rounds):
        for key, function in functions.items():
            start = time.perf_counter()
            np.asarray(function())
            seconds[key].append(time.perf_counter() - start)
    return {key: batch / np.median(times) for key, times in seconds.items()}


def kernel_shares(function):
    """Profile two calls; the share of kernel time of each kind of kernel, largest first."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(2):
            np.asarray(function())
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    spent = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # An operation's event is called "name:kernel", the runtime's own "Class::method".
                name, _, kernel = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if name and name[-1] != ":" and not kernel.startswith(("__", " ")):
                    spent[kernel.removeprefix("_MklNative")] += event.duration_ps
    total = sum(spent.values())
    return [(kernel, time / total) for kernel, time in spent.most_common(8)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--only", choices=PAIRS, help="one of the two pairs")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    pairs = {k: v for k, v in PAIRS.items() if arguments.only in (None, k)}
    functions = {
        (name, kind): step
        for name in [name for pair in pairs.items() for name in pair]
        for kind, step in steps(name, arguments.batch, arguments.size).items()
    }
    speeds = measure(functions, arguments.batch, arguments.rounds)
    print(f"images/s at {arguments.size} x {arguments.size}, batches of {arguments.batch}")
    print(f"{'network':<12}{'step':<9}{'native':>8}  {'Keras':<18}{'':>8}{'ratio':>8}")
    for name, other in pairs.items():
        for kind in ("predict", "train"):
            ours, theirs = speeds[name, kind], speeds[other, kind]
            print(
                f"{name:<12}{kind:<9}{ours:>8.1f}  {other.removeprefix('keras:'):<18}{theirs:>8.1f}"
                f"{ours / theirs:>8.2f}"
            )
    if arguments.profile:
        for name in pairs:
            for kind in ("predict", "train"):
                shares = kernel_shares(functions[name, kind])
                print(f"{name} {kind}: " + ", ".join(f"{k} {s:.0%}" for k, s in shares))


if __name__ == "__main__":
    main()
