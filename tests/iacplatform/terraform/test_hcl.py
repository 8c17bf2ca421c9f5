import pytest

from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import escape_template, is_identifier, quote, tfvars_line


@pytest.mark.parametrize("name", ["a", "_a", "a-b", "a_1", "región", "变量"])
def test_a_name_of_letters_digits_underscores_and_dashes_is_an_identifier(name: str) -> None:
    assert is_identifier(name)


@pytest.mark.parametrize("name", ["", "1a", "-a", "a b", "a.b", 'a"', "a\n", "a=1", "${a}"])
def test_anything_else_is_no_identifier(name: str) -> None:
    assert not is_identifier(name)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", '"plain"'),
        ('say "hi"', r'"say \"hi\""'),
        ("a\\b", r'"a\\b"'),
        ("a\nb\rc\td", r'"a\nb\rc\td"'),
        ("${x} %{if}", '"$${x} %%{if}"'),
        ("$${x}", '"$$${x}"'),
        ("$5 100% $", '"$5 100% $"'),
        ("é世界😀", '"é世界😀"'),
        ("\x00\x7f\u2028", r'"\u0000\u007f\u2028"'),
    ],
)
def test_a_text_is_quoted_as_terraform_prints_it(text: str, literal: str) -> None:
    assert quote(text) == literal


def test_a_literal_of_json_syntax_only_has_its_templates_escaped() -> None:
    assert escape_template('"${a}" %{b} $c') == '"$${a}" %%{b} $c'


def test_a_string_variable_is_quoted_even_when_it_looks_like_hcl() -> None:
    assert tfvars_line("a", "[1]", "string") == 'a = "[1]"'


@pytest.mark.parametrize(
    "value",
    [
        "true",
        "false",
        "null",
        "0",
        "-1.5e3",
        "[]",
        "{}",
        '{ a = 1, b = ["x", { c = (2) }] }',
        '["# no comment", "// nor this", "<<EOT", "}", "\\"]", "$${x} %%{y} 5$ 100%"]',
        '{\n  a = 1\n  "b" : 2\n}',
    ],
)
def test_a_complete_hcl_expression_is_written_as_it_is(value: str) -> None:
    """F19"""
    assert tfvars_line("a", value, "hcl") == f"a = {value}"


def test_white_space_around_an_hcl_expression_does_not_count() -> None:
    assert tfvars_line("a", "\n [1] \n", "hcl") == "a = [1]"


@pytest.mark.parametrize("value", ["text", "007", "1.", "truely", 'x" \nb = 1', "--1", "１"])  # noqa: RUF001
def test_an_hcl_value_of_another_kind_is_quoted(value: str) -> None:
    assert tfvars_line("a", value, "hcl") == f"a = {quote(value)}"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("[1", "lacks a closing ]"),
        ("{ a = [1 }", "} closes another bracket"),
        ("[1]]", "goes on after it is closed"),
        ("{}\nother = 1", "goes on after it is closed"),
        ("[1] + [2]", "goes on after it is closed"),
        ("{ # }", "comments are not allowed"),
        ("[1, // ]", "comments are not allowed"),
        ("[1 /* ] */]", "comments are not allowed"),
        ("[<<EOT\n]\nEOT\n]", "heredoc"),
        ('["a]', "a string that does not end on its line"),
        ('["a\nb"]', "a string that does not end on its line"),
        ('["${file("x")}"]', "holds a template"),
        ('["$$${x}"]', "holds a template"),
        ('["%{ if true }a%{ endif }"]', "holds a template"),
    ],
)
def test_an_hcl_value_cannot_break_out_of_its_assignment(value: str, complaint: str) -> None:
    """F19"""
    with pytest.raises(ConfigurationError) as raised:
        tfvars_line("zone", value, "hcl")
    assert "'zone'" in str(raised.value)
    assert complaint in str(raised.value)


def test_a_key_that_is_no_identifier_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'a b'"):
        tfvars_line("a b", "x", "string")


@pytest.mark.parametrize("value", ["[" + "$" * 200_000, '["' + "$" * 200_000 + "{", "[" * 200_000])
@pytest.mark.timeout(5)
def test_a_hostile_value_is_refused_in_linear_time(value: str) -> None:
    with pytest.raises(ConfigurationError):
        tfvars_line("a", value, "hcl")
