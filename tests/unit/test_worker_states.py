"""The table of worker states, and the arithmetic of restarts."""

from __future__ import annotations

import pytest

from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.restarts import RestartBudget
from workbench.app.workers.states import TRANSITIONS, Trigger, WorkerState, next_state


@pytest.mark.parametrize(
    ("story", "end"),
    [
        (["start", "up"], "ready"),
        (["start", "up", "work", "rest"], "ready"),
        (["start", "up", "work", "lost"], "failed"),
        (["start", "lost"], "failed"),
        (["start", "lost", "start"], "restarting"),
        (["start", "up", "lost", "start", "up"], "ready"),
        (["start", "up", "work", "give_up"], "degraded"),
        (["start", "up", "give_up", "renew", "start", "up"], "ready"),
        (["start", "up", "give_up", "stop", "start"], "starting"),
        (["start", "up", "work", "renew", "lost"], "failed"),
        (["start", "stop", "stop"], "stopped"),
    ],
)
def test_stories_of_a_worker(story: list[str], end: str) -> None:
    state = WorkerState.STOPPED
    for trigger in story:
        state = next_state(state, Trigger(trigger))
    assert state == end


@pytest.mark.parametrize(
    ("state", "trigger"),
    [("stopped", "up"), ("ready", "start"), ("degraded", "start"), ("failed", "lost"), ("ready", "rest")],
)
def test_what_cannot_happen_is_an_error(state: str, trigger: str) -> None:
    with pytest.raises(ValueError, match=f"{state} cannot take {trigger}"):
        next_state(WorkerState(state), Trigger(trigger))


def test_every_state_is_reached_and_can_be_left() -> None:
    assert set(TRANSITIONS.values()) == set(WorkerState)
    assert {state for state, _ in TRANSITIONS} == set(WorkerState)


def test_the_back_off_doubles_up_to_its_bound_and_counts_from_the_loss() -> None:
    budget = RestartBudget(WorkerLimits(backoff_first_s=0.1, backoff_max_s=0.5, restart_limit=10))
    assert budget.delay(100.0) == 0.0
    delays = []
    for _ in range(5):
        budget.record(100.0)
        delays.append(budget.delay(100.0))
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])
    assert budget.delay(100.3) == pytest.approx(0.2)
    assert budget.delay(200.0) == 0.0


def test_more_losses_than_the_limit_within_the_window_exhaust_the_budget() -> None:
    budget = RestartBudget(WorkerLimits(restart_limit=2, restart_window_s=60))
    for now in (0.0, 40.0):
        budget.record(now)
    assert not budget.exhausted(40.0)
    budget.record(59.0)
    assert budget.exhausted(59.0)
    budget.clear()
    assert not budget.exhausted(59.0)


def test_losses_older_than_the_window_are_forgotten() -> None:
    budget = RestartBudget(WorkerLimits(restart_limit=2, restart_window_s=60))
    for now in (0.0, 40.0, 61.0):
        budget.record(now)
    assert not budget.exhausted(61.0)
