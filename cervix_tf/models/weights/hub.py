"""TensorFlow Hub, used only to fetch: a handle becomes the folder of a SavedModel."""

import gzip
import hashlib
import os
import socket
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from cervix_tf import errors
from cervix_tf.caches import hub_cache
from cervix_tf.files import disk_errors

MOST = 4_000_000_000  # bytes that an archive may unpack to
RATIO = 20  # times its own size, which weights never reach ...
SMALL = 20_000_000  # ... where it is more than a few bytes
MEMBERS = 10_000  # of an archive
_PATIENCE = 30.0  # seconds without a byte before a download is given up
_PART = 1 << 20


def resolve(handle: str) -> Path:
    """Find a module in TensorFlow Hub's cache, or download it into it.

    Args:
        handle: Its address, such as
            "https://tfhub.dev/google/imagenet/inception_v2/feature_vector/5".

    Returns:
        The folder of its SavedModel.

    Raises:
        UserError: It is no address of the web, cannot be downloaded, its archive is no plain one of files
            within its folder, or the cache is not the user's own.
    """
    if not handle.startswith(("https://", "http://")):
        raise errors.UserError(
            f"{handle} cannot be read: give an address that begins with https://, or download it and "
            "give its path."
        )
    import tensorflow_hub

    with _ours(handle):
        try:
            folder = Path(tensorflow_hub.resolve(handle))
        except (OSError, EOFError, RuntimeError, ValueError, tarfile.TarError, zlib.error) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise errors.UserError(
                f"{handle} could not be downloaded ({reason}). It was looked for in "
                f"{cached_at(handle)} (TFHUB_CACHE_DIR moves that cache); unpack the module there, or "
                "give its folder or a TF-Slim checkpoint: --weights PATH."
            ) from None
    if not (folder / "saved_model.pb").exists():
        raise errors.UserError(
            f"{folder} has no saved_model.pb: remove the folder to download {handle} again."
        )
    return folder


def cached_at(handle: str) -> Path:
    """Give the folder that a module is kept in, of the user's own, whether it is there or not."""
    return hub_cache() / hashlib.sha1(handle.encode()).hexdigest()


def _own_folder(folder: Path) -> None:
    """Make the cache, or refuse one in which another user may lay a module that this one then takes."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    whose = "belongs to another user" if found.st_uid not in (os.getuid(), 0) else None
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        whose = "can be written by other users (chmod go-w mends that)"
    if whose:
        raise errors.UserError(
            f"TensorFlow Hub's cache {folder} {whose}: let TFHUB_CACHE_DIR name a folder of your own."
        )


def unpack(archive: IO[bytes], folder: str, log_function: object = None) -> None:
    """Unpack a module's archive, a file of which may lie anywhere but outside the folder.

    Args:
        archive: A TAR archive, plain or of gzip, read once from its beginning.
        folder: Where to.
        log_function: As TensorFlow Hub calls it; not used.

    Raises:
        ValueError: A member is a link or a device, or would lie elsewhere; there are more than 10,000;
            or all with their headers are larger than 4 GB, or than 20 times the archive, which is what a
            trap does and no file of weights.
    """
    with tarfile.open(mode="r|", fileobj=cast(IO[bytes], _Unpacked(archive))) as members:
        for number, member in enumerate(members):
            place = Path(folder, member.name)
            if number == MEMBERS:
                raise ValueError(f"its archive has more than {MEMBERS} members")
            if Path(member.name).is_absolute() or ".." in Path(member.name).parts:
                raise ValueError(f"its archive has {member.name!r}, which lies outside its folder")
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            source = members.extractfile(member) if member.isfile() else None
            if source is None:
                raise ValueError(f"its archive has {member.name!r}, a link or a device")
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                while part := source.read(_PART):
                    file.write(part)


class _Counted:
    """A file whose first two bytes were looked at, and of which it is counted how many were read."""

    def __init__(self, file: IO[bytes]):
        self._file, self.count = file, 0
        self.head = self._ahead = file.read(2)

    def read(self, size: int = -1) -> bytes:
        part = self._ahead or self._file.read(size)
        self._ahead = b""
        self.count += len(part)
        return part


class _Unpacked:
    """What a file unpacks to, while that is not far larger than the file."""

    def __init__(self, archive: IO[bytes]):
        self._packed, self._written = _Counted(archive), 0
        packed = cast(IO[bytes], self._packed)
        zipped = self._packed.head == b"\x1f\x8b"
        self._source = gzip.GzipFile(fileobj=packed, mode="rb") if zipped else packed

    def read(self, size: int) -> bytes:
        part = self._source.read(size)
        self._written += len(part)
        if self._written > min(MOST, max(SMALL, RATIO * self._packed.count)):
            raise ValueError(
                f"its archive unpacks to more than {MOST / 1e9:g} GB or {RATIO} times its size"
            )
        return part


@contextmanager
def _ours(handle: str) -> Iterator[None]:
    """TensorFlow Hub with our cache, our limits on archives and an end to waiting."""
    from tensorflow_hub import file_utils

    patience = socket.getdefaulttimeout()
    extract = file_utils.extract_tarfile_to_destination
    folder = cached_at(handle).parent
    _own_folder(folder)
    ours = {"TFHUB_CACHE_DIR": str(folder), "TFHUB_MODEL_LOAD_FORMAT": "COMPRESSED"}
    former = {name: os.environ.get(name) for name in ours}
    socket.setdefaulttimeout(_PATIENCE)
    os.environ.update(ours)
    file_utils.extract_tarfile_to_destination = unpack
    try:
        yield
    finally:
        file_utils.extract_tarfile_to_destination = extract
        socket.setdefaulttimeout(patience)
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
