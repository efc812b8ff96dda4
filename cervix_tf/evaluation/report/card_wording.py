"""The words of a model card: YAML front matter, and a page of Markdown."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from cervix_tf.data.manifests import PHANTOMS
from cervix_tf.evaluation.report import wording
from cervix_tf.evaluation.report.comparison import check_told
from cervix_tf.evaluation.report.set_wording import set_remark, set_rows
from cervix_tf.runs import Run
from cervix_tf.runs.file_shapes import damaged

TASK = "image-classification"
LICENCE = """license: other  # fill in, with an identifier of https://hf.co/docs/hub/repositories-licenses
license_name: to-be-filled-in  # with `license: other` alone
license_link: LICENSE  # likewise: put the text beside this file
"""
# Of the figures that stand in the front matter, the Hub's names.
METRICS = {
    "log_loss": "log_loss", "accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy",
    "kappa": "cohen_kappa", "brier": "brier_score", "ece": "expected_calibration_error",
}  # fmt: skip


def page(run: Run, figures: dict[str, dict[str, Any]], models: Sequence[str]) -> str:
    """Write the model card of a run.

    Args:
        run: The run.
        figures: Its figures under "", those of test photographs under "test/", as `metrics_of` returns
            them.
        models: Paths of the Keras files in the card's folder.

    Returns:
        Markdown that begins with YAML front matter.
    """
    for name, metrics in figures.items():
        check_told(run.path(f"{name}metrics.json"), metrics)
        if "seed" not in metrics:
            raise damaged(run.path(f"{name}metrics.json"), "it has no 'seed'")
    main = figures[""]
    parts = [
        f"---\n{front_matter(main['model'], list(figures.values()))}---",
        f"# {_plain(main['model'])}: {', '.join(map(_plain, run.class_names))}",
        _what(run, main, len(models)),
        "## What it is not for\n\n" + _limits(main),
        "## Data\n\n" + _data(run, main),
        "## Figures\n\n" + "\n\n".join(_figures(one) for one in figures.values()),
        "## Calibration\n\n" + _calibration(run),
        "## Training\n\n" + _training(run, main),
        "## Use\n\n" + _use(run, models),
        "## Licence\n\nTo be filled in, here and above. The weights come from photographs: whether they "
        "may be given on, and under which terms, is decided by those who answer for the photographs, and "
        "by the terms of the weights that the training began with.",
    ]
    return "\n\n".join(parts) + "\n"


def front_matter(model: str, figures: list[dict[str, Any]]) -> str:
    """Write the YAML that a hub reads.

    Args:
        model: The network's name.
        figures: Figures of one or more sets of photographs.

    Returns:
        YAML without its fences.
    """
    facts = {
        "library_name": "cervix-tf",
        "pipeline_tag": TASK,
        "tags": ["keras", "cervix", "colposcopy", "transformation-zone"]
        + ["phantoms"] * _drawn(figures[0]),
        "metrics": [name for key, name in METRICS.items() if key in figures[0]],
        "model-index": [{"name": model, "results": list(map(_result, figures))}],
    }
    text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=100)
    return LICENCE + text


def _result(figures: dict[str, Any]) -> dict[str, Any]:
    task = {"type": TASK, "name": "Type of the transformation zone"}
    kind = "phantoms" if _drawn(figures) else "photographs"
    dataset = {
        "type": kind,
        "name": figures["data"],
        "split": figures["split"],
        "args": {key: figures[key] for key in ("photographs", "groups", "seed")},
    }
    metrics = [
        {"type": name, "value": round(figures[key], 6), "name": _interval_name(key, figures)}
        for key, name in METRICS.items()
        if figures.get(key) is not None
    ]
    return {"task": task, "dataset": dataset, "metrics": metrics}


def _interval_name(key: str, figures: dict[str, Any]) -> str:
    interval = figures["intervals"].get(key)
    name = wording.NAMES[key]
    return f"{name} (95 % interval {wording.span(key, interval)})" if interval else name


def _what(run: Run, figures: dict[str, Any], count: int) -> str:
    network = f"A network (`{figures['model']}`)"
    if count > 1:
        network = f"An ensemble of {count} networks (`{figures['model']}`), a run a patient fold,"
    return (
        f"{network} that gives a photograph of the cervix, taken through a speculum, the probability of "
        f"each of {len(run.class_names)} types of transformation zone: "
        f"{', '.join(map(_plain, run.class_names))}. Made with "
        f"cervix_tf {(run.environment.get('packages') or {}).get('cervix-tf') or ''}".rstrip()
        + "."
    )


def _limits(figures: dict[str, Any]) -> str:
    lines = [
        "It is for research and is **no medical device**: no diagnosis, screening or treatment may rest "
        "on it.",
        "The types are anatomy, not disease. It says nothing of lesions or cancer.",
        "It gives every picture a type, one without a cervix too.",
        "Other devices, clinics and patients than those below were not tried; expect worse there.",
        f"The figures are of {figures['groups']} groups (patients): mind the intervals.",
    ]
    if _drawn(figures):
        lines.insert(
            0,
            "It was trained and evaluated on **phantoms, which are drawn**. It has seen no patient, and "
            "its figures say nothing of photographs.",
        )
    return "\n".join(f"- {line}" for line in lines)


def _data(run: Run, figures: dict[str, Any]) -> str:
    labelled = run.manifest[run.manifest["label"].notna()]
    parts = dict(list(labelled.groupby("split", sort=False)))
    head = ("split", "photographs", "groups (patients)", *run.class_names)
    rows = [
        (
            name, len(part), part["group"].nunique(),
            *(int((part["label"] == label).sum()) for label in run.class_names),
        )
        for name, part in parts.items()
    ]  # fmt: skip
    split = (
        "Photographs of one group stay on one side of the split. "
        f"The seed of the split and of the training is {figures['seed']}. Fingerprint of photographs, "
        f"labels and split: `{run.environment['data_fingerprint']}`."
    )
    said = figures["data"][:1].upper() + figures["data"][1:]
    return f"{_plain(said)}.\n\n{_table(head, rows)}\n\n{split}"


def _figures(figures: dict[str, Any]) -> str:
    """The figures of one set of photographs: all, by class, and what they are."""
    probe = figures.get("probe") or {}
    head = ["", "model", "95 % interval", *(["raw"] if "raw" in figures else []), "class prior"]
    keys = {name: key for key, name in wording.NAMES.items()}
    rows = wording.figure_rows(figures)
    if probe:
        head.append("linear probe")
        rows = [
            (
                *row,
                wording.number(key, probe[key]) if (key := keys.get(row[0], "")) in probe else "",
            )
            for row in rows
        ]
    by_class = [(name, *_cells(cells)) for name, cells in wording.class_rows(figures)]
    lines = [
        f"{_plain(figures['data'][:1].upper() + figures['data'][1:])}, {figures['split']}: "
        f"{figures['photographs']} photographs of {figures['groups']} groups, seed {figures['seed']}. "
        "The class prior answers with the shares of the classes, whatever the photograph.",
        _table(head, rows),
        _table(("", *figures["classes"]), by_class),
    ]
    if sets := set_rows(figures):
        rows = [(name, *_cells(cells)) for name, cells in sets]
        lines += [
            _table(("prediction sets", "all", *figures["classes"]), rows),
            set_remark(figures),
        ]
    return "\n\n".join([*lines, *wording.remarks(figures)])


def _calibration(run: Run) -> str:
    found = run.calibration
    if found is None:
        return "None: the probabilities are the network's own."
    return (
        f"The log probabilities are multiplied by {found.slope:.4f} and shifted by "
        f"{', '.join(f'{value:.4f}' for value in found.offsets)}, then normalised; fitted on "
        f"{found.photographs} photographs of {found.groups} groups that the network did not train on. "
        "`calibration.json` has the numbers; the Keras file gives probabilities before it."
    )


def _training(run: Run, figures: dict[str, Any]) -> str:
    weights = run.recipe.model.weights
    began = {"none": "random weights", "imagenet": "weights of ImageNet"}
    where = ", ".join(run.environment["devices"])
    stages = len(run.recipe.stages)
    return (
        f"From {began.get(weights, 'weights of a checkpoint')}, in {stages} "
        f"stage{'s' * (stages > 1)}, at {run.image_size} x {run.image_size} pixels, on {_plain(where)}. "
        "`recipe.yaml` has every setting, `requirements.txt` the versions."
    )


def _use(run: Run, models: Sequence[str]) -> str:
    code = [
        "pip install cervix-tf",
        "cervix-tf predict model photographs --out predictions.csv",
    ]
    python = [
        "import cervix_tf as cx",
        'table = cx.predict("model", "photographs")  # calibrated, a row a photograph',
        f'network = cx.models.load_model("model/{models[0]}")  # Keras; before calibration',
    ]
    several = " `network` is one of the ensemble: the log probabilities of all are averaged."
    crop = {
        "square": "the centred square of its shorter side",
        "box": "the square around the cervix's box",
        "mask": "the centred square, black outside the cervix's mask",
    }[run.crop]
    return (
        f"With this folder as `model`:\n\n{_code(code)}\n\nIn Python:\n\n{_code(python)}\n\nAn image for "
        f"`network` is RGB in [0, 255], ({run.image_size}, {run.image_size}, 3), "
        f"normalised inside the model. Of a photograph it is {crop}, shrunk to {run.square_size} "
        f"pixels by averaging over areas, of which the middle {run.image_size} are cut out. "
        "`config.json` has class names and sizes. No photograph, file name or patient is in this folder."
        + several
        * (len(models) > 1)
    )


def _code(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _drawn(figures: dict[str, Any]) -> bool:
    return figures["data"].startswith(PHANTOMS)


def _cells(cells: list[tuple[str, str]]) -> list[str]:
    return [f"{value} ({interval})" if interval else value for value, interval in cells]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [list(map(str, head)), ["---"] * len(head), *(list(map(str, row)) for row in rows)]
    return "\n".join(
        "| " + " | ".join(cell if cell == "---" else _plain(cell) for cell in line) + " |"
        for line in lines
    )


def _plain(text: str) -> str:
    r"""A text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*\[\]<>|]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))
