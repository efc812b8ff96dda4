"""A trained localiser: photographs become masks, boxes and how sure it is of them."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cervix_tf.data.decoding import UnreadableError
from cervix_tf.data.photographs import whole
from cervix_tf.data.threads import spread
from cervix_tf.errors import UserError
from cervix_tf.given import as_path
from cervix_tf.keras_card import load_card, load_network, save_model
from cervix_tf.segmentation.mask_files import largest_part

if TYPE_CHECKING:
    import keras

CARD = "localizer.json"  # inside the file, beside Keras' own entries
SHIPPED = Path(__file__).parent / "phantoms.keras"
_SMALLEST = 0.002  # of the picture's area: a smaller mask is taken for nothing


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

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of all that its masks depend on: size, threshold and weights."""
        content = hashlib.sha256(f"{self.size} {self.threshold}".encode())
        for weights in self.network.get_weights():
            content.update(weights.tobytes())
        return content.hexdigest()[:16]

    def predict(
        self, images: np.ndarray, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the cervix in photographs squeezed to squares.

        Args:
            images: RGB in [0, 255], (N, S, S, 3): whole photographs, as `squeezed` gives them.
            batch_size: Photographs at a time.

        Returns:
            Masks, bool (N, S, S), one connected region without holes, or empty; boxes, float (N, 4):
            left, top, width and height as fractions of the photograph's sides, the whole photograph
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
                    boxes[k] = np.array(cv2.boundingRect(masks[k].astype(np.uint8))) / self.size
        return masks, boxes, confidence

    def save(self, path: Path | str) -> None:
        """Write the localiser to one file that `load_localizer` reads.

        Args:
            path: The file, ending in `.keras`.
        """
        save_model(self.network, keras_file(path), {**self.card, "threshold": self.threshold}, CARD)


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
    from cervix_tf.segmentation.localizer import network as _registers  # noqa: F401

    path = as_path(path, "path") if path else SHIPPED
    if not path.is_file():
        raise UserError(f"The localiser {path} does not exist: train one by fit_localizer.")
    try:
        card = load_card(path, CARD)
        network = load_network(path)
        threshold = float(card.pop("threshold"))
    except Exception as error:  # a damaged archive fails in many ways
        raise UserError(f"{path} is no localiser: give a file that fit_localizer wrote.") from error
    return Localizer(network, threshold, card)


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

    spread(read, range(len(paths)))
    return images, reasons


def _mask(logits: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """The largest region, its holes filled, and the confidence in it."""
    logits = cv2.resize(logits, (size, size), interpolation=cv2.INTER_LINEAR)
    probabilities = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    mask = largest_part(probabilities > 0.5)
    if mask.sum() < _SMALLEST * size**2:
        return np.zeros((size, size), bool), 0.0
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = cv2.drawContours(np.zeros((size, size), np.uint8), outlines, -1, 1, cv2.FILLED) > 0
    # Over the whole picture: a second region as likely as this one lowers it.
    return mask, float(2 * probabilities[mask].sum() / (mask.sum() + probabilities.sum()))


def keras_file(path: Path | str) -> Path:
    """Check that a localiser's file is to end as Keras wants it."""
    path = as_path(path, "path")
    if path.suffix != ".keras":
        raise UserError(f"{path}: a localiser's file ends in .keras, such as localizer.keras.")
    return path
