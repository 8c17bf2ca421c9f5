import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iacplatform.terraform.configuration import (
    Configuration,
    Output,
    RemoteData,
    Variable,
    module_name,
    provider_config_hash,
    render,
)
from iacplatform.terraform.exceptions import ConfigurationError

Engine = Callable[..., str]
Body = dict[str, Any]

TEXTS = [
    "plain",
    'quo"te \\ back',
    "new\nline\r\n\ttab",
    "${x} %{if} $${y} %%{z} $$${w} $%{ %${ $",
    "é世界😀\x7f\u2028",
    "<<EOT\n# no comment\nEOT",
    "",
]


def main(*bodies: Body) -> Any:
    """The content of ``main.tf.json``."""
    return json.loads(render(Configuration(bodies))["main.tf.json"])


def rendered(name: str, **parts: Any) -> Any:
    """The content of one file, ``None`` when it is not written."""
    files = render(Configuration(**parts))
    return json.loads(files[name]) if name in files else None


def test_an_empty_configuration_has_a_main_file_and_a_variable_file() -> None:
    assert render(Configuration()) == {"main.tf.json": "{}\n", "variables.tfvars": ""}


def test_files_are_json_with_two_spaces() -> None:
    text = render(Configuration(({"locals": {"a": 1}},)))["main.tf.json"]
    assert text == '{\n  "locals": {\n    "a": 1\n  }\n}\n'


def test_an_archive_of_hcl_declares_its_variables_and_resources_itself() -> None:
    configuration = Configuration(
        bodies=({"locals": {"a": 1}},),
        provider_config={"provider": {"aws": [{"region": "x"}]}},
        variables=(Variable("a", "1"),),
        outputs=(Output("", "o", "x"),),
    )
    files = render(configuration, declare_variables=False, main=False)
    assert set(files) == {"provider.tf.json", "outputs.tf.json", "variables.tfvars"}


def test_two_resources_of_a_type_are_both_there() -> None:
    """F20"""
    first = {"resource": {"aws_vpc": {"a": {"x": 1}}}, "data": {"aws_ami": {"a": {}}}}
    second = {"resource": {"aws_vpc": {"b": {"x": 2}}}, "data": {"aws_ami": {"b": {}}}}
    assert main(first, second) == {
        "resource": {"aws_vpc": {"a": {"x": 1}, "b": {"x": 2}}},
        "data": {"aws_ami": {"a": {}, "b": {}}},
    }


def test_lists_are_merged_at_every_depth() -> None:
    """F20"""
    first = {"resource": [{"aws_vpc": [{"a": [{"x": 1}]}, {"b": {}}]}]}
    assert main(first, {"resource": {"aws_vpc": {"c": {}}}}) == {
        "resource": {"aws_vpc": {"a": [{"x": 1}], "b": {}, "c": {}}}
    }


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ({"resource": {"aws_vpc": {"a": {}}}}, "aws_vpc.a"),
        ({"data": {"aws_ami": {"a": {}}}}, "data.aws_ami.a"),
        ({"ephemeral": {"t": {"a": {}}}}, "ephemeral.t.a"),
        ({"module": {"m": {"source": "./m"}}}, "module.m"),
        ({"variable": {"v": {}}}, "var.v"),
        ({"output": {"o": {"value": 1}}}, "output.o"),
        ({"locals": {"l": 1}}, "local.l"),
        ({"check": {"c": {}}}, "check.c"),
        ({"provider": {"aws": {"region": "x"}}}, "provider.aws"),
        ({"provider": {"aws": [{"alias": "west"}]}}, "provider.aws.west"),
    ],
)
def test_what_is_defined_twice_is_named(body: Body, address: str) -> None:
    """F20"""
    with pytest.raises(ConfigurationError, match=f"^{address} is defined twice"):
        main(body, body)


def test_two_bodies_of_one_resource_are_never_mixed_into_one() -> None:
    with pytest.raises(ConfigurationError, match=r"t\.a is defined twice"):
        main({"resource": {"t": {"a": {"x": 1}}}}, {"resource": {"t": {"a": {"y": 2}}}})


def test_a_name_given_twice_in_one_body_is_named_too() -> None:
    with pytest.raises(ConfigurationError, match=r"t\.a is defined twice"):
        main({"resource": [{"t": {"a": {}}}, {"t": {"a": {}}}]})


@pytest.mark.parametrize(
    "body", [{"resource": "x"}, {"resource": {"t": None}}, {"module": [1]}, {"terraform": "x"}]
)
def test_a_body_that_is_not_of_json_syntax_is_refused(body: Body) -> None:
    with pytest.raises(ConfigurationError, match="must be an object or a list of objects"):
        main(body)


def test_comments_are_left_out_and_blocks_without_labels_follow_each_other() -> None:
    first = {"//": "a comment", "moved": {"from": "a.b", "to": "a.c"}}
    second = {"//": "another", "moved": [{"from": "a.d", "to": "a.e"}]}
    assert main(first, second) == {
        "moved": [{"from": "a.b", "to": "a.c"}, {"from": "a.d", "to": "a.e"}]
    }


def test_providers_with_different_aliases_are_all_there() -> None:
    first = {"provider": {"aws": {"region": "x"}}}
    second = {"provider": [{"aws": [{"alias": "west"}]}]}
    assert main(first, second)["provider"] == {"aws": [{"region": "x"}, {"alias": "west"}]}


def test_terraform_blocks_are_collected_with_one_list_of_required_providers() -> None:
    first = {
        "terraform": {"required_version": ">= 1", "required_providers": {"a": {"source": "x"}}}
    }
    second = {"terraform": [{"required_providers": [{"a": {"source": "x"}, "b": {"source": "y"}}]}]}
    assert main(first, second)["terraform"] == [
        {"required_version": ">= 1"},
        {"required_providers": {"a": {"source": "x"}, "b": {"source": "y"}}},
    ]


def test_required_providers_that_differ_are_named() -> None:
    bodies = [{"terraform": {"required_providers": {"a": {"version": v}}}} for v in "12"]
    with pytest.raises(ConfigurationError, match=r"terraform\.required_providers\.a"):
        main(*bodies)


@pytest.mark.parametrize("block", ["backend", "cloud"])
def test_a_body_cannot_move_the_state_elsewhere(block: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"terraform\.{block}"):
        main({"terraform": [{block: {"s3": {}}}]})


def test_the_provider_configuration_is_written_as_it_is() -> None:
    config = {
        "provider": {"aws": [{"region": "${var.region}"}]},
        "terraform": [{"required_providers": [{"aws": {"source": "hashicorp/aws"}}]}],
    }
    assert rendered("provider.tf.json", provider_config=config) == config


@pytest.mark.parametrize("empty", [[], {}, [{}], None])
def test_an_empty_terraform_block_is_left_out(empty: Any) -> None:
    config = {"provider": {"aws": [{}]}, "terraform": empty}
    written = rendered("provider.tf.json", provider_config=config)
    assert written == {"provider": {"aws": [{}]}}
    assert rendered("provider.tf.json", provider_config={"terraform": empty}) is None


def test_required_providers_of_bodies_join_those_of_the_workspace() -> None:
    """A module may have only one ``required_providers``."""
    body = {"terraform": {"required_providers": {"b": {"source": "y"}}}, "locals": {"l": 1}}
    config = {"terraform": [{"required_providers": [{"a": {"source": "x"}}]}]}
    files = render(Configuration((body,), config))
    assert json.loads(files["main.tf.json"]) == {"locals": {"l": 1}}
    assert json.loads(files["provider.tf.json"]) == {
        "terraform": [{"required_providers": {"a": {"source": "x"}, "b": {"source": "y"}}}]
    }


def test_a_provider_of_a_body_and_of_the_workspace_is_defined_twice() -> None:
    body: Body = {"provider": {"aws": {}}}
    with pytest.raises(ConfigurationError, match=r"provider\.aws is defined twice"):
        render(Configuration((body,), {"provider": {"aws": [{"region": "x"}]}}))


def test_variables_are_declared() -> None:
    variables = (
        Variable("a", "1"),
        Variable("b", "[1]", "hcl", sensitive=True, description="a ${b}"),
    )
    assert rendered("variables.tf.json", variables=variables) == {
        "variable": {
            "a": {"type": "string"},
            "b": {"description": "a $${b}", "sensitive": True},
        }
    }


def test_values_stand_in_the_variable_file_only() -> None:
    """F15"""
    files = render(Configuration(variables=(Variable("a", "v-1"), Variable("b", "{}", "hcl"))))
    assert files["variables.tfvars"] == 'a = "v-1"\nb = {}\n'
    assert "v-1" not in files["variables.tf.json"]


def test_without_variables_none_are_declared() -> None:
    """F15"""
    assert rendered("variables.tf.json") is None


def test_a_variable_that_a_body_declares_is_not_declared_again() -> None:
    body = {"variable": {"a": {"type": "number"}}}
    files = render(Configuration((body,), variables=(Variable("a", "1"),)))
    assert "variables.tf.json" not in files
    assert json.loads(files["main.tf.json"]) == body
    assert files["variables.tfvars"] == 'a = "1"\n'


def test_a_sensitive_value_makes_the_declaration_of_a_body_sensitive() -> None:
    body = {"variable": [{"a": [{"type": "string"}]}]}
    files = render(Configuration((body,), variables=(Variable("a", "1", sensitive=True),)))
    assert json.loads(files["main.tf.json"]) == {
        "variable": {"a": [{"type": "string", "sensitive": True}]}
    }
    assert body == {"variable": [{"a": [{"type": "string"}]}]}


def test_a_variable_given_twice_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"var\.a is defined twice"):
        render(Configuration(variables=(Variable("a", "1"), Variable("a", "2"))))


def test_outputs_are_named_by_their_module() -> None:
    outputs = (
        Output("aws_vpc_main", "id", "module.aws_vpc_main.id", "the id", sensitive=True),
        Output("m", "b", "${module.m.b}"),
        Output("m", "c", "x-${module.m.c}"),
        Output("", "motd", "cost: ${5}", description="in $"),
    )
    assert rendered("outputs.tf.json", outputs=outputs) == {
        "output": {
            "aws_vpc_main-id": {
                "value": "${module.aws_vpc_main.id}",
                "description": "the id",
                "sensitive": True,
            },
            "m-b": {"value": "${module.m.b}"},
            "m-c": {"value": "x-${module.m.c}"},
            "static-motd": {"value": "cost: $${5}", "description": "in $"},
        }
    }


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ((Output("", "a", "1"), Output("", "a", "2")), r"output\.static-a is defined twice"),
        ((Output("", "a b", "1"),), r"output\.static-a b is not a valid"),
        ((Output("aws.x", "a", "1"),), r"output\.aws\.x-a is not a valid"),
        ((Output("m", "a", " "),), r"output\.m-a has no value"),
    ],
)
def test_an_output_that_cannot_be_written_is_named(
    outputs: tuple[Output, ...], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        render(Configuration(outputs=outputs))


def test_an_output_of_a_body_and_of_the_workspace_is_defined_twice() -> None:
    body = {"output": {"static-a": {"value": 1}}}
    with pytest.raises(ConfigurationError, match=r"output\.static-a is defined twice"):
        render(Configuration((body,), outputs=(Output("", "a", "1"),)))


def test_remote_data_is_read_over_http() -> None:
    remote = RemoteData("network", "https://host/api/v1/x", "t0ken")
    assert rendered("remote_data.tf.json", remote_data=(remote,)) == {
        "data": {
            "http": {
                "remote_network": [
                    {
                        "url": "https://host/api/v1/x",
                        "request_headers": {"Authorization": "Bearer t0ken"},
                    }
                ]
            }
        },
        "locals": {
            "network": "${merge({ for name, output in"
            " jsondecode(data.http.remote_network.response_body).outputs :"
            " name => output if !output.sensitive }, { for name, output in"
            " jsondecode(data.http.remote_network.response_body).outputs :"
            " name => sensitive(output) if output.sensitive })}"
        },
    }


@pytest.mark.parametrize(
    ("body", "address"),
    [({"locals": {"n": 1}}, r"local\.n"), ({"data": {"http": {"remote_n": {}}}}, r"data\.http\.")],
)
def test_remote_data_whose_name_a_body_has_is_named(body: Body, address: str) -> None:
    with pytest.raises(ConfigurationError, match=address):
        render(Configuration((body,), remote_data=(RemoteData("n", "u", "t"),)))


def test_remote_data_without_a_valid_name_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"local\.a b is not a valid"):
        render(Configuration(remote_data=(RemoteData("a b", "u", "t"),)))


def test_secrets_are_not_in_the_representation() -> None:
    configuration = Configuration(
        variables=(Variable("a", "s3cret"),), remote_data=(RemoteData("n", "u", "t0ken"),)
    )
    assert "s3cret" not in repr(configuration)
    assert "t0ken" not in repr(configuration)


def test_the_hash_of_a_provider_configuration_does_not_depend_on_the_order_of_keys() -> None:
    assert provider_config_hash({"a": 1, "b": {"c": 2, "d": 3}}) == provider_config_hash(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )
    assert provider_config_hash({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()
    assert provider_config_hash({"a": [1, 2]}) != provider_config_hash({"a": [2, 1]})


def test_a_module_is_named_after_its_resource() -> None:
    assert module_name("aws_s3_bucket.logs") == "aws_s3_bucket_logs"


def test_what_terraform_reads_is_what_was_meant(engine: Engine, tmp_path: Path) -> None:
    """F19, F20: every text, map and list comes back from the engine unchanged."""
    count = range(len(TEXTS))
    hcl = Variable("map", '{ a = [1, "x"], b = { c = true } }', "hcl")
    configuration = Configuration(
        bodies=(
            {"terraform": [{"required_version": ">= 0.12"}], "variable": {"v0": {}}},
            {"resource": {"terraform_data": [{"a": [{"input": 1}]}]}},
            {"resource": {"terraform_data": {"b": {"input": "${terraform_data.a.output}"}}}},
        ),
        provider_config={"provider": {"terraform": [{"alias": "x"}]}, "terraform": []},
        variables=(*(Variable(f"v{i}", TEXTS[i], description="${x}") for i in count), hcl),
        outputs=(
            *(Output("", f"o{i}", TEXTS[i], description='%{"') for i in count),
            *(Output("m", f"o{i}", f"var.v{i}") for i in count),
            Output("m", "map", "var.map"),
            Output("m", "b", "terraform_data.b.output"),
        ),
    )
    for name, content in render(configuration).items():
        (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    engine("init", "-no-color")
    engine("apply", "-no-color", "-auto-approve", "-var-file=variables.tfvars")
    outputs = json.loads(engine("output", "-json"))
    assert [outputs[f"static-o{i}"]["value"] for i in count] == TEXTS
    assert [outputs[f"m-o{i}"]["value"] for i in count] == TEXTS
    assert outputs["m-map"]["value"] == {"a": [1, "x"], "b": {"c": True}}
    assert outputs["m-b"]["value"] == 1
