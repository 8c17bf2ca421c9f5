"""Lines out of bytes, and consumers that fail."""

import pytest

from executor.core import lines as lines_module
from executor.core.lines import LineSplitter, Stream


class Recorder:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str, stream: Stream) -> None:
        assert stream == "stdout"
        self.lines.append(line)


def split(*chunks: bytes) -> list[str]:
    recorder = Recorder()
    splitter = LineSplitter("stdout", [recorder], pytest.fail)
    for chunk in chunks:
        splitter(chunk)
    splitter.finish()
    return recorder.lines


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


def test_a_consumer_that_raises_stops_neither_the_others_nor_the_reading() -> None:
    """H4: an exception on a weird line; the line is logged all the same, the error noted once."""
    log = Recorder()
    notes: list[str] = []

    def parser(line: str, _: Stream) -> None:
        raise KeyError(line)

    splitter = LineSplitter("stdout", [log, parser, log], notes.append)
    splitter(b"one\ntwo\n")
    assert log.lines == ["one", "one", "two", "two"]
    assert notes == ["A line of the engine could not be read (KeyError); going on."]
