"""A trained localiser: photographs become masks, boxes and how sure it is of them."""

import hashlib
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd

from cervix_tf.data.cropping import BOX, NOT_LOCATED
from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.manifests import validated
from cervix_tf.data.photographs import Progress, cores, dimensions_of, whole
from cervix_tf.errors import UserError
from cervix_tf.files import replacing

if TYPE_CHECKING:
    import keras

CARD = "localizer.json"  # inside the file, beside Keras' own entries
SHIPPED = Path(__file__).parent / "localizer_phantoms.keras"
UNREADABLE = "cannot be read"
_LEAST = 0.002  # share of the picture below which a mask is taken for nothing


@dataclass
class Localizer:
    """A network that finds the cervix, with the size it works at.

    Attributes:
        network: RGB (N, S, S, 3) in [0, 255] in, logits (N, S/4, S/4, 1) out.
        threshold: Confidence below which the cervix counts as not located, in [0, 1].
        card: What it was trained on and how well it did: `photographs`, `seed`, `dice`, `iou` ...
    """

    network: "keras.Model"
    threshold: float = 0.8
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Side S in pixels of the squares it looks at."""
        return int(self.network.input_shape[1])

    def predict(
        self, images: np.ndarray, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the cervix in photographs squeezed to squares.

        Args:
            images: RGB in [0, 255], (N, S, S, 3): whole photographs, as `squeezed` gives them.
            batch_size: Photographs at a time.

        Returns:
            Masks, bool (N, S, S), one connected region without holes, or empty; boxes, float (N, 4):
            left, top, width and height as shares of the photograph's sides, the whole photograph
            where the mask is empty; confidence, float (N,), in [0, 1]: the Dice that the mask
            would have if the network's probabilities were right.

        Raises:
            UserError: The images have another shape.

        Example:
            >>> masks, boxes, confidence = load_localizer().predict(images)
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1:] != (self.size, self.size, 3):
            raise UserError(
                f"The localiser takes images (N, {self.size}, {self.size}, 3); received "
                f"{images.shape}: use cervix_tf.segmentation.squeezed."
            )
        masks = np.zeros(images.shape[:3], bool)
        boxes = np.tile(np.array([0.0, 0.0, 1.0, 1.0]), (len(images), 1))
        confidence = np.zeros(len(images))
        for first in range(0, len(images), batch_size):
            batch = images[first : first + batch_size]
            for k, logits in enumerate(self.network.predict_on_batch(batch)[..., 0], first):
                masks[k], confidence[k] = _mask(np.asarray(logits, "float32"), self.size)
                if masks[k].any():
                    boxes[k] = _box(masks[k])
        return masks, boxes, confidence

    def save(self, path: Path | str) -> None:
        """Write the localiser to one file that `load_localizer` reads.

        Args:
            path: The file, ending in `.keras`.
        """
        with replacing(_keras(path)) as part:
            self.network.save(part)
            with zipfile.ZipFile(part, "a") as archive:
                card = {**self.card, "threshold": self.threshold}
                archive.writestr(CARD, json.dumps(card, indent=2))


def load_localizer(path: Path | str | None = None) -> Localizer:
    """Open a localiser.

    Args:
        path: A file that `fit_localizer` wrote; by default the one that comes with the package, which
            was trained on phantoms (drawn photographs) alone.

    Returns:
        The localiser.

    Raises:
        UserError: The file does not exist or is no localiser.

    Example:
        >>> load_localizer().size
        128
    """
    import keras

    from cervix_tf.segmentation import localizer as _registers  # noqa: F401

    path = Path(path) if path else SHIPPED
    if not path.is_file():
        raise UserError(f"The localiser {path} does not exist: train one by fit_localizer.")
    try:
        with zipfile.ZipFile(path) as archive:
            card = json.loads(archive.read(CARD))
        network = keras.saving.load_model(path, compile=False)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{path} is no localiser: give a file that fit_localizer wrote.") from error
    return Localizer(network, card.pop("threshold"), card)


def locator(
    model: Path | None = None, options: dict[str, Any] | None = None
) -> tuple[Callable[[Sequence[np.ndarray]], list[tuple]], dict[str, Any]]:
    """Make what `segment` looks at photographs with by the method "localizer".

    Args:
        model: A file that `fit_localizer` wrote; by default the one that comes with the package.
        options: None are known.

    Returns:
        A function of whole photographs, RGB uint8 (H, W, 3) of any sizes, to a list of mask (bool,
        (H, W)), box (shares of width and height; None where nothing was found) and flag (None or
        "cervix not located"); and what its results depend on, as JSON holds it.

    Raises:
        UserError: The model is no localiser, or an option is given.

    Example:
        >>> find, settings = locator()
        >>> [(mask, box, flag)] = find([picture])
    """
    for name in options or {}:
        raise UserError(f"The method localizer has no option {name!r}: leave it out.")
    path = model or SHIPPED
    localizer = load_localizer(path)

    def find(pictures: Sequence[np.ndarray]) -> list[tuple]:
        side = localizer.size
        small = [cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in pictures]
        images = np.stack(small) if small else np.zeros((0, side, side, 3), np.uint8)
        found = []
        for picture, mask, box, sure in zip(pictures, *localizer.predict(images), strict=True):
            height, width = picture.shape[:2]
            whole_mask = cv2.resize(mask.astype(np.uint8) * 255, (width, height)) > 127
            flag = None if sure >= localizer.threshold else NOT_LOCATED
            found.append((whole_mask, tuple(box.tolist()) if mask.any() else None, flag))
        return found

    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    return find, {"localizer": content}


def squeezed(paths: list[Path | str], size: int) -> tuple[np.ndarray, dict[int, str]]:
    """Decode whole photographs, squeezed to squares, on every core.

    Args:
        paths: Photographs.
        size: Side S of the squares in pixels.

    Returns:
        uint8 (N, S, S, 3), black where a photograph cannot be read, and the reasons for those by
        their number.

    Example:
        >>> images, unreadable = squeezed(["a.jpg"], 128)
    """
    images, reasons = np.zeros((len(paths), size, size, 3), np.uint8), {}

    def read(row: int) -> None:
        try:
            images[row] = whole(Path(paths[row]), size)
        except UnreadableError as error:
            reasons[row] = str(error)

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(read, range(len(paths))))
    return images, reasons


def locate(
    manifest: pd.DataFrame,
    localizer: Localizer | Path | str | None = None,
    masks: Path | str | None = None,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Find the cervix in the photographs of a manifest.

    Args:
        manifest: A manifest.
        localizer: A localiser or its file; by default the one that comes with the package.
        masks: A folder to write masks into, as `masks/N.png` with N the row, 0 and 255, in the
            proportions of the photograph with 512 pixels on the longer side at most.
        batch_size: Photographs at a time.
        progress: Called with the number of photographs done so far and of all.

    Returns:
        The manifest with `box_x`, `box_y`, `box_w` and `box_h` (pixels of the upright photograph:
        left, top, width, height), `confidence`, `mask` where masks were asked for, and in `flags`
        "cervix not located" where the confidence is below the localiser's threshold: the box is
        missing there, and `crop: box` keeps the whole square. A photograph that cannot be read is
        flagged so too.

    Raises:
        UserError: The localiser does not exist.

    Warns:
        UserWarning: Photographs in which the cervix was not located, or that cannot be read; how many.

    Example:
        >>> locate(read_manifest("photographs", labelled=False))[["image", "box_x", "confidence"]]
    """
    manifest = validated(manifest, "the manifest")
    if not isinstance(localizer, Localizer):
        localizer = load_localizer(localizer)
    rows: list[dict] = []
    for paths in _parts(manifest["path"].tolist(), batch_size):
        images, reasons = squeezed(paths, localizer.size)
        found = localizer.predict(images, batch_size)
        for k, (path, mask, box, sure) in enumerate(zip(paths, *found, strict=True)):
            row: dict[str, Any] = {"confidence": 0.0 if k in reasons else round(float(sure), 4)}
            if k in reasons:
                row["flag"] = f"{UNREADABLE}; {NOT_LOCATED}"
            elif sure < localizer.threshold:
                row["flag"] = NOT_LOCATED
            if k not in reasons:
                height, width = dimensions_of(Path(path))
                if "flag" not in row:
                    pixels = np.round(box * [width, height, width, height], 1)
                    row |= dict(zip(BOX, pixels.tolist(), strict=True))
                if masks is not None:
                    row["mask"] = _written(mask, height, width, Path(masks), len(rows))
            rows.append(row)
        if progress:
            progress(len(rows), len(manifest))
    columns = [*BOX, "confidence", "flag", *(["mask"] if masks is not None else [])]
    table = pd.DataFrame(rows, columns=columns, index=manifest.index)
    _warn(table["flag"], len(manifest))
    old = manifest.get("flags", pd.Series(None, index=manifest.index, dtype="object"))
    manifest = manifest.assign(**{c: table[c] for c in columns if c != "flag"})
    flags = [_joined(a, b) for a, b in zip(old, table["flag"], strict=True)]
    return manifest.assign(flags=pd.Series(flags, index=manifest.index, dtype="object"))


def _mask(logits: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """The largest region, its holes filled, and the confidence in it."""
    logits = cv2.resize(logits, (size, size), interpolation=cv2.INTER_LINEAR)
    share = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    count, regions, facts, _ = cv2.connectedComponentsWithStats((share > 0.5).astype(np.uint8))
    if count < 2:
        return np.zeros((size, size), bool), 0.0
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    if facts[largest, cv2.CC_STAT_AREA] < _LEAST * size**2:
        return np.zeros((size, size), bool), 0.0
    region = (regions == largest).astype(np.uint8)
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = cv2.drawContours(region, outlines, -1, 1, cv2.FILLED) > 0
    # Over the whole picture: a second region as likely as this one lowers it.
    return mask, float(2 * share[mask].sum() / (mask.sum() + share.sum()))


def _box(mask: np.ndarray) -> np.ndarray:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return np.array([left, top, width, height]) / len(mask)


def _written(mask: np.ndarray, height: int, width: int, folder: Path, row: int) -> str:
    scale = min(1.0, 512 / max(height, width))
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    picture = cv2.resize(mask.astype(np.uint8) * 255, shape, interpolation=cv2.INTER_LINEAR)
    path = folder.absolute() / f"{row}.png"
    with replacing(path) as part:
        cv2.imwrite(str(part), np.where(picture > 127, 255, 0).astype(np.uint8))
    return str(path)


def _warn(flags: pd.Series, count: int) -> None:
    flags = flags.fillna("").astype(str)
    unreadable = int(flags.str.contains(UNREADABLE).sum())
    lost = int((flags == NOT_LOCATED).sum())
    said = [f"in {lost} of {count} photographs the cervix was not located"] if lost else []
    said += [f"{unreadable} of {count} cannot be read"] if unreadable else []
    if said:
        warnings.warn(f"Flagged: {'; '.join(said)}.", stacklevel=3)


def _joined(old: object, new: object) -> str | None:
    """Flags after looking: what was found before, less our own words of an earlier look."""
    before = [] if pd.isna(old) else str(old).split("; ")  # type: ignore[call-overload]
    after = [] if pd.isna(new) else str(new).split("; ")  # type: ignore[call-overload]
    words = [w for w in before if w not in (NOT_LOCATED, UNREADABLE, "", *after)] + after
    return "; ".join(words) or None


def _parts(paths: list, size: int) -> Iterator[list]:
    return (paths[first : first + size] for first in range(0, len(paths), size))


def _keras(path: Path | str) -> Path:
    path = Path(path)
    if path.suffix != ".keras":
        raise UserError(f"{path}: a localiser's file ends in .keras, such as localizer.keras.")
    return path
