"""Where Optuna keeps the trials of a study: a journal in its folder, or a database by its URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cervix_tf.errors import UserError
from cervix_tf.training.leases import Lease

try:
    import optuna
except ImportError as error:
    raise UserError("A search needs Optuna: pip install 'cervix-tf[tune]'.") from error

import sqlalchemy
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

TIMEOUT = 10  # seconds that a PostgreSQL server has to answer in


class _JournalLock(JournalFileOpenLock):
    """The lock of the journal, a lease.

    A kill while a line is being written leaves half a line; who locks next takes it away: every reader
    of a journal with half a line inside it would end with an error.
    """

    def __init__(self, journal: Path, lease: Path):
        self.journal, self.lease = journal, Lease(lease)

    def acquire(self) -> bool:
        self.lease.__enter__()
        if self.journal.is_file() and (size := self.journal.stat().st_size):
            with self.journal.open("rb+") as file:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        self.lease.release()


def journal(folder: Path) -> optuna.storages.BaseStorage:
    """Open the journal in a study's folder, which may lie on a disk that several machines share."""
    path = folder / "journal.log"
    lock = _JournalLock(path, folder / "locks" / "journal")
    return optuna.storages.JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


class Database:
    """A database that Optuna keeps trials in.

    Args:
        url: As SQLAlchemy writes it, such as `postgresql://USER@HOST/DATABASE`.

    Attributes:
        shown: The URL without user and password.

    Raises:
        UserError: It is not such a URL, or one of SQLite in memory.
    """

    def __init__(self, url: str):
        if url.count("@") > 1:
            raise UserError(
                "--storage: write %40 for an @ in the user or password, as in a web address."
            )
        try:
            parsed = sqlalchemy.make_url(url)
        except (sqlalchemy.exc.ArgumentError, ValueError):  # their messages may hold the password
            raise UserError(
                "--storage is not the URL of a database: write postgresql://USER@HOST/DATABASE, or "
                "leave it out to keep the trials in the study's folder."
            ) from None
        named = parsed.database or ":memory:"
        in_memory = ":memory:" in named or parsed.query.get("mode") == "memory"
        if parsed.get_backend_name() == "sqlite" and in_memory:
            raise UserError(
                "--storage: trials in memory would end with the process: name a file, such as "
                "sqlite:///trials.db."
            )
        postgres = parsed.drivername in ("postgres", "postgresql")
        self.url = parsed.set(drivername="postgresql+psycopg") if postgres else parsed
        bare = sqlalchemy.URL.create(
            self.url.get_backend_name(), None, None, parsed.host, parsed.port, parsed.database
        )
        self.shown = bare.render_as_string()

    def open(self) -> optuna.storages.BaseStorage:
        """Connect; tables are made where there are none."""
        kind = self.url.get_backend_name()
        postgres = kind == "postgresql" and "connect_timeout" not in self.url.query
        options = {"connect_timeout": TIMEOUT} if postgres else {}
        try:
            return optuna.storages.RDBStorage(
                self.url.render_as_string(hide_password=False),
                {"pool_pre_ping": True, "connect_args": options},
            )
        except ImportError:
            mend = (
                "pip install 'cervix-tf[postgres]'"
                if self.url.drivername == "postgresql+psycopg"
                else "install the one its URL names"
            )
            raise UserError(f"{self.shown} needs a driver: {mend}.") from None
        except sqlalchemy.exc.NoSuchModuleError:
            raise UserError(
                f"--storage: there is no database {self.url.drivername!r}; write "
                "postgresql://USER@HOST/DATABASE."
            ) from None
        except RuntimeError as error:  # tables of another version of Optuna
            raise UserError(f"{self.shown}: {' '.join(str(error).split())}") from None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Word what goes wrong with the database, without its password.

        Raises:
            UserError: The server cannot be reached, refuses, or fails.
        """
        try:
            yield
        except optuna.exceptions.StorageInternalError as error:
            raise self._worded(error.__cause__ or error) from None
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise self._worded(error) from None

    def _worded(self, error: BaseException) -> UserError:
        said = str(getattr(error, "orig", error)).strip().splitlines()[:1]
        text = "".join(said).strip(" .:")
        if self.url.password:
            text = text.replace(str(self.url.password), "***")
        return UserError(
            f"{self.shown}: {text}. Put it right and give the same command again, which goes on."
        )
