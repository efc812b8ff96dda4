"""TensorFlow Hub, used only to fetch: a handle becomes the folder of a SavedModel."""

import hashlib
import os
import socket
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from cervix_tf import errors
from cervix_tf.caches import hub_cache

MOST = 4_000_000_000  # bytes that an archive may unpack to
RATIO, SMALL = (
    20,
    20_000_000,
)  # times its own size, which weights never reach, where it is more than a few
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
        UserError: It cannot be downloaded, or its archive is no plain one of files within its folder.
    """
    import tensorflow_hub

    with _ours(handle):
        try:
            folder = Path(tensorflow_hub.resolve(handle))
        except (OSError, EOFError, RuntimeError, ValueError, tarfile.TarError) as error:
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


def unpack(archive: IO[bytes], folder: str, log_function: object = None) -> None:
    """Unpack a module's archive, a file of which may lie anywhere but outside the folder.

    Args:
        archive: A TAR archive, compressed or not, read once from its beginning.
        folder: Where to.
        log_function: As TensorFlow Hub calls it; not used.

    Raises:
        ValueError: A member is a link or a device, or would lie elsewhere; or all are larger than
            4 GB, or than 20 times the archive, which is what a trap does and no file of weights.
    """
    counted, written = _Counted(archive), 0
    with tarfile.open(mode="r|*", fileobj=cast(IO[bytes], counted)) as members:
        for member in members:
            place = Path(folder, member.name)
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
                    written += len(part)
                    if written > MOST or written > max(SMALL, RATIO * counted.count):
                        raise ValueError(
                            f"its archive unpacks to more than {MOST / 1e9:g} GB or {RATIO} times its "
                            "size"
                        )
                    file.write(part)


class _Counted:
    """A file, of which it is counted how many bytes were read."""

    def __init__(self, file: IO[bytes]):
        self._file, self.count = file, 0

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        self.count += len(part)
        return part


@contextmanager
def _ours(handle: str) -> Iterator[None]:
    """TensorFlow Hub with our cache, our limits on archives and an end to waiting."""
    from tensorflow_hub import file_utils

    patience, cache = socket.getdefaulttimeout(), os.environ.get("TFHUB_CACHE_DIR")
    extract = file_utils.extract_tarfile_to_destination
    folder = cached_at(handle).parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket.setdefaulttimeout(_PATIENCE)
    os.environ["TFHUB_CACHE_DIR"] = str(folder)
    file_utils.extract_tarfile_to_destination = unpack
    try:
        yield
    finally:
        file_utils.extract_tarfile_to_destination = extract
        socket.setdefaulttimeout(patience)
        del os.environ["TFHUB_CACHE_DIR"]
        if cache is not None:
            os.environ["TFHUB_CACHE_DIR"] = cache
