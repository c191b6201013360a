from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from workbench.widgets.text_lines import Run, breaks, cells, cut, fit, literal, plain, wrap

TEXT = st.text(st.sampled_from("ab c\u0301 日本😀 -…"), max_size=60)


@given(TEXT, st.integers(1, 30))
def test_broken_parts_fit_and_lose_only_spaces(text: str, width: int) -> None:
    parts = [text[start:end] for start, end in breaks(text, width)]
    assert all(cell_len(part) <= width or len(part) == 1 for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")


@given(TEXT, st.integers(1, 30))
def test_breaking_keeps_words_whole_where_they_fit(text: str, width: int) -> None:
    words = [word for word in text.split(" ") if word and word.isascii() and len(word) <= width]
    parts = [text[start:end] for start, end in breaks(text, width)]
    if text.isascii():
        assert all(any(word in part for part in parts) for word in words)


@given(TEXT, st.integers(0, 30))
def test_fit_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


def test_a_line_is_broken_between_words_with_what_stands_before() -> None:
    line = (Run("one two ", "a"), Run("three four", "b"))
    parts = wrap(line, 10, first=(Run("- "),), rest=(Run("  "),))
    assert [plain(part) for part in parts] == ["- one two", "  three", "  four"]
    assert parts[1] == (Run("  "), Run("three", "b"))


def test_a_long_word_is_broken_where_the_line_ends() -> None:
    assert [plain(part) for part in wrap((Run("x" * 25),), 10)] == ["x" * 10, "x" * 10, "x" * 5]


def test_wide_characters_go_on_in_the_line_that_has_begun() -> None:
    parts = [plain(part) for part in wrap((Run("ab 日本語の文"),), 8)]
    assert parts == ["ab 日本", "語の文"]


def test_indentation_of_the_first_part_stays() -> None:
    assert [plain(part) for part in wrap((Run("    indented text here"),), 14)] == [
        "    indented",
        "text here",
    ]


def test_literal_text_keeps_its_lines_and_turns_tabs_into_spaces() -> None:
    assert [plain(line) for line in literal("a\tb\n\nc")] == ["a   b", "", "c"]


def test_cut_takes_part_of_each_run() -> None:
    line = (Run("abc", "x"), Run("def", "y"))
    assert list(cut(line, 2, 5)) == [Run("c", "x"), Run("de", "y")]
    assert cells(tuple(cut(line, 0, 6))) == 6
