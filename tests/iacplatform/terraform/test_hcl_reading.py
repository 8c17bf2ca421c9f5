"""HCL read into JSON syntax: structure and literals, with the expressions as they are."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl_reading import read_hcl
from iacplatform.terraform.hcl_writing import write_hcl
from tests.iacplatform.terraform.conftest import Engine

TEXT = r"""
# A comment with { braces and "quotes
resource "terraform_data" "first" {
  count = var.number > 1 ? 2 : 1 // more
  input = {
    plain    = "tab\t quote\" \u00fc $${literal}"
    mixed    = "a-${upper("b}c")}-${var.number}"
    list     = [1, -2.5, true, null, "x", var.number, [], {}]
    (var.key) = "computed"
    "a b"    : [for each in [1, 2] : each * 2]
    sum      = 1 + 2
    text     = <<-EOT
      first ${var.number}
        second
    EOT
    other    = <<EOT
  kept
EOT
    call     = join(",", [
      "a", # comment ] inside
      "b",
    ])
    deep     = { a = [{ b = 1 }] }
  }
  depends_on = [terraform_data.second, module.inner]

  lifecycle {
    ignore_changes = all
    precondition {
      condition     = var.number > 0
      error_message = "no"
    }
  }
  provisioner "local-exec" {
    command = "true"
    when    = destroy
  }
  provisioner "local-exec" { command = "false" }
}

resource terraform_data "second" {}

/* module "gone" {} */
module "inner" {
  source    = "./inner"
  items     = [{ a = 1 }]
  text      = var.key
}
variable "number" { default = 3 }
variable "key" {
  type    = string
  default = "k"
}
"""


def test_structure_literals_and_expressions_are_read() -> None:
    body = read_hcl(TEXT)

    first = body["resource"]["terraform_data"]["first"]
    assert first["count"] == "${var.number > 1 ? 2 : 1}"
    assert first["depends_on"] == ["terraform_data.second", "module.inner"]
    assert first["lifecycle"][0]["ignore_changes"] == "all"
    assert first["lifecycle"][0]["precondition"] == [
        {"condition": "${var.number > 0}", "error_message": "no"}
    ]
    assert first["provisioner"][0] == {"local-exec": {"command": "true", "when": "destroy"}}
    given = first["input"]
    assert given["plain"] == 'tab\t quote" ü $${literal}'
    assert given["mixed"] == 'a-${upper("b}c")}-${var.number}'
    assert given["list"] == [1, -2.5, True, None, "x", "${var.number}", [], {}]
    assert given["${var.key}"] == "computed"
    assert given["a b"] == "${[for each in [1, 2] : each * 2]}"
    assert given["text"] == "first ${var.number}\n  second\n"
    assert given["other"] == "  kept\n"
    assert body["resource"]["terraform_data"]["second"] == {}
    assert body["variable"]["key"] == {"type": "string", "default": "k"}
    assert "gone" not in body["module"]


def test_the_engine_plans_the_same_from_the_json(engine: Engine, tmp_path: Path) -> None:
    from_text = planned(engine, tmp_path, "main.tf", TEXT)
    body = read_hcl(TEXT)

    assert planned(engine, tmp_path, "main.tf.json", json.dumps(body)) == from_text
    assert planned(engine, tmp_path, "main.tf", write_hcl(body)) == from_text


def planned(engine: Engine, folder: Path, name: str, content: str) -> dict[str, Any]:
    (folder / "inner").mkdir(exist_ok=True)
    (folder / "inner" / "main.tf").write_text('variable "items" {}\nvariable "text" {}\n')
    for old in folder.glob("main.tf*"):
        old.unlink()
    (folder / name).write_text(content)
    engine("init", "-input=false", "-no-color")
    engine("plan", "-input=false", "-no-color", "-out=plan.out")
    plan: dict[str, Any] = json.loads(engine("show", "-json", "plan.out"))
    return {key: plan[key] for key in ("planned_values", "resource_changes", "variables")}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("resource", 1),
        ("resource a {}", 1),
        ("\nresource a b {", 2),
        ("resource a b {\n  x = \n}", 2),
        ("resource a b {\n  x = (1\n}", 3),
        ("resource a b {\n  x = 1, y = 2\n}", 2),
        ("resource a b {\n  x = 1\n  x = 2\n}", 3),
        ("resource a b {}\nresource a b {}", 2),
        ("resource a b {\n  x = 1\n  x {}\n}", 3),
        ("resource a b {\n  x = <<EOT\n  no end\n}", 2),
        ("}", 1),
        ("resource a b {\n  5 = 1\n}", 2),
    ],
)
def test_what_is_no_hcl_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=f"^Line {line}: "):
        read_hcl(text)


@pytest.mark.parametrize("value", ['"open', r'"\q"', r'"\ud800"', r'"\u0000"', '"${open"'])
def test_a_string_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError):
        read_hcl(f"locals {{\n  a = {value}\n}}")


def test_deep_nesting_does_no_harm() -> None:
    assert read_hcl(f"locals {{\n  a = {'[' * 3000}{']' * 3000}\n}}")
    with pytest.raises(ConfigurationError, match="deeper"):
        read_hcl("resource a b {\n" + "x {\n" * 3000)


def test_what_is_not_closed_is_searched_for_once() -> None:
    """A quadratic search would take hours."""
    for part in ("/*", "<<A\n", '"', "${", "("):
        with pytest.raises(ConfigurationError):
            read_hcl(textwrap.dedent(f"locals {{\n  a = b {part * 200_000}"))
