"""A layer that takes a random view of each photograph in one resampling, or cuts out the centre."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from cervix_tf.data.crops import centre_crop
from cervix_tf.data.keyed_random import uniform
from cervix_tf.data.warping import colour_matrices, render
from cervix_tf.errors import UserError

# The numbers drawn for each image, in this order: a new one goes to the end.
DRAWS = (
    "flip_x", "flip_y", "quarter", "rotation", "scale",
    "shift_x", "shift_y", "brightness", "contrast", "hue", "saturation",
    "erase", "erase_area", "erase_aspect", "erase_x", "erase_y", "red", "green", "blue",
)  # fmt: skip

COLOURS = "brightness", "contrast", "hue", "saturation"

# Options of `RandomView` with which every view is the centre crop.
STILL: dict[str, Any] = {
    "flip": False, "quarter_turns": False, "rotation": 0.0, "scale": (1.0, 1.0), "crop": 0.0,
}  # fmt: skip

_OWN = "size", "seed", "jit", "kwargs"  # what an augmentation does not choose

# What random erasing covers, as Zhong et al. chose it.
ERASED_AREA = 0.02, 0.4  # share of the view
ERASED_ASPECT = 0.3, 1 / 0.3  # height to width


@keras.saving.register_keras_serializable("cervix_tf")
class RandomView(keras.layers.Layer):
    """Flips, quarter turns, rotation, scale and shift in one bilinear resampling; colour; erasing.

    The defaults are those of a recipe's `augment`; `**STILL` makes every view the centre crop.

    Args:
        size: Side S of the images handed out, in pixels.
        flip: Whether to mirror left to right and top to bottom, each in half of the views.
        quarter_turns: Whether to turn by 0, 90, 180 or 270 degrees.
        rotation: Largest free rotation in degrees, drawn uniformly from both sides of 0.
        scale: Smallest and largest magnification, drawn uniformly in its logarithm.
        crop: Largest shift of the window, along each axis, as a fraction of S; whole pixels.
        brightness: Largest change of the brightness factor from 1, in [0, 1].
        contrast: Largest change of the contrast factor from 1, about mid grey, in [0, 1].
        hue: Largest turn of the colours about the grey axis, as a fraction of a full turn, in [0, 0.5].
        saturation: Largest change of the saturation factor from 1, in [0, 1]; at 0 a view is grey.
        erase: Probability that a rectangle of one random colour covers 2 to 40 % of the view.
        seed: Decides the views, together with the keys of a call; 0 or more.
        jit: Whether XLA draws them; None for wherever it can.

    Raises:
        UserError: An option is out of its range.

    Following: section 5.1 of the report (flips, quarter turns, rotation, crop, scale); random erasing:
    Zhong et al. 2020.

    Example:
        >>> view = RandomView(224, rotation=20.0, hue=0.05)
        >>> view(images, keys=[[0, 7]], training=True)  # images: (1, 256, 256, 3)
    """

    def __init__(
        self,
        size: int,
        flip: bool = True,
        quarter_turns: bool = True,
        rotation: float = 180.0,
        scale: tuple[float, float] = (0.9, 1.2),
        crop: float = 0.06,
        brightness: float = 0.0,
        contrast: float = 0.0,
        hue: float = 0.0,
        saturation: float = 0.0,
        erase: float = 0.0,
        seed: int = 0,
        jit: bool | None = None,
        **kwargs,
    ):
        super().__init__(**{"trainable": False, "dtype": "float32", **kwargs})
        self.autocast = False  # uint8 comes in as it is: a quarter of the memory to be read
        self.options: dict[str, Any] = {
            "size": size,
            "flip": flip,
            "quarter_turns": quarter_turns,
            "rotation": float(rotation),
            "scale": (float(scale[0]), float(scale[1])),
            "crop": float(crop),
            "brightness": float(brightness),
            "contrast": float(contrast),
            "hue": float(hue),
            "saturation": float(saturation),
            "erase": float(erase),
            "seed": seed,
        }
        _check(self.options)
        self.size, self.jit = size, jit
        self._calls = keras.random.SeedGenerator(seed)

    def call(self, images, keys=None, training=False):
        """Take a view of each image.

        Args:
            images: RGB in [0, 255], uint8 or float, (B, P, P, 3), P at least S for the centre crop.
                Channels behind these, such as a mask, take part in the move and not in the colours.
            keys: int32 (B, 2), epoch and index of each photograph: the view is a pure function of
                the seed and these. Without them every call draws new views.
            training: Whether to draw views; otherwise, and with no option set, the centre crop.

        Returns:
            RGB in [0, 255], float32, (B, S, S, 3 or more). The centre crop is exact, and so are views
            with no more than flips, quarter turns and shifts. What lies beyond the border is the
            photograph mirrored, the outermost pixel doubled.
        """
        images = tf.convert_to_tensor(images)
        if not training or self._is_still():
            return tf.cast(centre_crop(images, self.size), tf.float32)
        if keys is None:
            call = tf.cast(self._calls.next()[1:], tf.int64)  # how many calls came before
            index = tf.range(tf.shape(images)[0], dtype=tf.int64)
            keys = tf.stack([tf.broadcast_to(call, tf.shape(index)), index], 1)
        drawn = self.draw(keys)
        colours = erased = None
        if any(self.options[name] for name in COLOURS):
            colours = colour_matrices(*(drawn[name] for name in COLOURS))
        if self.options["erase"]:
            erased = drawn["rectangle"], drawn["fill"]
        return render(
            images, self.matrices(drawn, images.shape[1]), self.size, colours, erased, self.jit
        )

    def draw(self, keys) -> dict[str, tf.Tensor]:
        """Draw the parameters of a view for each key.

        Args:
            keys: int32 (B, 2), epoch and index of each photograph.

        Returns:
            float32 (B,) each: `flip_x` and `flip_y` (1 or -1), `quarter` (0 to 3, quarter turns),
            `rotation` (radians), `scale` (magnification), `shift_x` and `shift_y` (pixels of the
            window), `brightness`, `contrast` and `saturation` (factors), `hue` (radians); `rectangle`
            (B, 4): top, left, bottom and right edge of what is erased, in pixels, all 0 for nothing;
            `fill` (B, 3), its colour.
        """
        o = self.options
        low, high = o["scale"]
        numbers = uniform(tf.cast(keys, tf.int64), o["seed"], len(DRAWS))
        lot = dict(zip(DRAWS, tf.unstack(numbers, axis=1), strict=True))
        even = {name: 2 * number - 1 for name, number in lot.items()}  # in [-1, 1)
        still = tf.ones_like(lot["scale"])
        return {
            "flip_x": tf.where(lot["flip_x"] < 0.5, -still, still) if o["flip"] else still,
            "flip_y": tf.where(lot["flip_y"] < 0.5, -still, still) if o["flip"] else still,
            "quarter": tf.floor(lot["quarter"] * (4 if o["quarter_turns"] else 0)),
            "rotation": even["rotation"] * math.radians(o["rotation"]),
            "scale": low * tf.pow(high / low, lot["scale"]) if low != high else low * still,
            "shift_x": tf.round(even["shift_x"] * o["crop"] * self.size),
            "shift_y": tf.round(even["shift_y"] * o["crop"] * self.size),
            "brightness": 1 + even["brightness"] * o["brightness"],
            "contrast": 1 + even["contrast"] * o["contrast"],
            "hue": even["hue"] * (2 * math.pi * o["hue"]),
            "saturation": 1 + even["saturation"] * o["saturation"],
            "rectangle": self._rectangle(lot),
            "fill": 255 * tf.stack([lot["red"], lot["green"], lot["blue"]], 1),
        }

    def _rectangle(self, lot: dict[str, tf.Tensor]) -> tf.Tensor:
        """Whole pixels to erase, inside the view: area even, aspect even in its logarithm."""
        low, high = ERASED_AREA
        area = low + (high - low) * lot["erase_area"]
        low, high = ERASED_ASPECT
        aspect = low * tf.pow(high / low, lot["erase_aspect"])
        height, width = (
            tf.minimum(tf.round(self.size * tf.sqrt(part)), self.size)
            for part in (area * aspect, area / aspect)
        )
        top = tf.round(lot["erase_y"] * (self.size - height))
        left = tf.round(lot["erase_x"] * (self.size - width))
        edges = tf.stack([top, left, top + height, left + width], 1)
        return tf.where(lot["erase"][:, None] < self.options["erase"], edges, 0.0)

    def matrices(self, drawn: dict[str, tf.Tensor], side: int) -> tf.Tensor:
        """Turn drawn parameters into the affine maps of the views.

        A pixel of the view is, counted from its centre, mirrored, turned freely and by quarters
        (counter-clockwise), shrunk by the magnification and shifted, which gives the place in the
        photograph, counted from its centre, where the pixel is read.

        Args:
            drawn: What `draw` returns.
            side: Side P of the photographs in pixels.

        Returns:
            float32 (B, 2, 3): x and y in the photograph from (x, y, 1) in the view, in pixels.
        """
        cos, sin = tf.ones_like(drawn["scale"]), tf.zeros_like(drawn["scale"])
        if self.options["rotation"]:  # else 1 and 0 to the bit, on every device
            cos, sin = tf.cos(drawn["rotation"]), tf.sin(drawn["rotation"])
        # A quarter turn takes (cos, sin) to (-sin, cos).
        odd, half = drawn["quarter"] % 2 >= 1, drawn["quarter"] >= 2
        cos, sin = tf.where(odd, -sin, cos), tf.where(odd, cos, sin)
        cos, sin = tf.where(half, -cos, cos), tf.where(half, -sin, sin)
        cos, sin = cos / drawn["scale"], sin / drawn["scale"]
        x, y = drawn["flip_x"], drawn["flip_y"]
        turn = tf.stack([tf.stack([cos * x, -sin * y], 1), tf.stack([sin * x, cos * y], 1)], 1)
        shift = tf.stack([drawn["shift_x"], drawn["shift_y"]], 1)
        offset = (side - 1) / 2 - tf.reduce_sum(turn, 2) * ((self.size - 1) / 2) + shift
        return tf.concat([turn, offset[..., None]], 2)

    def compute_output_shape(self, input_shape):
        """Tell the shape of the views."""
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self):
        """Return the options, from which the layer can be made anew."""
        return {**super().get_config(), **self.options, "jit": self.jit}

    def _is_still(self) -> bool:
        o = self.options
        moved = o["flip"] or o["quarter_turns"] or o["rotation"] or o["scale"] != (1.0, 1.0)
        return not (moved or o["crop"] or o["erase"] or any(o[name] for name in COLOURS))


def random_view(size: int, augment: Mapping[str, Any], seed: int) -> RandomView:
    """Make a `RandomView` of options that a user gave.

    Args:
        size: Side S of the images handed out, in pixels.
        augment: Options of `RandomView` by name.
        seed: Decides the views.

    Returns:
        The layer.

    Raises:
        UserError: That are no options, one is not known, or its value is none of its kind.
    """
    known = [name for name in inspect.signature(RandomView).parameters if name not in _OWN]
    given = augment if isinstance(augment, Mapping) else [augment]
    for name in given:
        if given is not augment or name not in known:
            raise UserError(f"augment: {name!r} is no option: give a dict of {', '.join(known)}.")
    try:
        return RandomView(size, seed=seed, **augment)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"augment={augment}: {error}; give numbers, and two of them as scale."
        ) from error


def _check(options: dict[str, Any]) -> None:
    low, high = options["scale"]
    ranges = {
        "size": options["size"] >= 1,
        "rotation": 0 <= options["rotation"] <= 180,
        "scale": 0 < low <= high,
        "crop": 0 <= options["crop"] <= 1,
        "brightness": 0 <= options["brightness"] <= 1,
        "contrast": 0 <= options["contrast"] <= 1,
        "hue": 0 <= options["hue"] <= 0.5,
        "saturation": 0 <= options["saturation"] <= 1,
        "erase": 0 <= options["erase"] <= 1,
        "seed": options["seed"] >= 0,
    }
    for name, good in ranges.items():
        if not good:
            raise UserError(f"augment: {name} is out of its range; received {options[name]}.")
