"""Make the shipped reference colours from photographs outlined by hand.

    python -m benchmarks.reference_colours ANNOCERV

ANNOCERV is a folder with the data set AnnoCerv (CC BY 4.0) at 384 x 384. `outlines.csv` holds the
outlines: corners x:y in pixels of those photographs. Only the colours are kept in the package.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

import cervix_tf as cx
from benchmarks.tables import ROOT

HEAD = """\
# Mean colour of the cervix, specular highlights left out, in ten photographs of ten patients of
# AnnoCerv ("A new dataset for feature-driven and image-based automated colposcopy analysis", 2023;
# CC BY 4.0), in copies of 384 x 384 pixels. The photographs are the first ten of a shuffled list with
# one photograph a patient. They were outlined by hand on 2026-11-23, by eye and without a
# colposcopist (benchmarks/outlines.csv), and averaged by benchmarks/reference_colours.py.
# All are colposcope photographs after acetic acid. No photograph comes with the package.
"""


def outlined(folder: Path, use: str) -> tuple[pd.DataFrame, list, list]:
    """Read the photographs outlined for a use, and draw their masks."""
    table = pd.read_csv(Path(__file__).with_name("outlines.csv"))
    table = table[table["use"] == use].reset_index(drop=True)
    images = [cx.data.read_square(folder / name, 384) for name in table["image"]]
    masks = []
    for text in table["outline"]:
        corners = np.array([corner.split(":") for corner in text.split()], np.int32)
        masks.append(cv2.fillPoly(np.zeros((384, 384), np.uint8), [corners], 1).astype(bool))
    return table, images, masks


if __name__ == "__main__":
    table, images, masks = outlined(Path(sys.argv[1]), "reference")
    colours = cx.segmentation.reference_colours(images, masks, number=10)
    rows = pd.DataFrame(colours.round(1), columns=["red", "green", "blue"])
    rows["photograph"] = table["image"].str.removeprefix("images/")
    rows["pixels"] = [int(mask.sum()) for mask in masks]
    path = ROOT / "cervix_tf/segmentation/reference.csv"
    path.write_text(HEAD + rows.to_csv(index=False))
    print(path.read_text())
