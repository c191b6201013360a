from collections.abc import Callable

from workbench.widgets.reply_feed import FRAME_SECONDS, ReplyFeed


class Clock:
    """Time that a test moves, with the calls that wait for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cost = 0.0
        self.drawn: list[tuple[float, str]] = []
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append((self.now + seconds, call))

    def draw(self, text: str) -> None:
        self.drawn.append((self.now, text))
        self.now += self.cost

    def move(self, seconds: float) -> None:
        self.now += seconds
        due = [call for time, call in self.waiting if time <= self.now]
        self.waiting = [(time, call) for time, call in self.waiting if time > self.now]
        for call in due:
            call()

    def feed(self) -> ReplyFeed:
        return ReplyFeed(self.draw, self.after, lambda: self.now)


def test_the_first_piece_is_drawn_at_once_and_later_ones_together() -> None:
    clock = Clock()
    feed = clock.feed()
    for letter in "abc":
        feed.add(letter)
    assert clock.drawn == [(0.0, "a")]
    clock.move(FRAME_SECONDS)
    assert [text for _, text in clock.drawn] == ["a", "bc"]
    assert not feed.pending


def test_it_draws_at_most_fifteen_times_a_second() -> None:
    clock = Clock()
    feed = clock.feed()
    for _ in range(1_000):
        feed.add("x")
        clock.move(0.005)
    feed.flush()
    assert len(clock.drawn) <= 5 * 15 + 2
    assert sum(len(text) for _, text in clock.drawn) == 1_000


def test_slow_drawing_makes_the_pauses_longer() -> None:
    clock = Clock()
    clock.cost = 0.1
    feed = clock.feed()
    for _ in range(1_000):
        feed.add("x")
        clock.move(0.005)
    share = clock.cost * len(clock.drawn) / clock.now
    assert share <= 0.25


def test_while_held_nothing_is_drawn_and_nothing_is_lost() -> None:
    clock = Clock()
    feed = clock.feed()
    feed.add("a")
    feed.add("b")
    feed.hold(True)
    feed.add("c")
    clock.move(1.0)
    assert [text for _, text in clock.drawn] == ["a"]
    assert feed.pending
    feed.hold(False)
    assert [text for _, text in clock.drawn] == ["a", "bc"]
