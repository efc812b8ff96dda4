"""A PostgreSQL server of one's own, in a temporary folder, as long as it is needed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "s3cret/@word"  # with signs that a URL must escape
ESCAPED = "s3cret%2F%40word"


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, where they are installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def server() -> Iterator[str]:
    """Start a server and give the URL of its database; stop it in the end."""
    bin, root = binaries(), os.getuid() == 0
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if root else []
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        if root:  # which the server refuses to be
            for path in (folder, folder / "password"):
                shutil.chown(path, "nobody", "nogroup")

        def run(*words):
            done = subprocess.run(
                [*user, *map(str, words)], capture_output=True, text=True, cwd="/"
            )
            assert done.returncode == 0, done.stdout + done.stderr

        run(
            bin / "initdb", "-D", folder / "data", "-U", "searcher", "--no-sync", "-A",
            "scram-sha-256", "--pwfile", folder / "password",
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = f"-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        start = ("-D", folder / "data", "-w", "-o", options, "-l", folder / "log", "start")
        run(bin / "pg_ctl", *start)
        try:
            yield f"postgresql://searcher:{ESCAPED}@127.0.0.1:{port}/postgres"
        finally:
            run(bin / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
