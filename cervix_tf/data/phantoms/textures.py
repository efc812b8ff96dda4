"""Random textures that the phantoms are made of: smooth noise, wavy lines and soft steps."""

import cv2
import numpy as np


def smooth_noise(rng: np.random.Generator, size: tuple[int, int], cells: float):
    """Draw smooth noise, float32 (height, width), about -3 to 3, with `cells` along the shorter side."""
    return cv2.resize(_grid(rng, size, cells), size[::-1], interpolation=cv2.INTER_CUBIC)


def cloud(rng: np.random.Generator, size: tuple[int, int], cells: float, octaves: int = 3):
    """Add octaves of smooth noise, each twice as fine and half as strong; float32 (height, width)."""
    total = _grid(rng, size, cells)
    for octave in range(1, octaves):
        fine = _grid(rng, size, cells * 2**octave)
        total = cv2.resize(total, fine.shape[::-1], interpolation=cv2.INTER_CUBIC)
        total += 0.5**octave * fine
    return cv2.resize(total, size[::-1], interpolation=cv2.INTER_CUBIC)


def _grid(rng, size, cells):
    shape = [max(2, round(cells * side / min(size))) + 1 for side in size]
    return rng.standard_normal(shape, dtype=np.float32)


def wave(rng: np.random.Generator, angle: np.ndarray, harmonics: int = 5) -> np.ndarray:
    """Draw a smooth random function of an angle in radians, about one unit either side of zero."""
    total = np.zeros_like(angle)
    for k in range(1, harmonics + 1):
        total += np.float32(rng.normal() / k) * np.cos(k * angle + np.float32(rng.uniform(0, 7)))
    return total


def step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Rise smoothly from 0 at `low` to 1 at `high`; falls if `high` is below `low`."""
    t = np.asarray(value, np.float32) - np.float32(low)
    t *= np.float32(1 / (high - low))
    np.clip(t, 0, 1, out=t)
    return t * t * (3 - 2 * t)


def mix(under: np.ndarray, colour, amount: np.ndarray) -> np.ndarray:
    """Lay a colour (3,) or picture (3, H, W) over a picture with opacity `amount` (H, W).

    Pictures are drawn channel by channel, which is several times as fast as pixel by pixel.
    """
    over = np.asarray(colour, np.float32)
    if over.ndim == 1:
        over = over[:, None, None]
    mixed = over - under
    mixed *= amount
    mixed += under
    return mixed


def level_for_area(score: np.ndarray, weight: np.ndarray, area: float) -> float:
    """Find the level above which `score` covers `area`, 0 to 1, of the sum of `weight`."""
    if area <= 0:
        return float("inf")
    # Every third pixel settles the area to a fraction of a per cent.
    flat, heavy = score[::3, ::3].ravel(), weight[::3, ::3].ravel()
    order = np.argsort(-flat, kind="stable")
    covered = np.cumsum(heavy[order], dtype=np.float64)
    position = int(np.searchsorted(covered, area * covered[-1]))
    return float(flat[order[min(position, len(order) - 1)]])
