import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.widgets.markdown_document import MOST_CHARACTERS, MarkdownDocument
from workbench.widgets.text_lines import Line, cells, plain

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "word ",
                "\n",
                "\n\n",
                "- ",
                "  - ",
                "3. ",
                "> ",
                "# ",
                "```",
                "```py\n",
                "~~~\n",
                "`",
                "**",
                "*",
                "_",
            ),
            *(
                "[a](b)",
                "![i](u)",
                "[",
                "](",
                "| a | b |\n",
                "|---|--:|\n",
                "---\n",
                "\t",
                "    ",
                "<b>",
                "&amp;",
            ),
            *("日本", "[x]: /y\n", "[x]", "\\", "===\n", "x" * 50, "https://example.com/ "),
        ]
    ),
    max_size=40,
)


def drawn(document: MarkdownDocument, width: int = 60) -> list[str]:
    return [plain(line).rstrip() for line in document.lines(width)]


def read(text: str, width: int = 60) -> list[str]:
    document = MarkdownDocument(text)
    document.finish()
    return drawn(document, width)


def styles(text: str) -> dict[str, str]:
    """Return the style of each run by its text."""
    document = MarkdownDocument(text)
    document.finish()
    return {run.text: run.style for line in document.lines(60) for run in line}


def test_paragraphs_and_headings() -> None:
    assert read("# Title\n\nSome text\nin two lines.\n\nMore.") == [
        *("Title", "", "Some text in two lines.", "", "More."),
    ]
    assert styles("## Head")["Head"] == "h2"


def test_emphasis_code_and_links_are_styled() -> None:
    found = styles("**bold** *thin* `code` ~~gone~~ [name](https://example.com)")
    assert found["bold"] == "strong"
    assert found["thin"] == "em"
    assert found["code"] == "code"
    assert found["gone"] == "s"
    assert found["name"] == "link"


def test_a_link_says_where_it_leads() -> None:
    assert read("[your bank](https://evil.example)") == ["your bank (https://evil.example)"]
    assert read("<https://example.com>") == ["https://example.com"]


def test_images_and_html_are_only_text() -> None:
    assert read("![a cat](http://x/cat.png) <b>x</b>") == ["[image: a cat] (http://x/cat.png) <b>x</b>"]
    assert read("<script>alert(1)</script>") == ["<script>alert(1)</script>"]


def test_markup_of_the_screen_library_is_only_text() -> None:
    assert read("[bold]x[/bold] [@click=app.quit]y[/]") == ["[bold]x[/bold] [@click=app.quit]y[/]"]


def test_lists_nest_and_keep_their_numbers() -> None:
    assert read("- a\n- b\n  - c\n\n7. x\n8. y\n   more") == [
        *("• a", "• b", "  ◦ c", "", "7. x", "8. y more"),
    ]


def test_numbers_are_aligned_at_their_right() -> None:
    assert read("\n".join(f"{n}. x" for n in range(8, 12))) == [" 8. x", " 9. x", "10. x", "11. x"]


def test_a_wrapped_item_is_indented() -> None:
    assert read("- one two three four", 12) == ["• one two", "  three four"]


def test_loose_items_and_neighbouring_lists_are_apart() -> None:
    assert read("- a\n\n- b") == ["• a", "", "• b"]
    assert read("- a\n\n* b") == ["• a", "", "• b"]


def test_an_empty_item_keeps_its_bullet() -> None:
    assert read("-\n- x") == ["•", "• x"]


def test_quotes_have_a_bar_through_all_their_lines() -> None:
    assert read("> a\n>\n> - b\n\nc") == ["▎ a", "▎", "▎ • b", "", "c"]


def test_code_keeps_its_indentation_and_blank_lines() -> None:
    assert read("```python\ndef f():\n\n    return 1\n```") == [" def f():", "", "     return 1"]
    assert styles("```python\nreturn 1\n```")["return"] == "codeblock keyword"


def test_code_of_an_unknown_language_is_plain() -> None:
    assert styles("```nonsense\nreturn 1\n```")["return 1"] == "codeblock"


def test_a_string_over_several_lines_is_one_once_the_text_is_complete() -> None:
    document = MarkdownDocument('```python\nx = """a\nb"""\n```')
    document.finish()
    second = [run for run in document.lines(60)[1] if run.text.strip()]
    assert {run.style for run in second} == {"codeblock string"}


def test_fences_inside_fences() -> None:
    assert read("````\n```\ninner\n```\n````") == [" ```", " inner", " ```"]


def test_an_open_fence_shows_what_has_arrived() -> None:
    assert read("```\nabc") == [" abc"]


def test_tables_are_aligned() -> None:
    assert read("| name | n |\n|---|--:|\n| a | 1 |\n| long | 20 |") == [
        *("name   n", "────  ──", "a      1", "long  20"),
    ]


def test_a_wide_table_wraps_its_cells() -> None:
    lines = read("| a | b |\n|---|---|\n| x | one two three four five |", 20)
    assert lines == ["a  b", "─  ─────────────────", "x  one two three", "   four five"]


def test_a_table_with_too_many_columns_is_shown_cell_by_cell() -> None:
    source = (
        "|" + "|".join(f" column {n} " for n in range(8)) + "|\n" + "|---" * 8 + "|\n" + "| value " * 8 + "|"
    )
    lines = read(source, 30)
    assert lines[:2] == ["column 0: value", "column 1: value"]


def test_nesting_deeper_than_the_screen_still_shows_the_text() -> None:
    source = "\n".join("  " * depth + f"- level{depth}" for depth in range(15))
    assert "level14" in " ".join(read(source, 20))
    assert "deepest" in " ".join(read("> " * 200 + "deepest"))


def test_a_reference_that_comes_late_is_found_in_the_end() -> None:
    document = MarkdownDocument()
    document.append("See [here] and more.\n\nNext.\n\n")
    assert drawn(document)[0] == "See [here] and more."
    document.append("[here]: https://example.com\n")
    document.finish()
    assert drawn(document)[0] == "See here (https://example.com) and more."


def test_a_line_of_a_million_characters_is_cut_and_says_so() -> None:
    document = MarkdownDocument("x" * 1_000_000)
    document.finish()
    assert document.hidden_characters == 1_000_000 - MOST_CHARACTERS
    assert sum(len(line) for line in drawn(document, 100)) == MOST_CHARACTERS


@pytest.mark.parametrize(
    "source",
    [
        "[" * 50_000,
        "*a **a " * 8_000,
        "`a" * 20_000,
        ">" * 50_000,
        "- " * 20_000,
        "![[" * 15_000,
        "|" * 50_000,
    ],
)
def test_hostile_text_is_drawn_in_bounded_time(source: str) -> None:
    document = MarkdownDocument(source)
    document.finish()
    assert all(cells(line) <= 60 for line in document.lines(60))


@given(PIECES, st.integers(4, 60))
def test_no_line_is_wider_than_asked(pieces: list[str], width: int) -> None:
    document = MarkdownDocument("".join(pieces))
    document.finish()
    lines: list[Line] = document.lines(width)
    assert all(cells(line) <= width or len(plain(line).strip()) <= 2 for line in lines)


@given(PIECES)
def test_what_streams_in_pieces_ends_as_the_whole(pieces: list[str]) -> None:
    document = MarkdownDocument()
    for piece in pieces:
        document.append(piece)
        document.lines(60)
    document.finish()
    whole = MarkdownDocument("".join(pieces))
    whole.finish()
    assert document.lines(60) == whole.lines(60)


@given(PIECES, st.integers(10, 60))
def test_another_width_changes_only_the_lines(pieces: list[str], width: int) -> None:
    document = MarkdownDocument("".join(pieces))
    document.finish()
    before = list(document.lines(60))
    document.lines(width)
    assert document.lines(60) == before
