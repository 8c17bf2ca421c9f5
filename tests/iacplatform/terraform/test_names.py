"""Names of variables."""

import pytest

from iacplatform.terraform.names import is_environment_name, is_variable_name


@pytest.mark.parametrize("name", ["region", "_x", "a-b", "größe", "A1"])
def test_a_variable_may_have_an_identifier_for_a_name(name: str) -> None:
    assert is_variable_name(name)


@pytest.mark.parametrize("name", ["", "1a", "-a", "a b", "a.b", "count", "source", "version"])
def test_a_variable_may_have_no_other_name(name: str) -> None:
    assert not is_variable_name(name)


@pytest.mark.parametrize("name", ["PATH", "AWS_REGION", "TF_CLI_ARGS", "TF_LOG", "TF_VAR_a", "_"])
def test_an_environment_variable_may_be_set(name: str) -> None:
    assert is_environment_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1A",
        "A-B",
        "A B",
        "A\n",
        "Ä",
        "LD_PRELOAD",
        "DYLD_INSERT_LIBRARIES",
        "TF_DATA_DIR",
        "TF_WORKSPACE",
        "TF_CLI_CONFIG_FILE",
        "TF_CLI_ARGS_apply",
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE",
        "TF_REATTACH_PROVIDERS",
    ],
)
def test_an_environment_variable_may_not_move_what_the_platform_relies_on(name: str) -> None:
    assert not is_environment_name(name)
