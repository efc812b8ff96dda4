"""What a job will take, in figures and in words."""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """What a job will take.

    Attributes:
        fits: How many networks are trained.
        steps: Optimiser steps of all.
        photographs: Labelled photographs.
        to_decode: Those that the cache of squares lacks.
        decoding, training, ending: Seconds, each (likely, at least, at most): of the first pass; of
            steps and validations; of what follows, figures, plots and report.
        memory: Bytes: the most that this process has needed, and squares that are kept in memory.
        machine: Bytes of memory that the machine has, 0 where it does not say.
        cache, runs: Bytes of disk for squares that are lacking, and for the run folders.
        free: Bytes free where the run goes.
    """

    fits: int
    steps: int
    photographs: int
    to_decode: int
    decoding: tuple[float, float, float]
    training: tuple[float, float, float]
    ending: tuple[float, float, float]
    memory: float
    machine: float
    cache: float
    runs: float
    free: float

    @property
    def seconds(self) -> tuple[float, float, float]:
        """Of the whole job: likely, at least, at most."""
        likely, least, most = (
            sum(part) for part in zip(self.decoding, self.training, self.ending, strict=True)
        )
        return likely, least, most

    def __add__(self, other: "Estimate") -> "Estimate":
        """One after the other."""
        both: dict[str, Any] = {
            name: tuple(
                a + b for a, b in zip(getattr(self, name), getattr(other, name), strict=True)
            )
            for name in ("decoding", "training", "ending")
        }
        sums = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("fits", "steps", "to_decode", "cache", "runs")
        }
        most = {
            name: max(getattr(self, name), getattr(other, name))
            for name in ("memory", "photographs")
        }
        return replace(self, **both, **sums, **most)

    def lines(self) -> list[str]:
        """The estimate in words, a line each."""
        enough = "" if self.memory <= self.machine or not self.machine else ": too little"
        room = "" if self.cache + self.runs <= self.free else ": too little"
        fits = "1 fit" if self.fits == 1 else f"{self.fits} fits"
        return [
            f"{fits} of {self.photographs} photographs, {self.steps} steps in all",
            f"decoding  {worded(self.decoding)}, {self.to_decode} photographs",
            f"training  {worded(self.training)}",
            f"figures   {worded(self.ending)}",
            f"together  {worded(self.seconds)}",
            f"memory    {self.memory / 1e9:.1f} GB of {self.machine / 1e9:.1f} GB{enough}",
            f"disk      {self.cache / 1e9:.2f} GB of squares, {self.runs / 1e9:.2f} GB of runs, "
            f"{self.free / 1e9:.1f} GB free{room}",
        ]


def worded(seconds: tuple[float, float, float]) -> str:
    """Write a duration with its range: `2 min 10 s (1 min 50 s to 2 min 40 s)`."""
    likely, least, most = (_words(value) for value in seconds)
    return f"{likely} ({least} to {most})"


def _words(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
