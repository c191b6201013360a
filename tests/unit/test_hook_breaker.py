"""The circuit breaker of a hook, as a state machine and by its budget."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from workbench.app.hooks.breaker import Breaker, BreakerLimits, BreakerState

LIMITS = BreakerLimits()


def test_failures_in_a_row_open_it_and_a_good_run_between_them_starts_the_count_again() -> None:
    breaker = Breaker(LIMITS)
    assert not breaker.fail(0, 0, "no")
    assert not breaker.fail(1, 0, "no")
    assert not breaker.succeed()
    assert not breaker.fail(2, 0, "no")
    assert not breaker.fail(3, 0, "no")
    assert breaker.fail(4, 0, "no")
    assert (breaker.state, breaker.reason, breaker.open_until) == (BreakerState.OPEN, "no", 9)


def test_one_heavy_failure_is_enough() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.fail(0, 0, "late", at_once=True)


def test_the_floor_may_be_spent_whatever_the_share() -> None:
    breaker = Breaker(LIMITS)
    breaker.spent = 0.05
    assert not breaker.judge(0, 0.0001)
    breaker.spent = 0.0501
    assert breaker.judge(0, 0.0001)
    assert "100 %" in breaker.reason


def test_beyond_the_floor_only_the_share_may_be_spent() -> None:
    breaker = Breaker(LIMITS)
    breaker.spent = 0.5
    assert not breaker.judge(0, 10.0)
    breaker.spent = 0.51
    assert breaker.judge(0, 10.0)


def test_it_waits_until_what_was_spent_is_repaid_and_the_time_is_over() -> None:
    breaker = Breaker(LIMITS)
    breaker.spent = 0.1
    breaker.judge(100, 0.5)
    assert not breaker.is_due(104.9, 1000)
    assert not breaker.is_due(105, 9.9)
    assert breaker.is_due(105, 10.0)


def test_a_good_probe_closes_it_and_a_bad_one_doubles_the_wait() -> None:
    breaker = Breaker(LIMITS)
    breaker.fail(0, 0, "no", at_once=True)
    breaker.probe(1)
    assert breaker.fail(10, 1, "no")
    assert breaker.open_until == 20
    breaker.probe(2)
    assert breaker.succeed()
    assert (breaker.state, breaker.reason) == (BreakerState.CLOSED, "")


def test_the_wait_has_a_limit() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(40):
        breaker.fail(0, 0, "no", at_once=True)
        breaker.probe(0)
    breaker.fail(0, 0, "no", at_once=True)
    assert breaker.open_until == LIMITS.longest_s


def test_a_reset_forgets_everything() -> None:
    breaker = Breaker(LIMITS)
    breaker.fail(0, 5, "no", at_once=True)
    breaker.spent = 3
    breaker.reset(5)
    assert (breaker.state, breaker.spent, breaker.share(6)) == (BreakerState.CLOSED, 0, 0)


def test_long_quiet_gives_no_credit_for_hours() -> None:
    breaker = Breaker(LIMITS)
    for minute in range(1, 600):
        breaker.judge(minute * 60.0, minute * 60.0)
    now = 600 * 60.0
    # An hour of credit would be 180 seconds.
    breaker.spent += 10
    assert breaker.judge(now, now)


@settings(max_examples=60)
@given(cost=st.floats(0.001, 0.4), turn=st.floats(0.02, 5.0))
def test_over_a_long_time_no_hook_takes_more_than_its_share(cost: float, turn: float) -> None:
    breaker, wrapped, spent = Breaker(LIMITS), 0.0, 0.0
    while wrapped < 400:
        wrapped += turn
        if breaker.is_due(wrapped, wrapped):
            breaker.probe(wrapped)
        if breaker.state is BreakerState.OPEN:
            continue
        wrapped += cost
        spent += cost
        breaker.spent += cost
        if not breaker.judge(wrapped, wrapped):
            breaker.succeed()
    assert spent / wrapped <= LIMITS.share + (LIMITS.floor_s + cost) / wrapped


class BreakerMachine(RuleBasedStateMachine):
    """Any order of runs, waits and tries keeps the rules of the states."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(LIMITS)
        self.now = 0.0
        self.row = 0

    @rule(seconds=st.floats(0, 400))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def run_fails(self) -> None:
        before = self.breaker.state
        if before is BreakerState.OPEN:
            return
        self.row += 1
        opened = self.breaker.fail(self.now, self.now, "no")
        assert opened == (before is BreakerState.HALF_OPEN or self.row >= LIMITS.failures)
        if opened:
            assert self.now + LIMITS.cooldown_s <= self.breaker.open_until <= self.now + LIMITS.longest_s

    @rule()
    def run_is_good(self) -> None:
        before = self.breaker.state
        if before is BreakerState.OPEN:
            return
        self.row = 0
        assert self.breaker.succeed() == (before is BreakerState.HALF_OPEN)
        assert self.breaker.state is BreakerState.CLOSED

    @rule()
    def try_again(self) -> None:
        if self.breaker.is_due(self.now, self.now):
            assert self.now >= self.breaker.open_until
            self.breaker.probe(self.now)
            self.row = 0
            assert self.breaker.state is BreakerState.HALF_OPEN

    @rule()
    def reset(self) -> None:
        self.breaker.reset(self.now)
        self.row = 0

    @invariant()
    def is_in_a_known_state(self) -> None:
        assert (self.breaker.state is BreakerState.OPEN) <= bool(self.breaker.reason)


TestBreakerMachine = BreakerMachine.TestCase
