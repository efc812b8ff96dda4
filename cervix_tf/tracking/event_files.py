"""TensorBoard: event files in the run's own folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import tensorflow as tf

from cervix_tf.data.names import natural
from cervix_tf.runs import Run
from cervix_tf.tracking.contents import Contents
from cervix_tf.tracking.tracker import Tracker

# The folders of the two sides, and the tags there, with Keras' names of what they show.
PARTS = {
    "train": {"loss": "loss", "accuracy": "accuracy", "learning_rate": "learning_rate"},
    "validation": {"loss": "val_loss", "accuracy": "val_accuracy"},
}


class EventFiles(Tracker):
    """Event files in `RUN/tensorboard`: curves of both sides in one plot, parameters, figures, plots."""

    name, library, title = "tensorboard", "tensorboard", "TensorBoard"

    @classmethod
    def begun(cls, run: Run, parameters: dict[str, Any], parent: dict | None) -> dict[str, Any]:
        """Write the parameters, which TensorBoard shows under HParams."""
        from tensorboard.plugins.hparams import api

        folder = run.path("tensorboard")
        with _writer(folder) as writer, writer.as_default(step=0):
            api.hparams(parameters, trial_id=run.folder.name)
        return {}

    def __init__(self, run: Run, card: dict[str, Any]):
        self.folder = run.path("tensorboard")
        self.writers: dict[str, tf.summary.SummaryWriter] = {}  # of a part, one file a process
        # The last step of each curve: a kill may have cut one of them.
        self.ends = {(part, name): 0 for part, names in PARTS.items() for name in names}
        for part in PARTS:
            for tag, step, _ in events(self.folder / part):
                self.ends[part, tag] = step
        self.last = min(self.ends.values())
        self.finished = any(tag == "figures" for tag, _, _ in events(self.folder))

    def points(self, points: list[tuple[int, dict[str, float]]]) -> None:
        """Add points; the same tag in two folders is one plot with two curves."""
        for part, names in PARTS.items():
            if part not in self.writers:
                self.writers[part] = tf.summary.create_file_writer(str(self.folder / part))
            with self.writers[part].as_default():
                for tag, name in names.items():
                    for step, figures in points:
                        if name in figures and step > self.ends[part, tag]:
                            tf.summary.scalar(tag, figures[name], step)
                            self.ends[part, tag] = step
            self.writers[part].flush()

    def stop(self, state: str) -> None:
        """Close the files of the curves; event files have no end."""
        while self.writers:
            self.writers.popitem()[1].close()

    def finish(self, contents: Contents) -> None:
        """Add the figures as scalars and as a table with intervals, the plots, and the report's path."""
        self.stop("finished")
        rows = [
            f"| {name} | {value:.4f} | "
            + ("" if low is None else f"{low:.4f} to {high:.4f}")
            + " |"
            for name, (value, low, high) in contents.figures.items()
        ]
        facts = ", ".join(f"{name} {value}" for name, value in contents.facts.items())
        report = [str(path) for path in contents.files if path.name == "report.html"]
        with _writer(self.folder) as writer, writer.as_default(contents.step):
            for name, (value, *_) in contents.figures.items():
                tf.summary.scalar(name, value)
            for path in contents.plots:
                picture = cv2.imread(str(path))
                if picture is not None:
                    tf.summary.image(f"plots/{path.stem}", picture[None, ..., ::-1])
            tf.summary.text("report", "\n".join(report))
            table = ["| figure | value | 95 % interval |", "|---|---|---|", *rows]
            tf.summary.text("figures", "\n".join([facts, "", *table]))  # last: then it is whole
        self.finished = True


def events(folder: Path) -> Iterator[tuple[str, int, Any]]:
    """Read tags, steps and values of the event files that lie in a folder, as they were written.

    Args:
        folder: The folder; it may be missing.

    Yields:
        Tag, step, and the value as an array. A file that a kill has cut ends where it was cut.
    """
    for path in sorted(folder.glob("*tfevents*"), key=lambda path: natural(path.name)):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                for value in event.summary.value:
                    yield value.tag, event.step, tf.make_ndarray(value.tensor)
        except tf.errors.DataLossError:
            continue


class _writer:  # noqa: N801
    """A writer that is closed at the end of the block."""

    def __init__(self, folder: Path):
        self.writer = tf.summary.create_file_writer(str(folder))

    def __enter__(self) -> tf.summary.SummaryWriter:
        return self.writer

    def __exit__(self, *_: object) -> None:
        self.writer.close()
