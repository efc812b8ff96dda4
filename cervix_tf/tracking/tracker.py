"""What TensorBoard and MLflow have in common."""

import logging
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from cervix_tf.runs import Run
from cervix_tf.tracking.contents import Contents, points_of

log = logging.getLogger(__name__)


class Tracker(ABC):
    """A tracked run, in training or finished.

    Attributes:
        name: As `--track` has it.
        library: What has to be installed.
        title: As it is called in a sentence.
        last: The last step of the curves that it has.
        finished: Whether it has everything.
    """

    name: ClassVar[str]
    library: ClassVar[str]
    title: ClassVar[str]
    last: int
    finished: bool

    @classmethod
    @abstractmethod
    def begun(cls, run: Run, parameters: dict[str, Any], parent: dict | None) -> dict[str, Any]:
        """Begin a tracked run; what opens it again.

        Args:
            run: The run.
            parameters: Keys and values.
            parent: What opens the tracked run that it is a part of.
        """

    @abstractmethod
    def __init__(self, run: Run, card: dict[str, Any]):
        """Open a tracked run to go on with it."""

    @abstractmethod
    def points(self, points: list[tuple[int, dict[str, float]]]) -> None:
        """Add points to the curves."""

    @abstractmethod
    def finish(self, contents: Contents) -> None:
        """Add figures, plots and files, and end."""

    @abstractmethod
    def stop(self, state: str) -> None:
        """End before training has: `FAILED` or `KILLED`."""

    def send(self, history: list[dict]) -> None:
        """Add what the curves lack of a history; what fails is sent the next time."""
        points = points_of(history, self.last)
        if not points:
            return
        try:
            self.points(points)
        except Exception as error:  # of networks, databases and disks
            log.warning(
                f"{self.title} has not taken the curves, and gets them later: {said(error)}"
            )
        else:
            self.last = points[-1][0]


def said(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
