from collections.abc import Callable

from iacplatform.terraform.errors import MAX_ERROR_LENGTH, ErrorBlocks, extract_error

Captured = Callable[[str], bytes]

PROVISIONER_ERROR = """\
Error: local-exec provisioner error

  with terraform_data.bad["a/b:c d@e"],
  on main.tf line 32, in resource "terraform_data" "bad":
  32:   provisioner "local-exec" { command = "echo 'Error: mine'; echo oops >&2; exit 3" }

Error running command 'echo 'Error: mine'; echo oops >&2; exit 3': exit
status 3. Output: Error: mine
oops"""

TWO_BOXES = """\
Planning...
╷
│ Warning: Deprecated
│\x20
│ Old.
╵
╷
│ Error: Invalid reference
│\x20
│   on main.tf line 1, in output "o":
│    1: output "o" { value = a.b }
│     ├────────────────
│     │ a is "x"
╵
╷
│ Error: Second
╵
"""


def test_the_error_of_a_plain_output_is_whole(captured: Captured) -> None:
    assert extract_error(captured("apply_terraform_1_15.txt").decode()) == PROVISIONER_ERROR


def test_colours_and_the_box_are_taken_off(captured: Captured) -> None:
    error = extract_error(captured("apply_terraform_1_0_colour.txt").decode())
    assert error == (
        "Error: local-exec provisioner error\n"
        "\n"
        "  with null_resource.bad,\n"
        '  on main.tf line 13, in resource "null_resource" "bad":\n'
        '  13:   provisioner "local-exec" { command = var.v == "1" ? "true" : "exit 4" }\n'
        "\n"
        "Error running command 'exit 4': exit status 4. Output:"
    )


def test_all_errors_are_taken_and_no_warning() -> None:
    assert extract_error(TWO_BOXES) == (
        "Error: Invalid reference\n"
        "\n"
        '  on main.tf line 1, in output "o":\n'
        '   1: output "o" { value = a.b }\n'
        "    ├────────────────\n"
        '    │ a is "x"\n'
        "\n"
        "Error: Second"
    )


def test_lines_may_come_one_by_one_with_their_ends() -> None:
    assert extract_error(["Error: a\r\n", "\n", "why\n"]) == "Error: a\n\nwhy"


def test_a_log_line_ends_an_error() -> None:
    log = "Error: a\nwhy\n[12:00:00.000] [INFO] next\nmore\n"
    assert extract_error(log) == "Error: a\nwhy"


def test_a_stage_marker_ends_an_error() -> None:
    log = "Error: a\n[x]\n========== PLANNING END at 2025-01-01 10:00:00.000 ==========\nmore"
    assert extract_error(log) == "Error: a\n[x]"


def test_what_a_provisioner_prints_is_no_error() -> None:
    assert extract_error("a.b (local-exec): Error: mine\nlast") == (
        "a.b (local-exec): Error: mine\nlast"
    )


def test_without_an_error_the_last_lines_are_returned() -> None:
    output = "\n\n".join(f"line {number}" for number in range(50))
    lines = extract_error(output).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("line 30", "line 49", 20)


def test_an_empty_output_has_no_error() -> None:
    assert extract_error("") == ""


def test_a_long_error_is_cut_between_words() -> None:
    error = extract_error("Error: " + "word " * 10_000)
    assert len(error) <= MAX_ERROR_LENGTH
    assert error.endswith("word …")


def test_one_giant_word_is_cut_where_the_room_ends() -> None:
    error = extract_error("Error: " + "x" * 10_000_000)
    assert len(error) == MAX_ERROR_LENGTH
    assert error.startswith("Error: xxx")


def test_many_errors_are_cut_together() -> None:
    assert len(extract_error("Error: a b c\n" * 100_000)) <= MAX_ERROR_LENGTH


def test_an_endless_block_is_not_kept_in_memory() -> None:
    blocks = ErrorBlocks()
    blocks.feed("Error: a")
    for _ in range(1_000):
        blocks.feed("x" * MAX_ERROR_LENGTH)
    assert len(blocks._lines) < 5
