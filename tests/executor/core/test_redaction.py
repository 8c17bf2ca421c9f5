"""Sensitive values: nowhere, in no spelling, across no border."""

import json
import random

import pytest

from executor.core.redaction import Redactor

KEY = "-----BEGIN KEY-----\nMIIEvAIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"
MASK = "***SENSITIVE***"


def streamed(redactor: Redactor, chunks: list[str]) -> str:
    stream = redactor.stream()
    return "".join([stream.feed(chunk) for chunk in chunks] + [stream.flush()])


def test_every_occurrence_is_masked() -> None:
    """F27: sensitive values are masked."""
    assert Redactor(["hunter22"]).redact("a hunter22 hunter22!") == f"a {MASK} {MASK}!"


def test_values_of_fewer_than_four_characters_stay() -> None:
    assert Redactor(["abc", "", "   "]).redact("abc   def") == "abc   def"


def test_a_json_value_is_masked_in_texts_keys_and_numbers() -> None:
    value = {"hunter22": ["a hunter22", 4711, 0.4711, 12, True, None, {"b": {}}]}
    masked = {MASK: [f"a {MASK}", MASK, f"0.{MASK}", 12, True, None, {"b": {}}]}
    assert Redactor(["hunter22", "4711", "True", "None"]).redact_value(value) == masked
    assert Redactor([]).redact_value(value) == value


def test_only_the_keys_of_an_address_are_masked() -> None:
    line = r'module.main["main"].a.main[0].b["x \"main"]: Creating... main'
    masked = rf'module.main["{MASK}"].a.main[0].b["x \"{MASK}"]: Creating... main'
    assert Redactor(["main"]).redact_keys(line) == masked


def test_the_longest_value_wins() -> None:
    assert Redactor(["pass", "password1"]).redact("password1 pass") == f"{MASK} {MASK}"


def test_characters_with_a_meaning_in_patterns_are_taken_literally() -> None:
    assert Redactor(["a.c*(["]).redact("abc a.c*([") == f"abc {MASK}"


@pytest.mark.parametrize("value", ['say "no" ${x}', "a\\b\tc", "<&>&", "straße äöü", "%{if}x"])
def test_the_spellings_of_json_and_hcl_are_masked_too(value: str) -> None:
    redactor = Redactor([value])
    for spelling in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert redactor.redact(spelling) == f'"{MASK}"'
    html = json.dumps(value, ensure_ascii=False)
    for char in "<>&":
        html = html.replace(char, f"\\u{ord(char):04x}")
    assert redactor.redact(html) == f'"{MASK}"'


def test_a_private_key_is_masked_as_a_whole_and_in_indented_lines() -> None:
    redactor = Redactor([KEY])
    assert redactor.redact(f"key:\n{KEY}") == f"key:\n{MASK}"
    assert redactor.redact(json.dumps({"key": KEY})) == f'{{"key": "{MASK}"}}'
    indented = "".join(f"   + {line}\n" for line in KEY.splitlines())
    assert redactor.redact(indented) == f"   + {MASK}\n" * 4


def test_short_lines_of_a_long_value_do_not_mask_the_whole_log() -> None:
    redactor = Redactor(['{\n  "token": "s3cr3t-token"\n}\n'])
    assert redactor.redact("}") == "}"
    assert MASK in redactor.redact('    "token": "s3cr3t-token"')


def test_the_texts_in_a_map_or_list_are_masked_but_not_its_keys() -> None:
    redactor = Redactor(['{ "username" = "administrator", list = ["first-token"] }'])
    text = redactor.redact("username: administrator, first-token")
    assert text == f"username: {MASK}, {MASK}"


def test_a_value_is_masked_across_chunk_borders() -> None:
    """F27: also where a value is cut anywhere, or arrives character by character."""
    redactor = Redactor(["hunter22", KEY])
    text = f"first hunter22, then {KEY} and hunter2 hunter22"
    for size in range(1, len(text)):
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert streamed(redactor, chunks) == redactor.redact(text)


def test_a_stream_masks_what_the_whole_text_would_be_masked_by() -> None:
    rng = random.Random(7)
    for _ in range(3000):
        values = ["".join(rng.choices("ab\n", k=rng.randint(4, 9))) for _ in range(3)]
        redactor = Redactor(values)
        text = "".join(rng.choices("ab\n", k=40))
        border = rng.randint(1, 39)
        assert streamed(redactor, [text[:border], text[border:]]) == redactor.redact(text)


def test_only_what_may_begin_a_value_is_held_back() -> None:
    stream = Redactor(["hunter22"]).stream()
    assert stream.feed("plain text\n") == "plain text\n"
    assert stream.feed("a hun") == "a "
    assert stream.feed("gry wolf") == "hungry wolf"
    assert stream.feed("hunter2") == ""
    assert stream.flush() == "hunter2"


def test_lines_without_a_value_pass_unchanged_among_fifty_values() -> None:
    rng = random.Random(7)
    values = ["".join(rng.choices("abcdefghij0123456789", k=20)) for _ in range(49)]
    stream = Redactor([*values, KEY]).stream()
    lines = [
        f"module.x.aws_instance.web[{n}]: Creating... and so on for a bit\n" for n in range(9500)
    ]
    passed = [stream.feed(line) for line in lines] + [stream.flush()]
    assert "".join(passed) == "".join(lines)
