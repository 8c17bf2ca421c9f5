"""Lines out of bytes, masked, and consumers that fail."""

from collections.abc import Sequence

import pytest

from executor.core import lines as lines_module
from executor.core.lines import LineReaders, LineSplitter, RedactedLines, Stream
from executor.core.redaction import Redactor


def split(*chunks: bytes) -> list[str]:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + splitter.finish()


def mask(*lines: str, values: Sequence[str], at_a_time: int = 1) -> list[str]:
    masked = RedactedLines(Redactor(values))
    starts = range(0, len(lines), at_a_time)
    found = [line for start in starts for line in masked.feed(lines[start : start + at_a_time])]
    return found + masked.finish()


def test_lines_are_put_together_from_chunks() -> None:
    assert split(b"one\ntw", b"o\n", b"\nfour") == ["one", "two", "", "four"]


def test_a_character_cut_in_two_is_read_whole() -> None:
    assert split("größe".encode()[:3], "größe".encode()[3:]) == ["größe"]


def test_undecodable_bytes_and_nul_are_replaced() -> None:
    assert split(b"a\xff\0b\n") == ["a\ufffd\ufffdb"]


def test_a_line_that_redraws_itself_shows_its_last_state() -> None:
    assert split(b"10%\r50%\r100%\r\nnext\r\n") == ["100%", "next"]


@pytest.mark.parametrize("megabytes", [1, 5])
def test_a_long_line_is_kept_whole(megabytes: int) -> None:
    """F21: a line of 1 MB is neither cut nor stops the reading."""
    content = b"x" * (megabytes * 1024 * 1024)
    chunks = [content[start : start + 65536] for start in range(0, len(content), 65536)]
    assert split(*chunks, b"\nafter\n") == [content.decode(), "after"]


def test_a_line_without_an_end_does_not_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE_LENGTH", 10)
    assert split(b"x" * 8, b"y" * 8, b"\nnext") == ["xxxxxxxxyy … [6 more characters]", "next"]


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
@pytest.mark.parametrize("value", ["two\nlined", "two\nlined\n", "\nlined value", "lined"])
def test_the_masked_lines_are_the_same_however_many_come_at_a_time(
    value: str, at_a_time: int
) -> None:
    lines = ["one", "two", "lined value", "", "two", "lined", "two"]
    expected = mask(*lines, values=[value], at_a_time=1000)
    assert "***SENSITIVE***" in " ".join(expected)
    assert mask(*lines, values=[value], at_a_time=at_a_time) == expected


def test_the_line_end_in_a_masked_value_goes_with_it() -> None:
    assert mask("the two", "lined end", "two", values=["two\nlined"]) == [
        "the ***SENSITIVE*** end",
        "two",
    ]


def test_a_consumer_that_raises_stops_neither_the_others_nor_the_reading() -> None:
    """H4: an exception on a weird line; the line is logged all the same, the error noted once."""
    notes: list[str] = []
    logged: list[str] = []
    counted: list[str] = []

    def log(lines: Sequence[str], stream: Stream) -> None:
        logged.extend(f"{stream}: {line}" for line in lines)

    def parser(line: str, _: Stream) -> None:
        raise KeyError(line)

    def counter(line: str, _: Stream) -> None:
        counted.append(line)

    readers = LineReaders([log], [parser, counter], notes.append)
    readers(["one", "two"], "stdout")
    assert logged == ["stdout: one", "stdout: two"]
    assert counted == ["one", "two"]
    assert notes == ["A line of the engine could not be read (KeyError); going on."]
