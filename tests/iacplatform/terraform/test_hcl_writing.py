"""JSON syntax written as HCL: the engine reads the same from both."""

import json
from pathlib import Path
from typing import Any

import pytest

from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl_reading import read_hcl
from iacplatform.terraform.hcl_writing import write_hcl
from iacplatform.terraform.nested_blocks import nested_blocks
from tests.iacplatform.terraform.conftest import Engine

BODY: dict[str, Any] = {
    "resource": {
        "terraform_data": {
            "first": {
                "input": {
                    "plain": 'say "hi"\n\tto C:\\temp\u00a0ünïcode',
                    "escaped": "$${not.a.reference} %%{if} $ % $$ 100%",
                    "mixed": 'a-${var.name}-${upper("b}c")}-z',
                    "two lines": '${join(",", [\n  var.name,\n  "x",\n])}',
                    "directive": '%{if var.name == "x"}yes%{else}no%{endif}',
                    "for": 1,
                    "true": 2.5,
                    "${var.name}-key": [True, False, None, 1e20, -3],
                    "nested": {"list": [{"a": [[]]}, {"b": {}}]},
                },
                "depends_on": ["terraform_data.second", "module.inner"],
                "lifecycle": {
                    "ignore_changes": ["triggers_replace"],
                    "replace_triggered_by": ["terraform_data.second"],
                    "precondition": [
                        {"condition": '${var.name != "y"}', "error_message": "not ${var.name}"}
                    ],
                },
                "provisioner": [
                    {"local-exec": {"command": 'echo "$HOME"', "on_failure": "continue"}},
                    {"local-exec": [{"command": "echo bye", "when": "destroy"}]},
                ],
                "//": "a comment",
            },
            "second": {"count": 2, "input": "${[for each in [1, 2] : each * 2]}"},
        }
    },
    "module": {
        "inner": {"source": "./inner", "items": [{"a": 1}, {"a": 2}], "text": "${var.name}"}
    },
    "variable": {"name": {"type": "string", "default": "x"}},
    "locals": {"some": "${terraform_data.second[0].output}"},
    "output": {"some": {"value": "${local.some}", "sensitive": True}},
}
INNER = 'variable "items" {}\nvariable "text" {}\noutput "all" { value = [var.items, var.text] }\n'
# What an engine says of JSON syntax in `configuration` are the texts, for it has not evaluated them.
COMPARED = ("planned_values", "resource_changes", "output_changes", "variables", "prior_state")


def planned(engine: Engine, folder: Path, name: str, content: str) -> dict[str, Any]:
    """What the engine plans for a configuration of one file."""
    (folder / "inner").mkdir(exist_ok=True)
    (folder / "inner" / "main.tf").write_text(INNER)
    for old in folder.glob("main.tf*"):
        old.unlink()
    (folder / name).write_text(content)
    engine("init", "-input=false", "-no-color")
    engine("validate", "-no-color")
    engine("plan", "-input=false", "-no-color", "-out=plan.out")
    plan: dict[str, Any] = json.loads(engine("show", "-json", "plan.out"))
    return plan


def test_the_engine_plans_the_same_from_the_hcl(engine: Engine, tmp_path: Path) -> None:
    from_json = planned(engine, tmp_path, "main.tf.json", json.dumps(BODY))
    written = write_hcl(BODY, nested_blocks(from_json))

    from_hcl = planned(engine, tmp_path, "main.tf", written)

    assert "resource_changes" in from_hcl
    assert [from_hcl.get(key) for key in COMPARED] == [from_json.get(key) for key in COMPARED]


def test_the_hcl_is_formatted_as_the_engine_formats_it(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(write_hcl(BODY))
    engine("fmt", "-no-color")
    assert (tmp_path / "main.tf").read_text() == write_hcl(BODY)


def test_what_was_written_is_read_again_as_the_same() -> None:
    once = read_hcl(write_hcl(BODY))
    assert read_hcl(write_hcl(once)) == once


def test_a_list_of_objects_is_blocks_and_an_object_a_map() -> None:
    body = {"resource": {"aws_sg": {"a": {"ingress": [{"port": 1}], "tags": {"b": "c"}}}}}
    assert write_hcl(body) == (
        'resource "aws_sg" "a" {\n  tags = {\n    b = "c"\n  }\n\n  ingress {\n    port = 1\n  }\n}\n'
    )


def test_what_a_plan_tells_is_better_than_a_guess() -> None:
    body = {
        "resource": {
            "aws_s3_bucket": {
                "a": {"versioning": {"enabled": True, "rule": {"x": 1}}, "list": [{"a": 1}]}
            }
        }
    }
    expressions = {
        "versioning": [
            {"enabled": {"constant_value": True}, "rule": [{"x": {"constant_value": 1}}]}
        ],
        "list": {"constant_value": [{"a": 1}]},
    }
    resource = {"address": "aws_s3_bucket.a", "expressions": expressions}
    plan = {"configuration": {"root_module": {"resources": [resource]}}}

    written = write_hcl(body, nested_blocks(plan))

    assert "  versioning {\n    enabled = true\n\n    rule {\n      x = 1" in written
    assert "  list = [\n    {\n      a = 1" in written


def test_dynamic_blocks_stay_dynamic() -> None:
    dynamic = {"setting": {"for_each": "${var.all}", "content": {"a": "${setting.value}"}}}
    written = write_hcl({"resource": {"x": {"y": {"dynamic": dynamic}}}})
    assert '  dynamic "setting" {\n    for_each = var.all\n\n    content {\n' in written


@pytest.mark.parametrize(
    "body",
    [
        {"resource": {"a": {"b": {"not a name": 1}}}},
        {"resource": {"a": {"b": {"x": "${open"}}}},
        {"resource": {"a": {"b": {"depends_on": ['a.b\n}\nresource "x" "y" {']}}}},
        {"module": {"a": {"providers": {"b": "c # d"}}}},
        {"resource": 5},
        {"resource": {"a": {"b": 5}}},
    ],
)
def test_what_hcl_has_no_words_for_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        write_hcl(body)


@pytest.mark.parametrize(
    "expression",
    [
        'a)\n}\nresource "x" "y" {',
        "a # b",
        "a // b",
        "a /* b */",
        "[1, 2",
        "f(1]",
        '"${b}"',
        "~ a ~",
        "",
    ],
)
def test_an_expression_that_could_break_out_stays_in_quotes(expression: str) -> None:
    try:
        written = write_hcl({"locals": {"a": f"${{{expression}}}"}})
    except ConfigurationError:
        return
    assert read_hcl(written)["locals"][0]["a"].startswith("${")
    assert 'a = "${' in written
