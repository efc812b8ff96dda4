"""What is shown on the screen: names with what a terminal obeys escaped, and no lines of C libraries."""

import contextlib
import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

# Control characters but the tab and the end of a line, those that turn the direction of writing, the
# separators of lines and paragraphs, and the bytes of a name that are control characters of 8 bits.
_OBEYED = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udc9f]"
)


def on_screen(text: str) -> str:
    r"""Write as `\x1b` or `\u202e` what a terminal would obey; tabs and ends of lines stay.

    Args:
        text: Any text.

    Returns:
        Text that can be shown.

    Example:
        >>> on_screen("red\x1b[31m.jpg")
        'red\\x1b[31m.jpg'
    """
    return _OBEYED.sub(_escaped, text)


def one_line(text: str) -> str:
    r"""Make one line that can be shown, with ends of lines in it as `\n` and tabs as `\t`.

    Args:
        text: Any text.

    Returns:
        One line.

    Example:
        >>> one_line("two\nlines.jpg")
        'two\\nlines.jpg'
    """
    return on_screen(text).replace("\n", "\\n").replace("\t", "\\t")


def printable(text: str) -> str:
    r"""Write the bytes of a file's name that are no UTF-8 as `\xe9`; all other text stays as it is.

    Args:
        text: Any text.

    Returns:
        Text that can be written as UTF-8.

    Example:
        >>> printable("caf\udce9.jpg")
        'caf\\xe9.jpg'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="backslashreplace").decode()
        return re.sub(r"\\udc([89a-f][0-9a-f])", r"\\x\1", text)
    return text


def _escaped(found: re.Match) -> str:
    code = ord(found[0])
    code = code - 0xDC00 if code >= 0xDC80 else code
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Screen:
    """A stream for text that writes what `on_screen` makes of it.

    Args:
        stream: A text stream, such as standard output.

    Attributes:
        stream: It, for what another program reads and for bars.
    """

    def __init__(self, stream: Any):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text; of its length, as every stream says."""
        self.stream.write(on_screen(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def exact(stream: Any) -> Any:
    """Give the stream itself that a `Screen` writes to; another is given back.

    Args:
        stream: A text stream.

    Returns:
        The stream that changes nothing.
    """
    return stream.stream if isinstance(stream, Screen) else stream


@contextlib.contextmanager
def screens() -> Iterator[None]:
    """Let both standard streams be a `Screen` in the block; what is read by programs is `exact`.

    Standard error gets a descriptor of its own, so that `libraries_silenced` takes nothing of ours.
    """
    global _own
    former = sys.stdout, sys.stderr
    own = None
    if isinstance(sys.stderr, io.TextIOWrapper) and _descriptor(sys.stderr) == 2:
        with contextlib.suppress(OSError):
            raw = os.fdopen(os.dup(2), "wb", buffering=0)
            own = io.TextIOWrapper(
                raw, encoding=sys.stderr.encoding, errors=sys.stderr.errors, write_through=True
            )
    sys.stdout, sys.stderr = Screen(sys.stdout), Screen(own or sys.stderr)
    _own = own is not None
    try:
        yield
    finally:
        _own = False
        sys.stdout, sys.stderr = former
        if own:
            own.close()


def _descriptor(stream: io.TextIOWrapper) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


_own = False  # whether nothing but libraries writes to descriptor 2
_lock = threading.Lock()
_inside = 0  # threads in the block below
_true: int | None = None  # what descriptor 2 was before the first of them


@contextlib.contextmanager
def libraries_silenced() -> Iterator[None]:
    """Drop what C libraries write to standard error in the block, of a verb of the command line.

    Those of PNG and TIFF write what they find wrong with a file that they are not told the name of.
    Elsewhere, where what Python writes goes the same way, nothing changes.
    """
    global _inside, _true
    if not _own:
        yield
        return
    with _lock:
        _inside += 1
        if _inside == 1:
            with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
                _true = os.dup(2)
                os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _true is not None:
                os.dup2(_true, 2)
                os.close(_true)
                _true = None
