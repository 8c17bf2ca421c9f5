"""Stage ``fetching``: the engine, and the files of the task's snapshot."""

import io
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from executor.core.workdir import LOCK_FILE, STATE_FILE
from iacplatform.terraform.configuration import Configuration, Output, RemoteData, Variable
from tests.executor.core.in_memory import InMemoryPlatform


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/") + ".tf")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.is_file()}


def test_all_files_of_the_snapshot_are_written_for_the_owner_only(
    platform: InMemoryPlatform,
) -> None:
    """F16: also outputs and remote data, on any host."""
    platform.configuration = Configuration(
        bodies=({"resource": {"terraform_data": {"a": {}}}},),
        provider_config={"terraform": [{"required_version": ">= 1.4"}]},
        variables=(Variable("size", "2"),),
        outputs=(Output("", "greeting", "hello"),),
        remote_data=(RemoteData("network", "https://platform/x", "secret-token"),),
    )
    platform.state = b'{"version": 4}'
    platform.changes["lock_file"] = "# locked\n"
    outcome = platform.run("fetching", "apply", host="worker-2")
    assert outcome.result == "done"
    directory = platform.directory("worker-2")
    assert names(directory) == {
        *("main.tf.json", "provider.tf.json", "variables.tf.json", "variables.tfvars"),
        *("outputs.tf.json", "remote_data.tf.json"),
        *(STATE_FILE, LOCK_FILE, ".iacplatform.json", ".lock"),
    }
    assert (directory / STATE_FILE).read_bytes() == platform.state
    assert (directory / LOCK_FILE).read_text() == "# locked\n"
    for path in directory.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_environment_variables_are_in_no_file(platform: InMemoryPlatform) -> None:
    """F15: they are for the engine's environment alone."""
    platform.changes["environment"] = {"AWS_SECRET_ACCESS_KEY": "s3cr3t-s3cr3t"}
    platform.run("fetching")
    for path in platform.directory().rglob("*"):
        assert not path.is_file() or b"s3cr3t" not in path.read_bytes()
    assert "variables.tf.json" not in names(platform.directory())


def test_what_an_earlier_attempt_left_is_removed(platform: InMemoryPlatform) -> None:
    platform.run("fetching")
    (platform.directory() / "stale.tf").write_text("broken {")
    (platform.directory() / STATE_FILE).write_text("{}")
    platform.run("fetching")
    assert {"stale.tf", STATE_FILE} & names(platform.directory()) == set()


def test_a_configuration_that_cannot_be_written_is_the_users_fault(
    platform: InMemoryPlatform,
) -> None:
    body: dict[str, Any] = {"resource": {"terraform_data": {"a": {}}}}
    platform.configuration = Configuration(bodies=(body, body))
    outcome = platform.run("fetching")
    assert outcome.result == "failed"
    assert "terraform_data.a" in outcome.message
    assert "platform error" not in outcome.message


def test_arguments_that_cannot_be_used_are_refused_before_init(platform: InMemoryPlatform) -> None:
    platform.changes["environment"] = {"TF_CLI_ARGS": "-out=elsewhere"}
    outcome = platform.run("fetching")
    assert outcome.message == "TF_CLI_ARGS: the platform sets -out=elsewhere itself."


def test_a_variable_that_a_workspace_may_not_set_is_named(platform: InMemoryPlatform) -> None:
    platform.changes["environment"] = {"LD_PRELOAD": "/tmp/x.so"}
    assert platform.run("fetching").result == "done"
    assert "[WARN] A workspace may not set 'LD_PRELOAD'" in platform.text


def test_an_uploaded_configuration_keeps_its_state_with_the_platform(
    platform: InMemoryPlatform,
) -> None:
    """Its own backend is overridden; variables come from the workspace, declared or not."""
    platform.archive = archive(
        main="""
        terraform {
          backend "http" { address = "http://127.0.0.1:1/state" }
        }
        variable "greeting" {}
        module "x" {
          source = "./modules/x"
          text   = var.greeting
        }
        """,
        modules__x__main='variable "text" {}\nresource "terraform_data" "a" { input = var.text }',
    )
    platform.configuration = Configuration(
        variables=(Variable("greeting", "hello"), Variable("unused", "x")),
        outputs=(Output("x", "all", "module.x"),),
    )
    assert platform.plan().result == "done", platform.text
    assert platform.apply().result == "done", platform.text
    (state,) = platform.state_versions
    assert json.loads(state)["resources"][0]["module"] == "module.x"


@pytest.mark.parametrize(
    "block", ['backend "local" { path = "other.tfstate" }', 'backend "inmem" {}']
)
def test_an_override_file_that_moves_the_state_is_refused(
    platform: InMemoryPlatform, block: str
) -> None:
    """Override files are merged by name: one that comes after the platform's would win."""
    platform.archive = archive(main="", z_override=f"terraform {{\n{block}\n}}")
    outcome = platform.plan()
    assert outcome.result == "failed"
    assert outcome.message == (
        "The platform keeps the state, but an override file of the configuration moves it"
        " elsewhere: remove backend, cloud and state_store blocks from the override files."
    )
    assert platform.run("planning").message == outcome.message


def test_an_override_file_may_say_what_the_platform_says(platform: InMemoryPlatform) -> None:
    block = 'backend "local" { path = "terraform.tfstate" }'
    platform.archive = archive(main="", z_override=f"terraform {{\n{block}\n}}")
    assert platform.plan().result == "done", platform.text


def test_a_bad_archive_is_the_users_fault(platform: InMemoryPlatform) -> None:
    platform.archive = archive(**{"..__main": ""})
    outcome = platform.run("fetching")
    assert (outcome.result, outcome.message) == ("failed", "../main.tf leaves the archive.")
