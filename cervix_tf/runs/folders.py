"""The run folder, and what lies in it."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cervix_tf.data import square_size, write_manifest
from cervix_tf.data.manifests import TEXT, read_csv
from cervix_tf.data.tables import read_table
from cervix_tf.errors import UserError
from cervix_tf.files import write_csv, write_text
from cervix_tf.keras_card import load_card, save_model
from cervix_tf.recipes import Recipe, load_recipe
from cervix_tf.recipes.recipe_files import to_yaml
from cervix_tf.runs import display
from cervix_tf.runs.calibration import Calibration, stored_calibration
from cervix_tf.runs.checked_folder import TABLE, CheckedFolder
from cervix_tf.runs.file_shapes import (
    HISTORY,
    check_card,
    check_end,
    check_figures,
    check_predictions,
    check_rows,
    damaged,
    read_columns,
    read_object,
    reading,
)

if TYPE_CHECKING:
    import keras

ENDS = ("report.html", "config.json")  # written at the end: by `fit` and `crossfit`, and by `card`
CARD = "cervix_tf.json"  # inside model.keras, beside Keras' own entries, which pass it over


@dataclass(frozen=True, repr=False)
class Run(CheckedFolder):
    """A run folder, each of its files read when it is first asked for.

    Attributes:
        folder: Where the run lies.

    Example:
        >>> load("runs/first").class_names
        ['Type_1', 'Type_2', 'Type_3']
    """

    table = "predictions.csv"

    def __repr__(self) -> str:
        return display.line(*self._shown())

    def _repr_html_(self) -> str:
        return display.html(*self._shown(), self.path("plots/curves.png"))

    def _shown(self) -> tuple[Path, str, dict[str, Any] | None, int]:
        begun = self.path("history.csv").is_file() and len(self.history) > 0
        step = int(self.history["step"].max()) if begun else 0
        return self.folder, self.recipe.model.name, self.metrics if self.complete else None, step

    @property
    def complete(self) -> bool:
        """Whether training reached its end."""
        return any(self.path(name).is_file() for name in ENDS)

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe, fully resolved."""
        path = self.file("recipe.yaml")
        with reading(path):
            return load_recipe(path)

    @functools.cached_property
    def manifest(self) -> pd.DataFrame:
        """The photographs with the split they were trained and validated on."""
        path = self.file("manifest.csv")
        with reading(path):
            check_end(path)
            return read_csv(path, labelled=False, existing=False)

    @property
    def validation(self) -> pd.DataFrame:
        """The photographs it was validated on, rows of `manifest`."""
        return self.manifest[self.manifest["split"] == "validation"]

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """Loss and accuracy by step."""
        path = self.file("history.csv")
        return read_columns(path, lambda table: read_table(table, ()), HISTORY)

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """Probabilities of the validation photographs."""
        path = self.file(self.table)
        table = read_columns(path, lambda table: read_table(table, TEXT), ["path"])
        check_predictions(path, table)
        if self.has("manifest.csv"):
            check_rows(path, table, self.manifest, self.validation)
        return table

    def stored_probabilities(self, raw: bool = False) -> np.ndarray:
        """The probabilities in `predictions`, (N, classes), or those before calibration, if there are."""
        names = self.class_names
        uncalibrated = [f"raw:{name}" for name in names]
        taken = uncalibrated if raw and uncalibrated[0] in self.predictions else names
        if absent := [name for name in taken if name not in self.predictions]:
            raise damaged(self.path(self.table), f"it has no column {absent[0]!r}")
        return self.predictions[taken].to_numpy("float64")

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """The figures of the validation photographs."""
        path = self.file("metrics.json")
        figures = read_object(path)
        known = self.manifest.get("label") if self.has("manifest.csv") else None
        check_figures(path, figures, set() if known is None else set(known.dropna()))
        return figures

    @property
    def test_metrics(self) -> dict[str, Any] | None:
        """The figures of test photographs, as `evaluate` wrote them to `RUN/test`, or None."""
        test = Run(self.path("test"))
        if not test.has("metrics.json"):
            return None
        check_figures(test.path("metrics.json"), test.metrics, set(self.metrics["classes"]))
        return test.metrics

    @property
    def photographs(self) -> list[str]:
        """The paths of those that it was made of; none where only its model was given on."""
        return self.manifest["path"].tolist() if self.has("manifest.csv") else []

    def shares(self, per_group: bool = False) -> np.ndarray:
        """The share of each class among the photographs that trained, or their groups, (classes,)."""
        training = self.manifest[self.manifest["split"] == "train"]
        if per_group:
            training = training.drop_duplicates(["group", "label"])
        counted = training["label"].value_counts(normalize=True)
        return counted.reindex(self.class_names, fill_value=0).to_numpy()

    @property
    def members(self) -> "tuple[Run, ...]":
        """The runs whose probabilities are averaged: itself, or those of an ensemble."""
        return (self,)

    @functools.cached_property
    def calibration(self) -> Calibration | None:
        """What its networks' probabilities are calibrated by; None for a run of an earlier version."""
        if not self.has("calibration.json"):
            return None
        return stored_calibration(self.file("calibration.json"), len(self.class_names))

    @functools.cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, devices, seed, commit and data fingerprint at the start."""
        return read_object(self.file("environment.json"))

    @functools.cached_property
    def model(self) -> "keras.Model":
        """The trained Keras model: RGB in [0, 255] in, probabilities out."""
        from cervix_tf.models import load_model

        return load_model(self.file("model.keras"))

    @functools.cached_property
    def card(self) -> dict[str, Any]:
        """What predicting needs to know besides the weights, kept inside the model file."""
        path = self.file("model.keras")
        card = load_card(path, CARD)
        check_card(path, card)
        return card

    @property
    def class_names(self) -> list[str]:
        """The classes, in the order of the model's outputs."""
        return self.card["class_names"]

    @property
    def image_size(self) -> int:
        """Side of the network's input in pixels."""
        return self.card["image_size"]

    @property
    def square_size(self) -> int:
        """Side of the prepared square that the centre crop is taken from."""
        return self.card["square_size"]

    @property
    def crop(self) -> Literal["square", "box", "mask"]:
        """What of a photograph the network was trained on, as `data.prepare` takes it."""
        return self.card["crop"]

    def _why_missing(self, name: str) -> str:
        if self.path("recipe.yaml").is_file() and not self.complete:
            return f"training has not ended; {self.how_to_go_on}"
        return super()._why_missing(name)

    @property
    def how_to_go_on(self) -> str:
        """What to do with a run whose training has not ended."""
        return f"go on with cervix-tf fit --resume {self.folder}"

    def write_inputs(self, recipe: Recipe, manifest: pd.DataFrame, environment: dict) -> None:
        """Write what the run starts from: manifest, environment and, last, the recipe."""
        self.path(TABLE).unlink(missing_ok=True)  # of a run deleted in part
        write_manifest(manifest, self.path("manifest.csv"))
        self.write_json("environment.json", environment)
        write_text(self.path("recipe.yaml"), to_yaml(recipe))
        self.seal(("manifest.csv", "environment.json", "recipe.yaml"))
        vars(self)["manifest"] = manifest  # it need not be read back

    def write_model(self, model: "keras.Model", class_names: list[str]) -> None:
        """Write `model.keras` with its card: class names, image size and crop."""
        self.check_there()
        size = int(model.input_shape[1])
        card = {
            "class_names": class_names,
            "image_size": size,
            "square_size": square_size(size),
            "crop": self.recipe.crop,
            "input": "RGB, uint8 or float32 in [0, 255]; normalised inside the model",
        }
        save_model(model, self.anew("model.keras"), card, CARD)
        vars(self)["model"] = model  # it need not be read back

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of the run as CSV."""
        write_csv(table, self.anew(name))

    def write_history(self, rows: list[dict]) -> None:
        """Write `history.csv`: loss and accuracy by step, validation where there was one."""
        self.check_there()
        self.write_table("history.csv", pd.DataFrame(rows, columns=HISTORY))

    def write_json(self, name: str, content: dict) -> None:
        """Write figures of the run as JSON."""
        write_text(self.anew(name), json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def check_there(self) -> None:
        """Refuse to go on writing where the run's folder was deleted in the meantime."""
        if not self.path("recipe.yaml").is_file():
            raise UserError(f"{self.folder} was deleted or moved while it was written: begin anew.")
