"""ZIP archives (`.keras`, `.npz`) that are looked at before they are unpacked."""

import os
import zipfile
from pathlib import Path

from cervix_tf.given import check_ordinary

MEMBERS = 100_000
SMALL = 256_000_000  # bytes that the members of every archive may unpack to
RATIO = 20  # times the archive's size, which weights do not reach


def check_archive(path: Path | str) -> dict[str, int]:
    """Refuse an archive that would take far more memory or disk than it takes itself.

    Args:
        path: A ZIP archive.

    Returns:
        The size in bytes of each member.

    Raises:
        ValueError: It has more than 100,000 members; or they are larger than 256 MB and than 20 times the
            archive.
        UserError: It is a pipe, a socket or a device.
        zipfile.BadZipFile: It is none.

    Example:
        >>> check_archive("runs/first/model.keras")["config.json"]
        9821
    """
    check_ordinary(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    total, size = sum(member.file_size for member in members), os.path.getsize(path)
    if len(members) > MEMBERS:
        raise ValueError(f"it has {len(members)} members, more than {MEMBERS}")
    if total > max(SMALL, RATIO * size):
        raise ValueError(f"{size} bytes that would unpack to {total}")
    return {member.filename: member.file_size for member in members}
