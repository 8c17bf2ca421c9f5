"""Sensitive values are shown nowhere, although the engine says them aloud."""

import json

import pytest

from tests.system.configurations import talking
from tests.system.platform import Platform, TaskUnderTest

SECRET = "tr0ub4dor-and-3"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"
SAY_IT = (
    'echo "the password is $PASSWORD"; echo "$KEY"; printf "%s" "$PASSWORD" | head -c 7;'
    ' sleep 0.3; printf "%s" "$PASSWORD" | tail -c +8'
)
ENVIRONMENT = {
    "PASSWORD": "${nonsensitive(var.password)}",
    "KEY": "${nonsensitive(var.key)}",
}
LOUD = {
    "resource": {
        "terraform_data": {
            "one": {
                "provisioner": [{"local-exec": {"command": SAY_IT, "environment": ENVIRONMENT}}]
            }
        }
    },
    "output": {"password": {"value": "${var.password}", "sensitive": True}},
}


@pytest.fixture(scope="module")
def task(platform: Platform) -> TaskUnderTest:
    """A task whose engine printed its secrets every way it could."""
    workspace = platform.workspace(LOUD)
    workspace.variable("password", SECRET, sensitive=True)
    workspace.variable("key", KEY, sensitive=True)
    workspace.variable("CLOUD_TOKEN", SECRET, sensitive=True, variable_type="environment")
    literal = {"output_name": "literal", "output_value": SECRET, "sensitive": True}
    workspace.post("/outputs", literal)
    return workspace.apply()


def test_the_apply_went_well(task: TaskUnderTest) -> None:
    assert task.status == "applied", task.get()["error_message"]


def test_the_log_has_the_mask_in_place_of_the_values(task: TaskUnderTest) -> None:
    """F27: also where a value came in two pieces, and each line of a value of several lines."""
    log = task.log()

    assert "the password is ***SENSITIVE***" in log
    assert SECRET not in log
    assert "MIIEvQIBADANBgkq" not in log


def test_the_stream_has_no_secret(task: TaskUnderTest) -> None:
    client = task.workspace.platform.client
    messages = json.dumps(list(client.stream(task.task_id)))

    assert "***SENSITIVE***" in messages
    assert SECRET not in messages
    assert "hkiG9w0BAQEFAASC" not in messages


@pytest.mark.parametrize("path", ["", "/resource-changes", "/comments", "/transitions"])
def test_no_answer_about_the_task_has_a_secret(task: TaskUnderTest, path: str) -> None:
    assert SECRET not in json.dumps(task.get(path))


@pytest.mark.parametrize(
    "path", ["", "/variables", "/outputs", "/state-outputs", "/state-versions"]
)
def test_no_answer_about_the_workspace_has_a_secret(task: TaskUnderTest, path: str) -> None:
    assert SECRET not in json.dumps(task.workspace.get(path))


def test_the_database_holds_no_secret_in_clear_text(
    task: TaskUnderTest, platform: Platform
) -> None:
    """Values, states, plan files and plan JSON are encrypted at rest."""
    tables = platform.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    for (table,) in tables:
        found = platform.sql(
            f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE %s '  # noqa: S608
            "OR encode(convert_to(t::text, 'UTF8'), 'escape') LIKE %s",
            f"%{SECRET}%",
            f"%{SECRET.encode().hex()}%",
        )
        assert found == [(0,)], table


def test_an_error_that_quotes_a_secret_is_masked(platform: Platform) -> None:
    workspace = platform.workspace(
        talking("echo 'refused: '\"$PASSWORD\" >&2; exit 1")
        | {"variable": {"password": {"type": "string"}}}
    )
    workspace.variable("PASSWORD", SECRET, sensitive=True, variable_type="environment")
    workspace.variable("password", SECRET)

    task = workspace.apply()

    assert task.status == "failed"
    assert SECRET not in json.dumps(task.get())
    assert SECRET not in task.log()


def test_the_servers_secrets_are_not_in_the_engines_environment(platform: Platform) -> None:
    """F27: an allow-list, never the server's own environment."""
    task = platform.workspace(talking("env | sort")).apply()

    log = task.log("apply")
    environment = platform.stack.environment
    assert "TF_IN_AUTOMATION=" in log
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "DATABASE_URL", "REDIS_URL"):
        assert environment[name] not in log
        assert f"{name}=" not in log


def test_environment_variables_are_not_in_the_generated_files(platform: Platform) -> None:
    """F15: they reach the engine as its environment, and nothing else."""
    workspace = platform.workspace(talking("echo colour is $COLOUR"))
    workspace.variable("COLOUR", "blue", variable_type="environment")

    task = workspace.run()
    directory = platform.work_directory(workspace.workspace_id, task.task_id)
    files = [path for path in directory.iterdir() if path.is_file()]

    assert not any(
        "COLOUR" in path.read_text(errors="replace") for path in files if ".tfvars" in path.name
    )
    assert not (directory / "variables.tf.json").exists()
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    task.confirm()
    task.wait()
    assert "colour is blue" in task.log("apply")


UNDECLARED = """
variable "pw" {}
resource "terraform_data" "each" {
  for_each = toset([var.pw])
  input    = { password = var.pw }
}
output "pw" {
  value = ["the password", var.pw]
}
"""


@pytest.fixture(scope="module")
def undeclared(platform: Platform) -> TaskUnderTest:
    """A task whose uploaded configuration does not declare the sensitive variable sensitive."""
    workspace = platform.workspace()
    workspace.variable("pw", SECRET, sensitive=True)
    workspace.upload({"main.tf": UNDECLARED})
    return workspace.apply()


@pytest.mark.parametrize("path", ["", "/resource-changes", "/comments", "/transitions"])
def test_a_value_is_masked_that_the_configuration_does_not_declare_sensitive(
    undeclared: TaskUnderTest, path: str
) -> None:
    """F27: what the platform knows to be sensitive is masked, whatever an archive declares."""
    assert undeclared.status == "applied", undeclared.log()
    assert SECRET not in json.dumps(undeclared.get(path))


def test_state_outputs_hide_an_undeclared_value(undeclared: TaskUnderTest) -> None:
    outputs = undeclared.workspace.get("/state-outputs")["outputs"]

    assert outputs["pw"]["value"] is None


def test_an_undeclared_value_is_neither_in_log_nor_stream(undeclared: TaskUnderTest) -> None:
    messages = list(undeclared.workspace.platform.client.stream(undeclared.task_id))

    assert SECRET not in undeclared.log()
    assert SECRET not in json.dumps(messages)


def test_plan_and_outputs_show_the_mask_in_place_of_an_undeclared_value(
    undeclared: TaskUnderTest, platform: Platform
) -> None:
    masked = ["the password", "***SENSITIVE***"]
    ((changes, outputs),) = platform.sql(
        "SELECT output_changes, outputs FROM workspaces_taskplan JOIN workspaces_workspacetask"
        " ON workspaces_workspacetask.id = task_id WHERE task_id = %s",
        undeclared.task_id,
    )
    (change,) = undeclared.changes().values()

    assert [each["after"] for each in changes] == [masked]
    assert outputs["pw"]["value"] == masked
    assert change["resource_address"] == 'terraform_data.each["***SENSITIVE***"]'
    assert change["apply_status"] == "completed"
