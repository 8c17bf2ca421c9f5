import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import dj_database_url
import psycopg
import pytest
import redis
import redis.asyncio
from django.db.backends.postgresql.base import DatabaseWrapper
from kombu import Connection

from iacplatform.common.redis_url import broker_url
from iacplatform.embedded.exceptions import RunDirectoryInUseError
from iacplatform.embedded.services import embedded_services

HOLD_SERVICES = textwrap.dedent("""
    import json, sys, time
    from pathlib import Path
    from iacplatform.embedded.services import embedded_services
    with embedded_services(Path(sys.argv[1]), durable=False) as addresses:
        print(json.dumps(addresses), flush=True)
        time.sleep(60)
""")


def processes_with(paths: list[Path]) -> list[str]:
    """The command lines of all processes that name one of the paths."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(str(path) in line for path in paths):
            found.append(line)
    return found


def socket_directories(run_dir: Path) -> list[Path]:
    return [(run_dir / name).readlink() for name in ("postgres-socket", "redis-socket")]


def setting(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row
    return str(row[0])


async def ping(url: str) -> bool:
    async with redis.asyncio.Redis.from_url(url) as client:
        return bool(await client.ping())


def test_both_servers_answer_and_no_process_or_socket_is_left(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=False) as addresses:
        assert setting(addresses["DATABASE_URL"], "server_version").startswith("18.")
        assert redis.Redis.from_url(addresses["REDIS_URL"]).ping()
        sockets = socket_directories(run_dir)
        assert all(socket.stat().st_mode & 0o777 == 0o700 for socket in sockets)
        assert len(processes_with(sockets)) == 2
    assert processes_with(sockets) == []
    assert not any(socket.exists() for socket in sockets)


def test_no_server_listens_on_a_network_port(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=False) as addresses:
        assert setting(addresses["DATABASE_URL"], "listen_addresses") == ""
        client = redis.Redis.from_url(addresses["REDIS_URL"])
        assert client.config_get("port") == {"port": "0"}


@pytest.mark.parametrize(("durable", "value"), [(True, "on"), (False, "off")])
def test_durability_is_a_choice(run_dir: Path, durable: bool, value: str) -> None:
    with embedded_services(run_dir, durable=durable) as addresses:
        url = addresses["DATABASE_URL"]
        names = ("fsync", "synchronous_commit", "full_page_writes")
        assert {setting(url, name) for name in names} == {value}
        assert setting(url, "max_connections") == "200"


def test_redis_keeps_every_key_and_writes_it_to_disk(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=False) as addresses:
        client = redis.Redis.from_url(addresses["REDIS_URL"], decode_responses=True)
        assert client.config_get("append*")["appendonly"] == "yes"
        assert client.config_get("append*")["appendfsync"] == "everysec"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_data_survives_a_restart(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=True) as addresses:
        with psycopg.connect(addresses["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        redis.Redis.from_url(addresses["REDIS_URL"]).set("kept", "8")
    with embedded_services(run_dir, durable=True) as addresses:
        with psycopg.connect(addresses["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
        assert redis.Redis.from_url(addresses["REDIS_URL"]).get("kept") == b"8"


def test_an_address_that_is_set_is_passed_on(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/platform")
    with embedded_services(run_dir, durable=False) as addresses:
        assert addresses["DATABASE_URL"] == "postgresql://elsewhere/platform"
        assert redis.Redis.from_url(addresses["REDIS_URL"]).ping()
    assert not (run_dir / "postgres").exists()


def test_a_second_command_in_the_same_directory_is_refused(run_dir: Path) -> None:
    with (
        embedded_services(run_dir, durable=False) as addresses,
        pytest.raises(RunDirectoryInUseError, match="another command"),
        embedded_services(run_dir, durable=False),
    ):
        pass
    assert addresses["DATABASE_URL"]


def test_a_killed_command_takes_its_servers_along_and_the_next_one_starts(run_dir: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_SERVICES, str(run_dir)], stdout=subprocess.PIPE
    )
    assert holder.stdout
    assert b"DATABASE_URL" in holder.stdout.readline()
    sockets = socket_directories(run_dir)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    # At once: the new servers wait until the old ones have let go of the lock.
    with embedded_services(run_dir, durable=False) as addresses:
        assert setting(addresses["DATABASE_URL"], "fsync") == "off"
        assert not any(socket.exists() for socket in sockets)
    assert processes_with(sockets) == []


def test_a_pid_file_that_names_a_living_stranger_does_not_stop_the_start(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=False):
        pid_file = run_dir / "postgres" / "data" / "postmaster.pid"
        content = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getppid()), *content[1:]]) + "\n")
    with embedded_services(run_dir, durable=False) as addresses:
        assert setting(addresses["DATABASE_URL"], "fsync") == "off"


def test_an_interrupted_initdb_is_done_again(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=False):
        home = (run_dir / "postgres").resolve()
    (home / "data").rename(home / "unfinished")
    with embedded_services(run_dir, durable=False) as addresses:
        assert setting(addresses["DATABASE_URL"], "fsync") == "off"


def test_a_private_run_directory_with_a_long_path_works(run_dir: Path) -> None:
    private = run_dir / ("long " * 20).strip()
    private.parent.mkdir()
    private.parent.chmod(0o700)
    with embedded_services(private, durable=False) as addresses:
        url = addresses["DATABASE_URL"]
        assert setting(url, "fsync") == "off"
        data = Path(setting(url, "data_directory"))
    assert (data / "PG_VERSION").exists()
    if data.parent.parent != private:
        subprocess.run(["rm", "-r", str(data.parent)], check=True)


def test_a_temporary_directory_with_a_long_path_is_not_used_for_sockets(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = run_dir / ("x" * 100)
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with embedded_services(run_dir, durable=False) as addresses:
        assert str(long) not in addresses["REDIS_URL"]
        assert redis.Redis.from_url(addresses["REDIS_URL"]).ping()


def test_django_reads_the_database_address(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=False) as addresses:
        parsed = dj_database_url.parse(addresses["DATABASE_URL"])
        connection = DatabaseWrapper({**parsed, "TIME_ZONE": None, "OPTIONS": {}})
        opened = connection.get_new_connection(connection.get_connection_params())
        assert opened.info.server_version >= 180000
        opened.close()


def test_redis_celery_and_asyncio_read_the_redis_address(run_dir: Path) -> None:
    with embedded_services(run_dir, durable=False) as addresses:
        url = addresses["REDIS_URL"].replace("db=0", "db=3")
        with Connection(broker_url(url)) as broker:
            queue = broker.SimpleQueue("greetings")
            queue.put("hello")
            assert redis.Redis.from_url(url).llen("greetings") == 1
            assert queue.get(timeout=5).payload == "hello"
            queue.close()
        assert asyncio.run(ping(url))
