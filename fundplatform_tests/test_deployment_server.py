"""The one-shot migrate of docker-compose.yml on a real server: logins, rights, rotation, TLS."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as db

from fundplatform.deployment import DASHBOARD, RUNNER
from fundplatform.errors import ConfigError, WarehouseError
from fundplatform.settings import Deployment as Given
from fundplatform.settings import Settings
from fundplatform.storage import server
from fundplatform.storage.event_log_postgres import address
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests import tls
from fundplatform_tests.compose import Deployment
from fundplatform_tests.storage.postgres import PASSWORD, Server, served
from fundplatform_tests.test_deployment import make_secrets, secret

OWNER = "fundplatform_owner"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that accepts connections with and without TLS."""
    with served() as found:
        tls.write(found.folder / "data")
        for name in ("server.crt", "server.key"):
            if found.user:
                shutil.chown(found.folder / "data" / name, found.user)
        found.sql("postgres", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
        found.sql("postgres", "CREATE ROLE postgres SUPERUSER LOGIN")
        yield found


@pytest.fixture(scope="module")
def migrated(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The deployment after `docker compose run migrate`."""
    made = Deployment(tmp_path_factory.mktemp("deployment"), cluster)
    make_secrets(made, cluster)
    done = made.run("migrate")
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("created role dagster", "created database fundplatform", "0001_tables"):
        assert line in done.stdout
    return made


def login(made: Deployment, cluster: Server, name: str, database: str = "fundplatform") -> str:
    of = {OWNER: "owner", RUNNER: "runner", DASHBOARD: "dashboard"}.get(name, name)
    return cluster.url(database, name, secret(made, of))


def test_each_login_may_do_its_part_and_no_more(migrated: Deployment, cluster: Server) -> None:
    insert = "INSERT INTO ops.gates SELECT * FROM ops.gates"
    may = [
        (RUNNER, "fundplatform", insert),
        (RUNNER, "fundplatform", "SELECT count(*) FROM raw.ohlcv"),
        (DASHBOARD, "fundplatform", "SELECT count(*) FROM marts.latest_prices"),
        (OWNER, "fundplatform", "CREATE TABLE raw.extra (n int)"),
        ("dagster", "dagster", "SELECT count(*) FROM event_logs"),
    ]
    may_not = [
        (RUNNER, "fundplatform", "CREATE TABLE raw.more (n int)"),
        (RUNNER, "fundplatform", "DELETE FROM ops.migrations"),
        (DASHBOARD, "fundplatform", "SELECT count(*) FROM raw.ohlcv"),
        (DASHBOARD, "fundplatform", "CREATE TEMPORARY TABLE t (n int)"),
        (DASHBOARD, "fundplatform", insert),
        (RUNNER, "dagster", "SELECT 1"),
        (DASHBOARD, "dagster", "SELECT 1"),
        ("dagster", "fundplatform", "SELECT 1"),
    ]
    for name, database, statement in may:
        with psycopg.connect(login(migrated, cluster, name, database)) as connection:
            connection.execute(statement.encode())
            connection.rollback()
    for name, database, statement in may_not:
        with (
            pytest.raises(psycopg.Error, match="permission denied"),
            psycopg.connect(login(migrated, cluster, name, database)) as connection,
        ):
            connection.execute(statement.encode())


@pytest.mark.slow
def test_a_second_time_nothing_is_made_and_a_changed_password_is_in_force(
    migrated: Deployment, cluster: Server
) -> None:
    """And no password is in what it prints or the server logs."""
    before = login(migrated, cluster, RUNNER)
    (migrated.folder / "secrets" / "runner_password").write_text("n3w p@ss/word\n")
    cluster.sql("postgres", "ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
    done = migrated.run("migrate")
    cluster.sql("postgres", "ALTER SYSTEM RESET log_statement", "SELECT pg_reload_conf()")
    log = cluster.log()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "created" not in done.stdout
    assert "applied migration" not in done.stdout
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(before)
    psycopg.connect(cluster.url("fundplatform", RUNNER, "n3w p@ss/word")).close()
    assert "ALTER ROLE" in log, "the statements are logged"
    for name in ("postgres", "owner", "runner", "dashboard", "dagster"):
        password = secret(migrated, name).strip()
        assert password not in done.stdout + done.stderr, name
        # The superuser's own was set in plain text by this test.
        assert name == "postgres" or password not in log, name


@pytest.mark.slow
def test_wrong_or_missing_secrets_say_what_to_do(migrated: Deployment) -> None:
    for name, problem in (("dagster", "FUNDPLATFORM_DAGSTER_PASSWORD_FILE"), ("postgres", "ADMIN")):
        file = migrated.folder / "secrets" / f"{name}_password"
        kept = file.read_text()
        file.write_text("")
        done = migrated.run("migrate")
        file.write_text(kept)
        assert done.returncode == 1
        assert done.stderr.startswith("error: environment: FUNDPLATFORM_"), done.stderr
        assert problem in done.stderr
    (migrated.folder / "secrets" / "postgres_password").write_text("wrong")
    done = migrated.run("migrate")
    (migrated.folder / "secrets" / "postgres_password").write_text(kept)
    assert done.returncode == 1
    assert 'password authentication failed for user "postgres"' in done.stderr
    assert "Traceback" not in done.stderr
    assert "wrong" not in done.stderr.replace("wrong password", "")


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
def test_tls_is_used_for_warehouse_and_dagster(
    cluster: Server, migrated: Deployment, mode: str
) -> None:
    ca = cluster.folder / "data" / "ca.crt"
    url = f"{cluster.url('fundplatform')}?sslmode={mode}&sslrootcert={ca}"
    asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert TimescaleStore(url).query(asked).item() is True
    server.require(url)
    engine = db.create_engine(address(url))
    with engine.connect() as connection:
        assert connection.execute(db.text(asked)).scalar() is True
    engine.dispose()
    plain = TimescaleStore(f"{cluster.url('fundplatform')}?sslmode=disable")
    assert plain.query(asked).item() is False


def test_another_authority_is_refused_in_words(cluster: Server, tmp_path: Path) -> None:
    other = tls.write(tmp_path / "other")
    url = f"{cluster.url('postgres')}?sslmode=verify-full&sslrootcert={other}"
    for attempt in (lambda: server.require(url), lambda: TimescaleStore(url).query("SELECT 1")):
        with pytest.raises(WarehouseError, match="certificate verify failed") as raised:
            attempt()
        assert "sslrootcert in the URL" in str(raised.value)
        assert PASSWORD not in str(raised.value)


def test_a_name_that_is_not_in_the_certificate_is_refused(cluster: Server) -> None:
    ca = cluster.folder / "data" / "ca.crt"
    url = cluster.url("postgres").replace("127.0.0.1", "localhost")
    with pytest.raises(WarehouseError, match="does not match host name") as raised:
        server.require(f"{url}?sslmode=verify-full&sslrootcert={ca}")
    assert "verify-full wants the host name" in str(raised.value)
    server.require(f"{url}?sslmode=verify-ca&sslrootcert={ca}")


def test_a_missing_authority_file_says_so(cluster: Server, tmp_path: Path) -> None:
    url = f"{cluster.url('postgres')}?sslmode=verify-full&sslrootcert={tmp_path}/none.crt"
    with pytest.raises(WarehouseError, match="root certificate file") as raised:
        server.require(url)
    assert "sslrootcert in the URL" in str(raised.value)


def test_settings_show_no_secret(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("p@ss/w:rd\n")
    env = {
        "FUNDPLATFORM_WAREHOUSE_URL": "postgresql://u@h:5432/d?sslmode=require",
        "FUNDPLATFORM_WAREHOUSE_PASSWORD_FILE": str(tmp_path / "p"),
        "FUNDPLATFORM_DAGSTER_URL": "postgresql://u@h:5432/d",
        "FUNDPLATFORM_DAGSTER_PASSWORD_FILE": str(tmp_path / "p"),
        "FUNDPLATFORM_ADMIN_URL": "postgresql://u:p%40ss@h/d",
        "FUNDPLATFORM_RUNNER_PASSWORD_FILE": str(tmp_path / "p"),
        "FUNDPLATFORM_DASHBOARD_PASSWORD_FILE": str(tmp_path / "p"),
    }
    settings, given = Settings.from_env(env), Given.from_env(env)
    wanted = "postgresql://u:p%40ss%2Fw%3Ard@h:5432/d"
    assert settings.warehouse_url == f"{wanted}?sslmode=require"
    assert settings.dagster_url == wanted
    assert given.runner_password == "p@ss/w:rd"  # noqa: S105
    for shown in (repr(settings), repr(given), repr(server.Login("a", "p@ss"))):
        assert "p@ss" not in shown
        assert "p%40ss" not in shown


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgresql://u:x@h/d"])
def test_a_password_file_needs_a_url_with_a_user_alone(tmp_path: Path, url: str) -> None:
    (tmp_path / "p").write_text("secret")
    env = {
        "FUNDPLATFORM_WAREHOUSE_URL": url,
        "FUNDPLATFORM_WAREHOUSE_PASSWORD_FILE": str(tmp_path / "p"),
    }
    with pytest.raises(ConfigError, match="no user, or a password of its own"):
        Settings.from_env(env)


@pytest.mark.parametrize("url", ["postgresql://u@h/d", "postgresql://u:p@h", "nonsense"])
def test_an_owner_needs_user_password_and_database(url: str) -> None:
    with pytest.raises(ConfigError, match=r"lacks|not a PostgreSQL URL"):
        server.Login.owner(url)
