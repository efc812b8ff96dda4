"""The texts of a figure drawn letter by letter: no formulas, and a font that has the letters."""

import functools
import unicodedata
import warnings
from collections.abc import Iterator

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter, LogFormatter, ScalarFormatter

from cervix_tf.screen import printable

BOX = "\u25a1"  # in place of a letter that no font has
# Fonts of symbols for formulas, of boxes alone, and of colours, which cannot be drawn.
_NO_FONTS = ("stix", "cm", "last resort", "emoji", "color")


def literal(figure: Figure) -> None:
    """Make all texts of a figure be drawn as they are, but for an axis' numbers.

    Args:
        figure: The figure; its texts are changed.

    Warns:
        UserWarning: No font has some of the letters, once a process.
    """
    for axis in [one for one in _axes(figure) if not _numbers(one)]:
        if not isinstance(axis.get_major_formatter(), _Literal):
            axis.set_major_formatter(_Literal(axis.get_major_formatter()))
        axis.get_majorticklabels()  # asks the formatter
    for text in _texts(figure):
        text.set_parse_math(False)
        if not text.get_text().isascii() or not text.get_text().isprintable():
            text.set_text(shown(text.get_text()))
            others = [font for letter in text.get_text() if (font := _font(letter))]
            text.set_fontfamily(list(dict.fromkeys([*text.get_fontfamily(), *others])))


def shown(text: str) -> str:
    r"""Write what a figure shows of a text.

    Args:
        text: Any text.

    Returns:
        The text, `\x92` in place of what is no letter, and boxes in place of letters that no font has.

    Warns:
        UserWarning: No font has some of the letters, once a process.
    """
    letters = [
        f"\\x{ord(letter):02x}"
        if unicodedata.category(letter) == "Cc" and letter != "\n"
        else letter
        for letter in printable(text)
    ]
    return "".join(BOX if len(one) == 1 and _font(one) is None else one for one in letters)


class _Literal(Formatter):
    """What another formatter writes, as it can be drawn."""

    def __init__(self, other: Formatter):
        self.other = other

    def __call__(self, x: float, pos: int | None = None) -> str:
        return shown(self.other(x, pos))

    def format_ticks(self, values: list[float]) -> list[str]:
        return [shown(text) for text in self.other.format_ticks(values)]

    def get_offset(self) -> str:
        return self.other.get_offset()

    def set_locs(self, locs: list[float]) -> None:
        self.other.set_locs(locs)


def font_of(letter: str) -> str | None:
    """Name the font to take a letter from.

    Args:
        letter: One letter.

    Returns:
        The font's name, an empty one for the usual font, None if none on this machine has the letter.

    Example:
        >>> font_of("A")
        ''
    """
    if letter == "\n" or ord(letter) in _letters(
        font_manager.findfont(font_manager.FontProperties())
    ):
        return ""
    for name, file in _fonts().items():
        if ord(letter) in _letters(file):
            return name
    return None


@functools.cache
def _font(letter: str) -> str | None:
    """As `font_of`, which says once that a letter is in no font."""
    if (found := font_of(letter)) is None:
        _say_once(letter)
    return found


@functools.cache
def _fonts() -> dict[str, str]:
    found = sorted((font.name, font.fname) for font in font_manager.fontManager.ttflist)
    return {name: file for name, file in found if not name.lower().startswith(_NO_FONTS[:3])
            and not any(word in name.lower() for word in _NO_FONTS[3:])}  # fmt: skip


@functools.cache
def _letters(file: str) -> frozenset[int]:
    try:
        return frozenset(font_manager.get_font(file).get_charmap())
    except Exception:  # a damaged font is none
        return frozenset()


_said: list[str] = []


def _say_once(letter: str) -> None:
    if not _said:
        _said.append(letter)
        warnings.warn(
            f"No font on this machine has the letter {letter!r}, nor perhaps others like it: figures "
            "show boxes in their place. Install a font that has them, such as Noto Sans CJK.",
            stacklevel=2,
        )


def _numbers(axis: Axis) -> bool:
    return isinstance(axis.get_major_formatter(), ScalarFormatter | LogFormatter)


def _axes(figure: Figure) -> Iterator[Axis]:
    """The axes that are drawn. Their ticks are not looked at: Matplotlib makes these when it is asked."""
    for one in figure.axes:
        for part in (one, *one.child_axes):
            if part.axison:
                yield from (part.xaxis, part.yaxis)


def _texts(artist: Artist) -> Iterator[Text]:
    """The texts that are drawn, but for an axis' numbers, which may be formulas (powers of ten)."""
    if isinstance(artist, Text):
        yield artist
    if isinstance(artist, Axis) and _numbers(artist):
        yield artist.label
        return
    for child in artist.get_children():
        if not (isinstance(child, Axis) and not child.axes.axison):
            yield from _texts(child)
