"""One drawn patient: the cervix as a map that any number of photographs are then taken of.

What tells the types apart is drawn here and nowhere else: how much of the red columnar epithelium,
and of the squamocolumnar junction that bounds it, lies outside the os. Every patient has the same
amount of red and of pale rim whatever the type: what does not lie at the os is spent on inflamed
patches away from it.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from cervix_tf.data.phantoms.textures import cloud, level_for_area, mix, smooth_noise, step, wave

MAP = 320  # pixels along the side of the map
FADE = 0.3  # red far from the middle is painted lighter, to look alike in its dimmer light
REACH = 1.3  # the map spans -REACH to REACH, in radii of the cervix


@dataclass(frozen=True)
class Cervix:
    """A cervix seen face on, on a MAP x MAP grid.

    Attributes:
        colour: float32 (3, MAP, MAP), RGB reflectance in [0, 1].
        relief: float32 (4, MAP, MAP): slope to the right, slope downwards, inside the cervix (0 to 1),
            visible transformation zone (0 to 1).
        os: Position (x, y) of the external os in radii from the centre.
        skin: Reflectance (3,) of the surrounding vaginal wall.
    """

    colour: np.ndarray
    relief: np.ndarray
    os: tuple[float, float]
    skin: np.ndarray


def draw_cervix(kind: int, rng: np.random.Generator) -> Cervix:
    """Draw one patient's cervix.

    Its kind is 1 (junction wholly outside the os and visible), 2 (partly inside) or 3 (not visible).
    """
    size = (MAP, MAP)
    x, y, radius, angle = _grid()
    outline = 1 + 0.06 * wave(rng, angle, 4)
    inside = step(radius - outline, 0.03, -0.08)

    # --- the os: a dot, a slit or a gape
    os_x, os_y = (float(v) for v in rng.uniform(-0.25, 0.25, 2))
    length, height = _os_axes(rng)
    turn = np.float32(rng.normal(0, 0.25))
    along = (x - os_x) * np.cos(turn) + (y - os_y) * np.sin(turn)
    across = (y - os_y) * np.cos(turn) - (x - os_x) * np.sin(turn)
    across = across + rng.normal(0, 0.6) * along**2 + 0.012 * cloud(rng, size, 18, 2)
    ellipse = np.hypot(along / np.float32(length), across / np.float32(height))
    opening = step(ellipse, 1.15, 0.75)
    away = _distance(ellipse < 1)  # radii from the edge of the os
    bearing = np.arctan2(y - np.float32(os_y), x - np.float32(os_x))

    # --- red areas: the same sum for every type
    total = rng.uniform(0.11, 0.25)
    ragged = 0.045 * cloud(rng, size, 9, 4)
    at_os, shown, visible = _at_os(kind, rng, away, bearing, ragged, inside, total)
    elsewhere = _elsewhere(rng, x, y, (os_x, os_y), away, ragged, at_os, inside, total - shown)
    red = np.maximum(at_os, elsewhere)

    # --- the pale rim outside the red: the transformation zone, and its like around other patches
    outward = _distance(red > 0.5) * np.exp(0.4 * smooth_noise(rng, size, 7))
    # Where the junction lies in the canal, no rim runs along the os.
    room = np.where(visible, step(away, 0.05, 0.07), step(away + ragged, 0.1, 0.4))
    free = (1 - red) * room
    level = level_for_area(-outward - np.float32(9) * (free < 0.5), inside, rng.uniform(0.14, 0.24))
    rim = step(-outward, level - 0.04, level + 0.04) * free
    nearest_os = _distance(at_os > 0.5) < _distance(elsewhere > 0.5)
    zone = rim * inside * (nearest_os & visible)

    # --- colour
    skin = _pink(rng)
    columnar = (
        skin * np.array([0.92, 0.42, 0.4], np.float32) * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    )
    fleck = smooth_noise(rng, size, 75)
    colour = skin[:, None, None] * (1 + 0.06 * cloud(rng, size, 4, 5))
    flush = step(cloud(rng, size, 3, 3), 0.3, 2.2) * rng.uniform(0, 0.45)
    colour = mix(colour, columnar, flush)
    villi = columnar[:, None, None] * (1 + 0.1 * fleck + 0.08 * cloud(rng, size, 12, 3))
    villi *= 1 + FADE * radius**2
    thick = np.clip(0.92 + 0.16 * cloud(rng, size, 9, 3), 0.4, 1) * rng.uniform(0.65, 0.97)
    colour = mix(colour, villi, red * thick)
    pallor = np.clip(0.5 + 0.3 * cloud(rng, size, 8, 4), 0.05, 1) * rng.uniform(0.2, 0.75)
    colour = mix(colour, (0.93, 0.8, 0.77), rim * pallor)
    colour = mix(colour, columnar * 0.8, _dots(rng, x, y, (0.006, 0.02), 16))
    cysts = _dots(rng, x, y, (0.025, 0.06), 4)
    colour = mix(colour, (0.9, 0.78, 0.6), 0.5 * cysts)
    deep = np.array([0.2, 0.04, 0.05], np.float32) * rng.uniform(0.5, 1.6)
    colour = mix(colour, deep, opening * rng.uniform(0.8, 1))
    colour = mix(colour, deep, 0.35 * step(away, 0.05, 0) * (1 - opening))

    # --- relief: a dome, lips that roll into the os, villi on the red, an uneven wet film
    bump = 0.003 * red * fleck + 0.012 * cv2.GaussianBlur(cysts, (0, 0), 4)
    bump += 0.010 * cloud(rng, size, 7, 3) - 0.055 * step(away, 0.18, 0)
    bump += 0.0008 * smooth_noise(rng, size, 60)
    slope_x = cv2.Sobel(bump, cv2.CV_32F, 1, 0, scale=MAP / (16 * REACH))
    slope_y = cv2.Sobel(bump, cv2.CV_32F, 0, 1, scale=MAP / (16 * REACH))
    dome = 0.3 + 0.45 * np.minimum(radius, 1.05) ** 2
    relief = np.stack([x * dome - slope_x, y * dome - slope_y, inside, zone])
    return Cervix(colour, relief, (os_x, os_y), skin)


@functools.cache
def _grid() -> tuple[np.ndarray, ...]:
    """Each pixel's x, y, distance and direction from the centre: the same for every patient."""
    line = np.linspace(-REACH, REACH, MAP, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    grid = x, y, np.hypot(x, y), np.arctan2(y, x)
    for part in grid:
        part.flags.writeable = False
    return grid


def _os_axes(rng: np.random.Generator) -> tuple[float, float]:
    shape = rng.choice(3)
    if shape == 0:  # a dot, as before a first birth
        half = rng.uniform(0.06, 0.1)
        return half * rng.uniform(0.9, 1.25), half
    if shape == 1:  # a slit
        return rng.uniform(0.13, 0.24), rng.uniform(0.04, 0.06)
    return rng.uniform(0.12, 0.2), rng.uniform(0.08, 0.12)  # a gape


def _pink(rng: np.random.Generator) -> np.ndarray:
    pale, deep = np.array([0.86, 0.59, 0.56]), np.array([0.8, 0.38, 0.41])
    tint = pale + (deep - pale) * rng.uniform(0, 1) + rng.normal(0, 0.02, 3)
    return tint.astype(np.float32)


def _distance(mask: np.ndarray) -> np.ndarray:
    """Radii of the cervix from each pixel to the nearest one of a mask; far if there is none."""
    if not mask.any():
        return np.full(mask.shape, 9, np.float32)
    pixels = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return pixels * np.float32(2 * REACH / MAP)


def _at_os(kind, rng, away, bearing, ragged, inside, total):
    """Columnar epithelium outside the os, its share of the cervix, and where the junction shows."""
    reach = np.exp(0.22 * wave(rng, bearing, 4))
    share = total * rng.uniform(0.8, 1.0)
    middle, width = rng.uniform(-np.pi, np.pi), rng.uniform(0.8, 1.25)
    if kind == 3:
        return np.zeros_like(away), 0.0, np.zeros(away.shape, bool)
    visible = np.ones(away.shape, bool)
    if kind == 2:  # visible over 90 to 145 degrees only; elsewhere the junction is in the canal
        off = np.abs(np.angle(np.exp(1j * (bearing - middle)))).astype(np.float32)
        reach = reach * step(off, width + 0.35, width - 0.35) + 1e-3
        share *= 0.6
        visible = off < width + 0.35
    score = -(away + ragged) / reach - np.float32(9) * (away <= 0)
    level = level_for_area(score, inside, share)
    soft = 0.13 * abs(level)
    return step(score, level - soft, level + soft) * (away > 0), share, visible


def _elsewhere(rng, x, y, os, away, ragged, at_os, inside, share):
    """Inflamed red patches that keep clear of the os and of the red around it."""
    score = np.full_like(x, -9)
    first = rng.uniform(0, 2 * np.pi)
    count = int(rng.integers(1, 4))
    for k in range(count):
        angle = first + 2 * np.pi * k / count + rng.normal(0, 0.35)
        out, wide = rng.uniform(0.45, 0.65), rng.uniform(0.6, 1.4)
        middle = 0.6 * np.array(os) + out * np.array([np.cos(angle), np.sin(angle)])
        patch = np.hypot(x - np.float32(middle[0]), y - np.float32(middle[1]))
        score = np.maximum(score, -patch / np.float32(wide))
    clear = np.minimum(away, _distance(at_os > 0.5))
    score = score - ragged - 9 * step(clear, 0.2, 0.12)
    level = level_for_area(score, inside, share)
    if np.isinf(level):
        return np.zeros_like(x)
    return step(score, level - 0.045, level + 0.045)


def _dots(rng, x, y, sizes, most):
    """Up to `most` round spots scattered over the cervix; float32 in [0, 1]."""
    spots = np.zeros(x.shape, np.uint8)
    for _ in range(int(rng.integers(0, most + 1))):
        centre = (rng.uniform(-0.9, 0.9, 2) + REACH) * MAP / (2 * REACH)
        size = max(1, round(rng.uniform(*sizes) * MAP / (2 * REACH)))
        cv2.circle(spots, tuple(int(v) for v in centre), size, 255, -1, cv2.LINE_AA)
    return spots.astype(np.float32) / 255
