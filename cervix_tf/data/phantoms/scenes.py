"""One photograph of a drawn cervix: framing, vaginal walls, speculum, light, wetness and camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from cervix_tf.data.phantoms.anatomy import MAP, REACH, Cervix
from cervix_tf.data.phantoms.textures import cloud, mix, smooth_noise, step, wave

INTERNAL = 320  # pixels along the shorter side that a scene is drawn at; larger ones are enlarged


@dataclass(frozen=True)
class Photograph:
    """A photograph with its truth.

    Attributes:
        picture: uint8 (H, W, 3), RGB.
        cervix: bool (H, W), where the cervix is seen.
        zone: bool (H, W), the visible part of the transformation zone.
        os: Pixel position (x, y) of the external os.
    """

    picture: np.ndarray
    cervix: np.ndarray
    zone: np.ndarray
    os: tuple[float, float]


def photograph(cervix: Cervix, rng, size, off_centre: float, distance) -> Photograph:
    """Take one photograph of a cervix; options as `phantom` takes them."""
    scale = min(1.0, INTERNAL / min(size))
    height, width = (max(8, round(side * scale)) for side in size)
    small, short = (height, width), min(height, width)

    # --- framing: the cervix's centre, radius and turn in this photograph
    radius = short / (2 * rng.uniform(*distance))
    centre = np.array([width, height]) * (0.5 + rng.uniform(-off_centre, off_centre, 2))
    turn = rng.normal(0, 0.15)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    os = centre + radius * (np.array([[cos, -sin], [sin, cos]]) @ np.array(cervix.os))
    edge = 0.12 * np.array([width, height])
    shift = np.clip(os, edge, np.array([width, height]) - edge) - os  # the os stays in view
    centre, os = centre + shift, os + shift

    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    u = (columns - np.float32(centre[0])) / np.float32(radius)
    v = (rows - np.float32(centre[1])) / np.float32(radius)
    far = np.hypot(u, v)
    zoom = MAP / (2 * REACH)
    turned = np.array([[cos, sin], [-sin, cos]]) * zoom / radius
    back = np.column_stack([turned, zoom * REACH - 0.5 - turned @ centre])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layers = [*cervix.colour, *cervix.relief]
    layers = [cv2.warpAffine(layer, back, (width, height), flags=flags) for layer in layers]
    colour, (slope_x, slope_y, inside, zone) = np.stack(layers[:3]), layers[3:]
    nx, ny = slope_x * cos - slope_y * sin, slope_x * sin + slope_y * cos

    # --- vaginal walls behind, with folds and the shadow in which the cervix stands
    folds = np.sin(9 * far + 1.5 * cloud(rng, small, 3, 2)) * 0.5 + 0.3 * cloud(rng, small, 9, 2)
    light = rng.normal(0, 0.3), rng.normal(-0.1, 0.3)
    shadow = step(far + 0.35 * (u * light[0] + v * light[1]), 0.85, rng.uniform(1.35, 1.9))
    behind = cervix.skin[:, None, None] * ((0.1 + 0.85 * shadow) * (1 + 0.25 * folds))

    # --- light on the dome, then everything that lies upon it
    shade = 1.0 - 0.4 * (nx * nx + ny * ny) - 0.5 * (nx * light[0] + ny * light[1])
    shade *= step(far, 1.1, 0.86) * 0.4 + 0.6
    colour *= np.clip(shade, 0.1, 1.3)
    wet = [sum(0.045 * smooth_noise(rng, small, n) for n in (14, 40, 80)) for _ in range(2)]
    colour, wet_blood = _blood(rng, colour, u, v, (os - centre) / radius, small)
    colour = _mucus(rng, colour, u, v, (os - centre) / radius, small)
    picture = mix(behind, colour, inside)
    shine = _glints(rng, nx + wet[0], ny + wet[1], small) * inside
    shine = np.maximum(shine, wet_blood * inside)
    fold_glint = step(folds + 1.2 * smooth_noise(rng, small, 40), 3.0, 3.4) * (1 - inside) * shadow
    picture = mix(picture, (1, 0.98, 0.97), np.maximum(shine, 0.7 * fold_glint))

    # --- what stands before the cervix: side walls and the speculum
    seen = inside
    for side in (-1, 1):
        if rng.random() < 0.45:
            picture, cover = _side_wall(rng, picture, side * u, v, cervix.skin, small)
            seen = seen * (1 - cover)
    picture, cover = _speculum(rng, picture, u, v, small)
    seen = seen * (1 - cover)
    if distance[1] > 1.5:  # from afar: skin and drapes around the speculum, out of focus
        tone = rng.uniform(0.15, 0.7) * (1 + 0.3 * cloud(rng, small, 2, 2))
        rough = far + 0.08 * cloud(rng, small, 3, 2)
        picture = mix(picture, cervix.skin[:, None, None] * tone, step(rough, 1.5, 1.9))

    # --- camera
    picture = _expose(rng, picture, u - light[0], v - light[1])
    blur = rng.uniform(0.3, 1.2) * short / 400
    picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur > 0.4 else picture
    full = _enlarge(picture, size, cv2.INTER_CUBIC)
    full = _grain(rng, full)
    seen_full = _enlarge(seen.astype(np.float32), size) > 0.5
    zone_full = _enlarge((zone * seen).astype(np.float32), size) > 0.5
    ratio = np.array([size[1] / width, size[0] / height])
    x, y = (os + 0.5) * ratio - 0.5
    return Photograph(full, seen_full, zone_full & seen_full, (float(x), float(y)))


def _enlarge(array, size, how=cv2.INTER_LINEAR):
    return cv2.resize(array, (size[1], size[0]), interpolation=how)


def _glints(rng, nx, ny, size):
    """White reflections of one to three lamps wherever the wet surface faces them."""
    shine = np.zeros(size, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        hx, hy = rng.normal(0, 0.28, 2)
        off = (nx - np.float32(hx)) ** 2 + (ny - np.float32(hy)) ** 2
        shine = np.maximum(shine, step(off, 0.006, 0.002) * rng.uniform(0.6, 1))
        broad = np.exp(-off * np.float32(rng.uniform(20, 45)))
        shine = np.maximum(shine, broad * rng.uniform(0, 0.25))
    return shine


def _blood(rng, colour, u, v, os, size):
    """Blood that starts at the os or anywhere else and runs down; and the glints upon it."""
    if rng.random() < 0.45:
        return colour, np.zeros(size, np.float32)
    start = os if rng.random() < 0.4 else rng.uniform(-0.6, 0.6, 2)
    down = v - np.float32(start[1])
    aside = u - np.float32(start[0]) + 0.12 * smooth_noise(rng, size, 5)
    run = np.float32(rng.uniform(0.1, 0.5))
    shape = np.exp(-((aside / rng.uniform(0.08, 0.25)) ** 2) - (np.maximum(down, 0) / run) ** 2)
    shape *= step(down, -0.12, 0.02)
    cover = step(shape + 0.22 * cloud(rng, size, 22, 3), 0.62, 0.78) * step(shape, 0.04, 0.12)
    dark = np.array([rng.uniform(0.4, 0.72), 0.02, 0.05], np.float32)
    glint = step(smooth_noise(rng, size, 50), 1.7, 2.0) * cover
    return mix(colour, dark, cover * rng.uniform(0.75, 0.97)), glint


def _mucus(rng, colour, u, v, os, size):
    """A translucent whitish plug at the os, or strings elsewhere."""
    if rng.random() < 0.55:
        return colour
    start = os if rng.random() < 0.5 else rng.uniform(-0.6, 0.6, 2)
    near = np.hypot((u - np.float32(start[0])) * 1.3, v - np.float32(start[1] + 0.05))
    near += 0.05 * cloud(rng, size, 12, 2)
    reach = rng.uniform(0.07, 0.2)
    body = step(near, reach, 0.7 * reach)
    tint = np.array([0.88, 0.84, rng.uniform(0.62, 0.82)], np.float32)
    return mix(colour, tint, body * rng.uniform(0.15, 0.5))


def _side_wall(rng, picture, u, v, skin, size):
    """A fold of the vaginal wall that bulges in from one side; the picture and what it covers."""
    edge = rng.uniform(0.72, 1.1) + 0.12 * np.sin(v * rng.uniform(2, 5) + rng.uniform(0, 6))
    depth = u - edge.astype(np.float32) + 0.03 * cloud(rng, size, 8, 2)
    cover = step(depth, -0.02, 0.03)
    round_ = np.sqrt(np.clip(1 - (1 - np.clip(depth / 0.35, 0, 1)) ** 2, 0, 1))
    tone = (0.3 + 0.55 * round_) * (1 + 0.12 * cloud(rng, size, 7, 2)) * rng.uniform(0.6, 1)
    flesh = skin[:, None, None] * tone
    ridge = np.exp(-(((depth - 0.1) / 0.05) ** 2))
    glint = step(ridge + 0.3 * smooth_noise(rng, size, 45), 1.25, 1.4)
    return mix(picture, mix(flesh, (1, 0.97, 0.96), 0.8 * glint), cover), cover


def _speculum(rng, picture, u, v, size):
    """Metal, clear plastic or dark blades above and below; the picture and what they cover."""
    axis = rng.normal(0, 0.35)
    p = u * np.float32(np.cos(axis)) + v * np.float32(np.sin(axis))
    q = v * np.float32(np.cos(axis)) - u * np.float32(np.sin(axis))
    kind = rng.choice(3, p=[0.45, 0.3, 0.25])
    body, shine = [((0.42, 0.44, 0.42), 0.9), ((0.62, 0.62, 0.64), 0.6), ((0.1, 0.1, 0.1), 0.4)][
        kind
    ]
    tint = np.array(body, np.float32) * rng.uniform(0.7, 1.15)
    total = np.zeros(size, np.float32)
    for side in (-1, 1):
        if rng.random() < 0.25:
            continue
        bend = rng.uniform(1.2, 2.2)  # radius of the blade's curve
        lip = rng.uniform(0.85, 1.2)
        depth = np.hypot(p - np.float32(rng.normal(0, 0.15)), side * q - np.float32(lip - bend))
        depth -= np.float32(bend)
        cover = step(depth, -0.015, 0.025) * step(side * q, 0, 0.2)
        rim = np.exp(-(((depth - 0.05) / 0.035) ** 2)) * shine
        rim *= np.clip(0.5 + 0.5 * wave(rng, 3 * p, 3), 0, 1)
        ramp = np.clip(0.25 + 0.6 * depth + 0.25 * wave(rng, 2.2 * p + depth, 3), 0.06, 1.2)
        blade = tint[:, None, None] * (ramp + 0.15 * rim)
        blade = mix(blade, picture, np.full(size, 0.2 if kind == 1 else 0.05, np.float32))
        shaded = picture * (1 - 0.5 * step(depth, -0.16, 0) * step(side * q, 0, 0.2))
        picture = mix(shaded, blade, cover)
        picture = mix(picture, (0.97, 0.99, 0.97), rim * cover)
        total = np.maximum(total, cover)
    return picture, total


def _expose(rng, picture, u, v):
    """Vignette, colour of the light, exposure and contrast; uint8 (H, W, 3)."""
    falloff = 1 / (1 + np.float32(rng.uniform(0.05, 0.3)) * (u * u + v * v))
    tint = 1 + rng.normal(0, 1, 3) * np.array([0.04, 0.04, 0.07])
    gain = (tint * rng.uniform(0.75, 1.3)).astype(np.float32)
    lit = np.clip(picture * (gain[:, None, None] * falloff), 0, 2)
    table = np.linspace(0, 2, 1025)
    curve = np.where(table > 0.8, 0.8 + 0.2 * np.tanh((table - 0.8) / 0.2), table)
    curve = np.clip(255 * curve ** rng.uniform(0.85, 1.2), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(curve[(lit * 512).astype(np.int16)].transpose(1, 2, 0))


def _grain(rng, picture):
    """Sensor noise at full size, cut from one tile so that a large photograph costs little."""
    tile = rng.standard_normal((256, 256, 3), dtype=np.float32) * rng.uniform(1.5, 6)
    tile = cv2.GaussianBlur(tile, (0, 0), 0.6)
    height, width = picture.shape[:2]
    tile = np.tile(tile.astype(np.int8), (-(-height // 256), -(-width // 256), 1))[:height, :width]
    return cv2.add(picture, tile, dtype=cv2.CV_8U)
