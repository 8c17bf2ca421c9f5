"""What an engine sees of its surroundings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from executor.core.accessor import EngineRelease, TaskSpec
from executor.core.environment import engine_environment, log_level, plan_arguments, refused_names
from executor.core.workdir import WorkDirectory
from iacplatform.terraform.configuration import Configuration
from iacplatform.terraform.exceptions import ConfigurationError
from tests.executor.core.in_memory import InMemoryPlatform

RELEASE = EngineRelease("terraform", "1.15.5", "file:///x.zip", "0" * 64)
SPEC = TaskSpec(1, "plan_and_apply", "plan", "ws-a", "a", RELEASE, Configuration())
SERVER = {
    "PATH": "/usr/bin",
    "HOME": "/home/worker",
    "LC_ALL": "C.UTF-8",
    "HTTPS_PROXY": "http://proxy:3128",
    "SECRET_KEY": "server secret",
    "DATABASE_URL": "postgres://secret",
    "AWS_SECRET_ACCESS_KEY": "the server's own",
    "SSH_AUTH_SOCK": "/run/agent",
    "TF_CLI_CONFIG_FILE": "/root/.terraformrc",
}


def environment(
    tmp_path: Path, variables: dict[str, str] | None = None, provider: Any = None, **settings: Any
) -> dict[str, str]:
    configuration = Configuration(provider_config={"provider": provider} if provider else {})
    spec = replace(SPEC, environment=variables or {}, configuration=configuration)
    workdir = WorkDirectory(tmp_path, "ws-a", 1)
    host = InMemoryPlatform(RELEASE, tmp_path).settings(**settings)
    return engine_environment(spec, host, workdir, SERVER)


def test_the_servers_secrets_are_absent(tmp_path: Path) -> None:
    """F27: only names of an allow-list are inherited."""
    found = environment(tmp_path)
    assert found.keys() & SERVER.keys() == {"PATH", "HOME", "LC_ALL", "HTTPS_PROXY"}


def test_the_engine_runs_unattended_and_does_not_call_home(tmp_path: Path) -> None:
    found = environment(tmp_path, cli_config_file=Path("/etc/terraformrc"))
    assert found["TF_IN_AUTOMATION"] == "true"
    assert found["TF_INPUT"] == "false"
    assert found["TF_REGISTRY_CLIENT_TIMEOUT"] == "60"
    assert found["CHECKPOINT_DISABLE"] == "1"
    assert found["TF_CLI_CONFIG_FILE"] == "/etc/terraformrc"
    assert found["TF_PLUGIN_CACHE_DIR"].startswith(str(tmp_path / "ws-a" / "1"))


def test_a_workspaces_own_variables_are_there(tmp_path: Path) -> None:
    variables = {"TF_VAR_size": "2", "AWS_SECRET_ACCESS_KEY": "its own", "TF_LOG_PROVIDER": "INFO"}
    assert environment(tmp_path, variables).items() >= variables.items()


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "TF_DATA_DIR",
        "TF_PLUGIN_CACHE_DIR",
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE",
        "TF_CLI_CONFIG_FILE",
        "TF_WORKSPACE",
        "TF_CLI_ARGS_apply",
        "TF_LOG_PATH",
        "TF_REATTACH_PROVIDERS",
        "no=name",
        "",
    ],
)
def test_what_would_undo_the_platforms_care_is_left_out(tmp_path: Path, name: str) -> None:
    assert refused_names({name: "x", "FINE": "x"}) == [name]
    assert environment(tmp_path, {name: "x"}).get(name) != "x"


def test_a_value_that_no_process_can_be_given_is_left_out() -> None:
    assert refused_names({"BROKEN": "a\0b"}) == ["BROKEN"]


@pytest.mark.parametrize(
    "provider",
    [
        {"aws": [{"region": "eu-west-1"}, {"alias": "b", "region": "us-east-1"}]},
        {"aws": {"region": "eu-west-1"}},
        [{"google": {}}, {"aws": {"region": "eu-west-1"}}],
    ],
)
def test_the_region_is_that_of_the_first_aws_provider(tmp_path: Path, provider: Any) -> None:
    found = environment(tmp_path, provider=provider)
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-west-1"
    own = environment(tmp_path, {"AWS_REGION": "mine"}, provider=provider)
    assert own["AWS_REGION"] == "mine"


@pytest.mark.parametrize("provider", [{"aws": {"region": "${var.region}"}}, {"aws": []}, {"x": {}}])
def test_a_region_that_is_not_known_is_not_set(tmp_path: Path, provider: Any) -> None:
    assert "AWS_REGION" not in environment(tmp_path, provider=provider)


@pytest.mark.parametrize(("value", "level"), [("trace", "DEBUG"), ("WARN", "WARN"), ("x", "INFO")])
def test_tf_log_sets_our_verbosity_and_not_the_engines(
    tmp_path: Path, value: str, level: str
) -> None:
    assert log_level({"TF_LOG": value}) == level
    assert "TF_LOG" not in environment(tmp_path, {"TF_LOG": value})


def test_cli_args_and_targets_are_appended_to_the_plan() -> None:
    variables = {"TF_CLI_ARGS": "-parallelism=5 -var 'a=b c' -target module.x"}
    spec = replace(SPEC, environment=variables, targets=("module.x", 'a.b["c d"]'))
    expected = ("-parallelism=5", "-var", "a=b c", "-target=module.x", '-target=a.b["c d"]')
    assert plan_arguments(spec) == expected


def test_a_drift_check_looks_at_everything_and_changes_nothing() -> None:
    variables = {"TF_CLI_ARGS": "-target=a.b -destroy -parallelism=5"}
    spec = replace(SPEC, task_type="drift_check", environment=variables, targets=("module.x",))
    assert plan_arguments(spec) == ("-refresh-only", "-parallelism=5")


@pytest.mark.parametrize("argument", ["-out=x", "--out=x", "-state=y", "-json", "-chdir=/"])
def test_an_argument_that_the_platform_sets_is_refused(argument: str) -> None:
    spec = replace(SPEC, environment={"TF_CLI_ARGS": argument})
    with pytest.raises(ConfigurationError, match=f"the platform sets {argument} itself"):
        plan_arguments(spec)
