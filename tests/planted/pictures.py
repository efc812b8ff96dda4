"""Squares altered on purpose, and strange pictures, to see what an audit flags; used by a test too."""

import cv2
import numpy as np


def clipped(values):
    """As bytes, too bright ones white."""
    return np.clip(values, 0, 255).astype(np.uint8)


def grey(picture):
    return picture.astype(np.float32) @ np.float32([0.3, 0.6, 0.1])


ALTERED = {
    "green": lambda p: clipped(grey(p)[..., None] * [0.25, 1, 0.35]),
    "iodine": lambda p: clipped(grey(p)[..., None] * [0.9, 0.5, 0.12]),
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 3),
    "dark": lambda p: clipped(p * 0.25),
    "over-exposed": lambda p: clipped(p * 3.0),
}


def page(seed, paper=(250, 248, 240)):
    random = np.random.default_rng(seed)
    picture = np.full((900, 900, 3), paper, np.uint8)
    for line in range(60, 860, 40):
        words = "".join(random.choice([*"abcdefgh  "], 60))
        cv2.putText(picture, words, (40, line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 30), 2)
    return cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)


def landscape():
    down = np.linspace(0, 1, 128)[:, None, None]
    sky, ground = np.array([80, 140, 230]), np.array([60, 140, 50])
    halves = [sky + down * [100, 80, 20], ground - down * [30, 70, 30]]
    return clipped(np.concatenate(halves) * np.ones((1, 256, 1)))


def face():
    picture = np.full((256, 256, 3), (200, 205, 215), np.uint8)
    cv2.ellipse(picture, (128, 128), (60, 83), 0, 0, 360, (225, 180, 150), -1)
    for x in (106, 150):
        cv2.circle(picture, (x, 106), 8, (250, 250, 250), -1)
        cv2.circle(picture, (x, 106), 4, (60, 40, 30), -1)
    cv2.ellipse(picture, (128, 163), (22, 10), 0, 0, 180, (170, 60, 60), -1)
    cv2.ellipse(picture, (128, 73), (64, 41), 0, 180, 360, (50, 30, 20), -1)
    return picture


HARDER = {
    "green": lambda p: clipped(p * [0.4, 1, 0.5]),
    "iodine": lambda p: clipped(p * [0.9, 0.6, 0.25]),
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 2),
}
PICTURES = {
    "page": page(1),
    "yellow page": page(2, (205, 190, 160)),
    "landscape": landscape(),
    "drawn face": face(),
}
STRANGE = [*PICTURES.values()]
