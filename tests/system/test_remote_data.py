"""Remote data: a real engine reads another workspace's outputs over HTTP, with a token of its task."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from iacplatform.accounts.models import token_digest
from iacplatform.embedded.client import JSON
from tests.system.http_provider.installation import cli_config
from tests.system.platform import Platform, TaskUnderTest, WorkspaceUnderTest

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
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine's configuration with the provider ``http``."""
    return cli_config(tmp_path_factory.mktemp("http"))


@pytest.fixture(scope="module")
def remote(platform: Platform, config: Path) -> Iterator[Platform]:
    """The platform with a worker whose engine has the provider."""
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
    assert PASSWORD not in task.log()
    assert "(sensitive value)" in task.log("plan")
    password = consumer.get("/state-outputs")["outputs"]["password"]
    assert (password["sensitive"], password["value"]) == (True, None)


def test_the_plan_reads_with_a_token_of_its_own_attempt(consumer: WorkspaceUnderTest) -> None:
    """F17: the token that the files were first written with may have expired at a gate."""
    task = consumer.run()

    rows = consumer.platform.sql(
        "SELECT digest, used_count FROM workspaces_remotedatatoken WHERE task_id = %s ORDER BY id",
        task.task_id,
    )
    token = request_of(task)[1].removeprefix("Bearer ")
    used = [digest for digest, count in rows if count]
    assert used == [token_digest(token)]
    assert rows[0][0] not in used  # the one of `fetching`


def test_on_another_host_the_apply_uses_what_the_plan_has_read(
    consumer: WorkspaceUnderTest, source: WorkspaceUnderTest, remote: Platform, config: Path
) -> None:
    """F16, S4-1: the files are written again; what was approved is applied, although the source changed."""
    task = consumer.run()
    code = {"output": {**SOURCE["output"], "colour": {"value": "blue"}}}
    remote.client.patch(source.path, {"tf_code": code})
    assert source.apply().status == "applied"
    move(remote, f"host-{task.task_id}", config)

    task.confirm()

    assert task.wait() == "applied", task.log()
    assert not task.stages("apply")["init"]["skipped"]
    assert outputs_in_state(consumer)["colour"] == "green"
    assert consumer.apply().status == "applied"
    assert outputs_in_state(consumer)["colour"] == "blue"


def test_a_workspace_that_is_not_allowed_gets_nothing(
    consumer: WorkspaceUnderTest, source: WorkspaceUnderTest
) -> None:
    """Neither a definition, nor a file, nor an answer to the token that it has for another."""
    other = source.platform.workspace(SOURCE)
    with pytest.raises(requests.HTTPError) as refused:
        define(other, source)
    assert refused.value.response.status_code == 400

    url, authorization = request_of(consumer.run())
    foreign = url.replace(source.workspace_id, other.workspace_id)
    assert knock(url, authorization).status_code == 200
    assert knock(foreign, authorization).status_code == 403
    assert knock(url, f"Bearer {source.platform.stack.token}").status_code == 401
    assert requests.get(url, timeout=10).status_code == 401


def test_a_plan_fails_once_sharing_has_ended_and_names_the_data(
    consumer: WorkspaceUnderTest, source: WorkspaceUnderTest
) -> None:
    share(source, "none")

    task = consumer.run("plan_only")

    assert task.status == "failed"
    assert "Remote data network cannot be read" in task.get()["error_message"]


def test_an_apply_is_refused_once_sharing_has_ended_since_the_plan(
    consumer: WorkspaceUnderTest, source: WorkspaceUnderTest
) -> None:
    """Decided so: what was read with leave is not used without; sharing again lets it through."""
    task = consumer.run()
    url, authorization = request_of(task)
    share(source, "none")

    with pytest.raises(requests.HTTPError) as refused:
        task.confirm()

    assert refused.value.response.status_code == 409
    assert "Remote data network cannot be read" in refused.value.response.json()["error"]
    assert task.status == "apply_pending"
    assert knock(url, authorization).status_code == 403
    share(source, "all")
    task.confirm()
    assert task.wait() == "applied", task.log()
