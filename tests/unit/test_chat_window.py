from hypothesis import given
from hypothesis import strategies as st

from workbench.widgets.chat_window import MOST_MOUNTED, Window, earlier, later, newest, oldest


@given(st.integers(0, 500), st.lists(st.booleans(), max_size=60))
def test_every_message_can_be_reached_and_few_are_mounted(count: int, steps: list[bool]) -> None:
    window = newest(count)
    for upwards in steps:
        before = window
        window = earlier(window) if upwards else later(window, count)
        assert 0 <= window.start <= window.end <= count
        assert window.end - window.start <= MOST_MOUNTED
        # What was next to the reader stays mounted.
        assert window.start < before.end or count == 0
        assert window.end > before.start or count == 0


def test_going_up_ends_at_the_first_message_and_down_at_the_last() -> None:
    window = newest(100)
    for _ in range(10):
        window = earlier(window)
    assert window.start == 0
    for _ in range(10):
        window = later(window, 100)
    assert window.end == 100


def test_a_short_branch_is_mounted_whole() -> None:
    assert newest(3) == oldest(3) == Window(0, 3)
