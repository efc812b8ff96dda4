"""The sheet of an explanation: photographs, what the network made of them, and the maps over them."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cervix_tf.pages.figures import save

COLOURS = matplotlib.colormaps["inferno"]  # perceptually uniform, and brighter throughout
FULL = (
    99.5  # percentile of a map that gets the brightest colour: single pixels must not dim the rest
)
TITLES = {
    "gradient": "gradient",
    "smoothgrad": "SmoothGrad",
    "integrated": "integrated gradients",
    "gradcam": "Grad-CAM",
}
WRONG = "#B00020"


@dataclass(frozen=True)
class Explanation:
    """The photographs of a sheet and their maps.

    Attributes:
        path: The PNG.
        table: One row a photograph shown, in the sheet's order: `image`, `path`, `label` (missing where
            it is not known), `predicted`, `explained` (the class whose logit the maps explain) and one
            column a class with its probability.
        images: uint8 (N, S, S, 3), the crops the network saw.
        maps: Method to float32 (N, S, S), as `saliency` returns them.
    """

    path: Path
    table: pd.DataFrame
    images: np.ndarray
    maps: dict[str, np.ndarray]


def overlay(image: np.ndarray, saliency_map: np.ndarray) -> np.ndarray:
    """Colour a photograph by a map: grey and dim where the map is 0, bright where it is large.

    Args:
        image: uint8 RGB (H, W, 3).
        saliency_map: (H, W), 0 or more; its 99.5th percentile gets the brightest colour.

    Returns:
        uint8 RGB (H, W, 3).

    Example:
        >>> overlay(np.full((2, 2, 3), 128, "uint8"), np.eye(2)).shape
        (2, 2, 3)
    """
    top = np.percentile(saliency_map, FULL)
    top = top if top > 0 else saliency_map.max()
    strength = np.clip(saliency_map / top, 0, 1) if top > 0 else np.zeros_like(saliency_map)
    grey = image.astype("float32") @ np.array([0.299, 0.587, 0.114], "float32") / 255
    return (255 * _blend(grey, strength)).round().astype("uint8")


def plot_explanation(
    explanation: Explanation,
    title: str,
    right: tuple[int, int] | None,
    path: Path | None = None,
) -> Figure:
    """Draw the sheet: a block of photographs predicted right, one of those predicted wrong.

    Args:
        explanation: What to draw.
        title: What the network is and what the photographs are.
        right: How many photographs were predicted right, of how many; None where no label is known.
        path: The PNG to write; by default none.

    Returns:
        The figure.

    Example:
        >>> explanation = explain("runs/first", methods=["gradient"])
        >>> figure = plot_explanation(explanation, "cervixnet2 on photographs", None)
    """
    table, methods = explanation.table, list(explanation.maps)
    wrong = (table["label"] != table["predicted"]).to_numpy() & (right is not None)
    blocks = [np.flatnonzero(~wrong), np.flatnonzero(wrong)]
    side, gap, line, head = 1.75, 0.08, 0.36, 0.36  # inches
    width = (len(methods) + 1) * (side + gap) + gap
    heading = f"What the network looks at: {title}"
    width = max(width, 6.8, 2 * gap + 0.105 * len(heading))  # the legend and the heading are whole
    heads = sum(len(block) > 0 for block in blocks)
    height = 0.62 + heads * head + len(table) * (side + line) + 0.75
    figure = Figure(figsize=(width, height), dpi=120, facecolor="white")

    def text(x: float, y: float, words: str, **look) -> None:
        figure.text(x / width, 1 - y / height, words, va="top", **look)

    def cell(x: float, y: float, w: float, h: float):
        return figure.add_axes((x / width, 1 - (y + h) / height, w / width, h / height))

    text(gap, 0.1, heading, fontsize=12, weight="bold")
    y = 0.36
    for column, name in enumerate(["photograph", *(TITLES[m] for m in methods)]):
        centre = gap + column * (side + gap) + side / 2
        text(centre, y, name, fontsize=9.5, ha="center")
    y += 0.26
    for block, kind in zip(blocks, ("right", "wrong"), strict=True):
        if len(block) == 0:
            continue
        text(
            gap, y + 0.06, _heading(kind, len(block), right), fontsize=10.5, weight="bold",
            color=WRONG if kind == "wrong" else "black",
        )  # fmt: skip
        y += head
        for number in block:
            text(gap, y, _words(table.iloc[number]), fontsize=9)
            y += 0.22
            picture = explanation.images[number]
            pictures = [picture, *(overlay(picture, explanation.maps[m][number]) for m in methods)]
            for column, shown in enumerate(pictures):
                axes = cell(gap + column * (side + gap), y, side, side)
                axes.imshow(shown, interpolation="nearest")
                axes.axis("off")
            y += side + line - 0.22

    bar = cell(4 * gap, y + 0.08, 2.0, 0.16)
    bar.imshow(_blend(np.full((1, 256), 0.5), np.linspace(0, 1, 256)[None]), aspect="auto")
    bar.set_yticks([])
    bar.set_xticks([0, 255], ["none", "most"], fontsize=8.5)
    bar.tick_params(length=0)
    explained = "true" if right is not None else "predicted"
    text(
        2.0 + 9 * gap, y + 0.04,
        f"influence of a pixel on the {explained} class's score (logit);\n"
        "each map has a scale of its own, its largest 0.5 % being 'most'",
        fontsize=8.5,
    )  # fmt: skip
    return save(figure, path)


def _heading(kind: str, shown: int, right: tuple[int, int] | None) -> str:
    if right is None:
        return f"Label not known ({shown} shown)"
    count = right[0] if kind == "right" else right[1] - right[0]
    return f"Predicted {kind}: {count} of {right[1]} photographs ({shown} shown)"


def _words(row: pd.Series) -> str:
    guess = f"predicted {row['predicted']} with {100 * row[row['predicted']]:.0f} %"
    if not isinstance(row["label"], str):
        return f"{row['image']}: {guess}"
    if row["label"] == row["predicted"]:
        return f"{row['image']}: {guess}, which is true"
    return f"{row['image']}: {guess}, truly {row['label']} ({100 * row[row['label']]:.0f} %)"


def _blend(grey: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Light a dimmed grey picture with colours; (H, W) each, in [0, 1], to RGB in [0, 1].

    As two projectors on one screen: brightness rises with the share on every grey, as in the colour map.
    """
    dim = 0.55 * grey[..., None]
    return dim + (1 - dim) * (COLOURS(strength)[..., :3] - COLOURS(0.0)[:3]).clip(0)
