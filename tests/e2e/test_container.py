"""The files that containers are made from, read without a container: what they name is there, and nothing is secret."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from nearcast.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".docker"


@pytest.fixture
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return found


def steps() -> list[list[str]]:
    """The Dockerfile's instructions as words, continued lines joined."""
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_everything_that_is_copied_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for step in steps() if step[0] == "COPY" and "--from=build" not in step for word in step[1:-1]]
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(path == name or path.startswith(f"{name}/") for name in kept), path


def test_packages_are_pinned_by_hash_and_nobody_is_root() -> None:
    words = [" ".join(step) for step in steps()]
    assert any("--require-hashes" in line for line in words)
    assert all("--no-deps" in line or "--require-hashes" in line for line in words if "pip install" in line)
    assert all(
        "--no-build-isolation" in line for line in words if "pip install" in line and not line.endswith("build.txt")
    )
    last_stage = words[max(n for n, line in enumerate(words) if line.startswith("FROM")) :]
    assert "USER nearcast" in last_stage
    assert any(line.startswith("HEALTHCHECK") for line in last_stage)
    assert {line.split()[1] for line in words if line.startswith("FROM")} == {"python:3.11-slim"}


def test_every_setting_that_is_named_is_one(compose: dict[str, Any]) -> None:
    known = {f"NEARCAST_{name.upper()}" for name in Settings.model_fields}
    told = set(compose["x-nearcast"]["environment"])
    in_image = set(re.findall(r"\bNEARCAST_[A-Z_]+", (FOLDER / "Dockerfile").read_text()))
    assert told | in_image <= known


def test_settings_of_the_file_reach_every_process(compose: dict[str, Any]) -> None:
    known = {f"NEARCAST_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"\bNEARCAST_[A-Z_]+", (FOLDER / "env.example").read_text()))
    assert named <= known
    services = {name: service for name, service in compose["services"].items() if name != "database"}
    assert {service["env_file"] for service in services.values()} == {"env"}
    assert "--env-file .docker/env " in (FOLDER / "compose.yaml").read_text()


def test_the_database_is_asked_where_the_others_reach_it(compose: dict[str, Any]) -> None:
    asked = compose["services"]["database"]["healthcheck"]["test"]
    assert asked[:4] == ["CMD", "pg_isready", "-h", "127.0.0.1"]


def test_no_secret_has_a_default_and_no_name_leads_to_a_registry(compose: dict[str, Any]) -> None:
    text = (FOLDER / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    example = dict(
        line.split("=", 1)
        for line in (FOLDER / "env.example").read_text().splitlines()
        if "=" in line[:40] and line[0] != "#"
    )
    assert asked == set(example)
    secrets = {name for name in asked if name.endswith(("_KEY", "_PASSWORD"))}
    assert len(secrets) == 3
    for name in secrets:
        assert example[name] == ""
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text
    images = [service["image"] for service in compose["services"].values()]
    assert all("." not in image.partition("/")[0] or "/" not in image for image in images)
    assert "/.docker/env" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_role_runs_once_after_the_schema_stands(compose: dict[str, Any]) -> None:
    services = compose["services"]
    roles = [service["command"][-1] for service in services.values() if "--role" in service.get("command", ())]
    assert sorted(roles) == ["api", "scheduler", "worker"]
    for name in ("api", "worker", "scheduler"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        grace = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace > Settings.model_fields["shutdown_s"].default
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["api"]["ports"] == ["${BIND:-127.0.0.1:8000}:8000"]
