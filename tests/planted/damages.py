"""What happens to files: emptied, cut, overwritten."""

from collections.abc import Callable

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\x89garbage;:[{,\xff\xfe\n" * 40,
    "null": lambda content: b"null",
    "list": lambda content: b"[1, 2]\n",
    "NUL bytes": lambda content: bytes(len(content)),
}


def flipped(content: bytes) -> bytes:
    """One bit in the middle is another one."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
