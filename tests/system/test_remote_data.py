"""Remote data: a real engine reads another workspace's outputs over HTTP, with a token of its task."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from iacplatform.embedded.client import JSON
from tests.system.http_provider.installation import cli_config
from tests.system.platform import Platform, TaskUnderTest, WorkspaceUnderTest

CACHE = Path(__file__).resolve().parent.parent.parent / ".cache"
PASSWORD = "hunter2 of the database"
SOURCE = {
    "output": {
        "colour": {"value": "green"},
        "zones": {"value": ["a", "b"]},
        "password": {"value": PASSWORD, "sensitive": True},
    }
}
CONSUMER = {
    "resource": {
        "terraform_data": {
            "copy": {"input": "${local.network.colour.value}"},
            "secret": {"input": "${local.network.password.value}"},
        }
    },
    "output": {
        "colour": {"value": "${terraform_data.copy.output}"},
        "zones": {"value": "${local.network.zones.value}"},
        "password": {"value": "${terraform_data.secret.output}", "sensitive": True},
    },
}


@pytest.fixture(scope="module")
def remote(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with a worker whose engine has the provider ``http``."""
    config = cli_config(CACHE, tmp_path_factory.mktemp("http"))
    move(platform, "host-http", config)
    yield platform
    platform.move_to("host-a")


def move(platform: Platform, host: str, config: Path) -> None:
    """Another worker, with the provider."""
    platform.move_to(host, ENGINE_CLI_CONFIG_FILE=str(config))


@pytest.fixture
def source(remote: Platform) -> WorkspaceUnderTest:
    """A workspace with applied outputs, shared with nobody yet."""
    made = remote.workspace(SOURCE)
    assert made.apply().status == "applied"
    return made


@pytest.fixture
def consumer(source: WorkspaceUnderTest) -> WorkspaceUnderTest:
    """The one workspace that may read them, and does."""
    made = source.platform.workspace(CONSUMER)
    share(source, "specific", made)
    define(made, source)
    return made


def share(source: WorkspaceUnderTest, mode: str, *allowed: WorkspaceUnderTest) -> None:
    """Says who may read the outputs."""
    names = [each.workspace_id for each in allowed]
    body = {"sharing_mode": mode, "allowed_workspace_ids": names}
    source.platform.client.put(f"{source.path}/outputs-sharing", body)


def define(consumer: WorkspaceUnderTest, source: WorkspaceUnderTest) -> JSON:
    """Remote data called ``network``."""
    body = {"source_workspace": source.workspace_id, "data_name": "network"}
    return consumer.post("/remote-data", body)


def request_of(task: TaskUnderTest) -> tuple[str, str]:
    """Address and token in the generated file of a task that waits for approval."""
    workspace = task.workspace
    files = workspace.platform.work_directory(workspace.workspace_id, task.task_id)
    written = json.loads((files / "remote_data.tf.json").read_text())
    (block,) = written["data"]["http"]["remote_network"]
    return block["url"], block["request_headers"]["Authorization"]


def knock(url: str, authorization: str) -> requests.Response:
    """What a bearer of the token gets."""
    return requests.get(url, headers={"Authorization": authorization}, timeout=10)


def outputs_in_state(workspace: WorkspaceUnderTest) -> dict[str, Any]:
    """The values of the outputs of the newest state, sensitive ones too."""
    return {name: each["value"] for name, each in workspace.state()["outputs"].items()}


def test_an_engine_reads_the_outputs_with_the_token_of_its_task(
    consumer: WorkspaceUnderTest,
) -> None:
    """F16, F17: sensitive ones too; the token opens while the task may run, and then nothing."""
    task = consumer.run()
    assert task.status == "apply_pending", task.log()
    url, authorization = request_of(task)
    assert knock(url, authorization).json()["outputs"]["colour"]["value"] == "green"

    task.confirm()

    assert task.wait() == "applied", task.log()
    assert outputs_in_state(consumer) == {
        "colour": "green",
        "zones": ["a", "b"],
        "password": PASSWORD,
    }
    assert knock(url, authorization).status_code == 401
    token = authorization.removeprefix("Bearer ")
    assert token not in task.log()
