from collections.abc import Callable

from workbench.widgets.reply_feed import FRAME_SECONDS, ReplyFeed


class Clock:
    """Time that a test moves, with the calls that wait for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cost = 0.0
        self.drawn: list[float] = []
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append((self.now + seconds, call))

    def draw(self) -> None:
        self.drawn.append(self.now)
        self.now += self.cost

    def move(self, seconds: float) -> None:
        self.now += seconds
        due = [call for time, call in self.waiting if time <= self.now]
        self.waiting = [(time, call) for time, call in self.waiting if time > self.now]
        for call in due:
            call()

    def feed(self) -> ReplyFeed:
        return ReplyFeed(self.draw, self.after, lambda: self.now)


def test_the_first_text_is_drawn_at_once_and_later_text_together() -> None:
    clock = Clock()
    feed = clock.feed()
    for _ in range(3):
        feed.touch()
    assert clock.drawn == [0.0]
    clock.move(FRAME_SECONDS)
    assert clock.drawn == [0.0, FRAME_SECONDS]
    clock.move(1.0)
    assert len(clock.drawn) == 2


def test_it_draws_at_most_fifteen_times_a_second() -> None:
    clock = Clock()
    feed = clock.feed()
    for _ in range(1_000):
        feed.touch()
        clock.move(0.005)
    assert 50 <= len(clock.drawn) <= 5 * 15 + 2


def test_slow_drawing_makes_the_pauses_longer() -> None:
    clock = Clock()
    clock.cost = 0.1
    feed = clock.feed()
    for _ in range(1_000):
        feed.touch()
        clock.move(0.005)
    assert clock.cost * len(clock.drawn) / clock.now <= 0.25


def test_while_held_nothing_is_drawn_and_nothing_is_forgotten() -> None:
    clock = Clock()
    feed = clock.feed()
    feed.touch()
    feed.touch()
    feed.hold(True)
    feed.touch()
    clock.move(1.0)
    assert clock.drawn == [0.0]
    feed.hold(False)
    assert clock.drawn == [0.0, 1.0]


def test_what_was_drawn_in_another_way_is_not_drawn_again() -> None:
    clock = Clock()
    feed = clock.feed()
    feed.touch()
    feed.touch()
    feed.reset()
    clock.move(1.0)
    assert clock.drawn == [0.0]
