"""docker-compose.yml, the image's lock, .env.example, the proxy: what can be proven unstarted."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from dagster._core.instance.config import dagster_instance_config

from fundplatform_tests.compose import ROOT, load
from fundplatform_tests.live import wait_for
from fundplatform_tests.storage.postgres import free_port

SERVICES: dict[str, Any] = load()["services"]
_PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def test_every_secret_is_made_by_the_script_and_kept_out_of_git(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy" / "make-secrets.sh", tmp_path)
    for _ in range(2):
        subprocess.run(["sh", str(tmp_path / "make-secrets.sh")], check=True)
    made = {f.name: f.read_text() for f in (tmp_path / "secrets").iterdir()}
    files = {name: Path(s["file"]) for name, s in load()["secrets"].items()}
    assert set(made) == set(files)
    assert all(name == file.name for name, file in files.items())
    passwords = [text for name, text in made.items() if name != "ui_users"]
    assert len(set(passwords)) == 5
    assert all(re.fullmatch("[0-9a-f]{48}", text) for text in passwords)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text()
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text()


def test_who_needs_no_secret_gets_none() -> None:
    given = {name: set(s.get("secrets", [])) for name, s in SERVICES.items()}
    assert given["webserver"] == given["daemon"] == {"dagster_password"}
    assert given["code-server"] == {"dagster_password", "runner_password"}
    assert given["proxy"] == {"ui_users"}
    assert given["timescaledb"] == {"postgres_password"}
    assert [name for name, service in SERVICES.items() if "env_file" in service] == ["code-server"]
    (vendors,) = SERVICES["code-server"]["env_file"]
    assert vendors == {"path": "./deploy/secrets/vendors.env", "required": False}


def test_no_password_stands_in_an_environment() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in variable or variable.endswith("_FILE"), (name, variable)
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), (name, variable)


def test_only_the_proxy_listens_beyond_this_machine() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:") or name == "proxy", (name, port)
    assert SERVICES["proxy"]["profiles"] == ["proxy"]
    assert all("profiles" not in s for name, s in SERVICES.items() if name != "proxy")


def test_every_service_is_limited_restarted_and_checked() -> None:
    for name, service in SERVICES.items():
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        once = name == "migrate"
        assert service["restart"] == ("no" if once else "unless-stopped"), name
        assert ("healthcheck" in service) is not once, name
    for name in ("migrate", "code-server", "webserver", "daemon"):
        assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert "USER 10001:10001" in (ROOT / "deploy" / "Dockerfile").read_text()


def test_every_volume_is_named_and_the_mounted_files_are_there() -> None:
    named = set(load()["volumes"])
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if not source.startswith("."):
                assert source in named, volume
            elif "drop" not in source:
                assert (ROOT / source).is_file(), volume


def test_the_example_names_the_variables_of_the_compose_file() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE))
    assert named - {"COMPOSE_PROFILES"} <= used
    assert used - named <= {"FUNDPLATFORM_HTTP_PORT", "FUNDPLATFORM_HTTPS_PORT"}


def test_the_images_lock_is_part_of_the_lock() -> None:
    whole = (ROOT / "requirements.lock").read_text()
    part = (ROOT / "deploy" / "requirements.lock").read_text()
    assert set(_PIN.findall(part)) < set(_PIN.findall(whole))
    assert not {"pytest", "mypy", "ruff"} & {name for name, _ in _PIN.findall(part)}
    assert {"dagster", "dagster-postgres", "hatchling"} <= {n for n, _ in _PIN.findall(part)}
    hashes = re.compile(r"sha256:[0-9a-f]{64}")
    assert set(hashes.findall(part)) < set(hashes.findall(whole))
    assert "://" not in part


def test_both_instance_files_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in SERVICES["daemon"]["environment"]:
        monkeypatch.setenv(variable, "x")
    config, _ = dagster_instance_config(str(ROOT / "deploy"))
    assert config["run_monitoring"]["free_slots_after_run_end_seconds"] == 60
    assert config["run_retries"]["retry_on_asset_or_op_failure"] is False
    location = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text())["load_from"][0]
    assert location["grpc_server"]["location_name"] == "fundplatform"


@pytest.mark.parametrize("fault", ["service", "image"])
def test_the_linters_find_a_fault(tmp_path: Path, fault: str) -> None:
    if fault == "service":
        text = (ROOT / "docker-compose.yml").read_text().replace("restart:", "restarts:")
        command = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    else:
        text = (ROOT / "deploy" / "Dockerfile").read_text().replace("uv==0.13.8", "uv")
        command = ["hadolint"]
    (tmp_path / "file.yml").write_text(text)
    tool = Path(sys.executable).with_name(command[0])
    call = [str(tool), *command[1:], str(tmp_path / "file.yml")]
    done = subprocess.run(call, capture_output=True, check=False)
    assert done.returncode != 0


def test_the_proxy_asks_for_a_password(tmp_path: Path) -> None:
    """The real Caddy with deploy/Caddyfile in front of a small server."""
    if shutil.which("caddy") is None:
        pytest.skip("no Caddy: on Debian or Ubuntu `apt-get install caddy`")
    behind, port = free_port(), free_port()
    hashed = subprocess.run(
        ["caddy", "hash-password", "--plaintext", "open sesame"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (tmp_path / "users").write_text(f"anna {hashed}\n")
    (tmp_path / "index.html").write_text("the UI")
    environment = {
        "PATH": "/usr/bin:/usr/local/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "FUNDPLATFORM_UI_ADDRESS": f"http://127.0.0.1:{port}",
        "FUNDPLATFORM_UI_USERS": str(tmp_path / "users"),
        "FUNDPLATFORM_WEBSERVER": f"127.0.0.1:{behind}",
    }
    command = [
        word.replace("/etc/caddy/", f"{ROOT}/deploy/") for word in SERVICES["proxy"]["command"]
    ]
    server = ["python3", "-m", "http.server", str(behind), "--bind", "127.0.0.1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        subprocess.Popen(server, cwd=tmp_path, **quiet) as ui,  # type: ignore[call-overload]
        subprocess.Popen(command, env=environment, cwd=tmp_path, **quiet) as proxy,  # type: ignore[call-overload]
    ):
        try:
            wait_for(lambda: answers(port, None) == 401, 30)
            assert answers(port, ("anna", "wrong")) == 401
            wait_for(lambda: answers(port, ("anna", "open sesame")) == 200, 30)
        finally:
            ui.kill()
            proxy.kill()


def answers(port: int, login: tuple[str, str] | None) -> int:
    try:
        return requests.get(f"http://127.0.0.1:{port}/", auth=login, timeout=60).status_code
    except requests.ConnectionError:
        return 0
