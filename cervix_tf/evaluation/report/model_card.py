"""A run as a folder to give on: its model, what predicting needs, and a model card."""

import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

from cervix_tf.data.outputs import check_no_photographs
from cervix_tf.errors import UserError
from cervix_tf.evaluation.report import card_wording
from cervix_tf.files import check_output, printable, replacing, write_text
from cervix_tf.given import as_path
from cervix_tf.recipes import Recipe
from cervix_tf.recipes.recipe_files import to_yaml
from cervix_tf.runs import Ensemble, Run, load
from cervix_tf.runs.ensembles import ENSEMBLE
from cervix_tf.runs.folders import ENDS

CARD, CONFIG = "README.md", ENDS[1]
# Of the figures, what may name a patient or a site.
PRIVATE = ("agreement", "by")
PACKAGES = ("cervix-tf", "tensorflow", "keras")


def card(run: Run | Path | str, folder: Path | str | None = None) -> Path:
    """Write a folder with a run's model, what predicting needs, and a model card for a hub.

    The card is Markdown with the YAML front matter of the Hugging Face Hub (Mitchell et al. 2019, "Model
    Cards for Model Reporting"): data, split, seed, figures with intervals beside those of the class
    prior and the linear probe, figures of each class, calibration, limits, and a licence to fill in.
    `predict` and every verb that needs no photographs of the run take the folder as a run. It holds no
    photograph, no path and no name of a patient or file, and nothing is uploaded.

    Args:
        run: A run that has ended, or an ensemble, or its folder.
        folder: Where to write, `card` in the run's folder by default; other files there stay.

    Returns:
        The card, `README.md` in the folder.

    Raises:
        UserError: The run has not ended or is damaged, or the folder is a run's or holds photographs or
            another `README.md`.

    Example:
        >>> card("runs/first", "hub/first").read_text().splitlines()[0]
        '---'
    """
    run = load(run)
    folder = run.path("card") if folder is None else as_path(folder, "folder")
    check_output(folder, "folder")
    if (folder / "manifest.csv").exists():
        raise UserError(f"{folder} is the folder of a run: name another one for its card.")
    check_no_photographs(folder)
    figures = {name: _public(metrics) for name, metrics in _figures(run).items()}
    models = ["model.keras"]
    if isinstance(run, Ensemble):
        models = [f"runs/{member.folder.name}/model.keras" for member in run.members]
    page = card_wording.page(run, figures, models)
    if (folder / CARD).exists() and (folder / CARD).read_bytes() != printable(page).encode():
        raise UserError(
            f"{folder / CARD} is there already and says something else, such as a licence filled in: "
            "move it away, or name another folder."
        )
    own = Run(folder)
    write_text(own.path("recipe.yaml"), to_yaml(_without_paths(run.recipe)))
    if isinstance(run, Ensemble):
        own.write_json(ENSEMBLE, {key: run.plan[key] for key in ("folds", "repeats")})
    for member, name in zip(run.members, models, strict=True):
        place = (folder / name).parent
        write_text(place / "recipe.yaml", to_yaml(_without_paths(member.recipe)))
        with replacing(own.path(name)) as part:
            shutil.copyfile(member.file("model.keras"), part)
    for name, metrics in figures.items():
        own.write_json(f"{name}metrics.json", metrics)
    if run.calibration:
        own.write_json("calibration.json", run.calibration.as_dict())
    versions = run.environment.get("packages") or {}
    needed = [f"{name}=={versions.get(name) or _version(name)}" for name in PACKAGES]
    write_text(own.path("requirements.txt"), "\n".join(needed) + "\n")
    own.seal()
    own.write_json(CONFIG, _config(run, models))
    write_text(own.path(CARD), page)
    return folder / CARD


def _figures(run: Run) -> dict[str, dict[str, Any]]:
    """The figures of the run, and of test photographs where there are some, by their folder."""
    tested = run.test_metrics
    return {"": run.metrics, **({"test/": tested} if tested else {})}


def _public(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metrics.items() if key not in PRIVATE}


def _without_paths(recipe: Recipe) -> Recipe:
    """The recipe, of weights from a file with the file's name alone."""
    weights = recipe.model.weights
    if "://" in weights:
        return recipe
    model = recipe.model.model_copy(update={"weights": Path(weights).name})
    return recipe.model_copy(update={"model": model})


def _config(run: Run, models: list[str]) -> dict[str, Any]:
    """What a program needs to know to use the models."""
    return {
        "model_type": run.recipe.model.name,
        "models": models,
        "id2label": dict(enumerate(run.class_names)),
        **run.card,
        "centre": "crop image_size from the middle of the prepared square of square_size",
        "output": "probabilities of class_names, before calibration",
        "mean_of_models": "geometric",
        "calibration": run.calibration.as_dict() if run.calibration else None,
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        from cervix_tf import __version__

        return __version__
