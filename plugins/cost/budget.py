"""What replies may take, and what a thousand tokens of a model cost."""

from __future__ import annotations

from typing import Final

import msgspec

from workbench.app.config.settings import CostSettings
from workbench.plugins.cost.ledger import Taken

_PER_PRICE: Final = 1_000


class Budget(msgspec.Struct, frozen=True):
    """One limit and how much of it is used.

    Args:
        setting: the setting that says it.
        whose: whose budget it is, for people.
        unit: what is counted, for people.
        used: how much is used.
        limit: how much there is.
    """

    setting: str
    whose: str
    unit: str
    used: float
    limit: float

    @property
    def share(self) -> float:
        """The used share in per cent."""
        return 100 * self.used / self.limit

    def __str__(self) -> str:
        return f"{_shown(self.used)} of {_shown(self.limit)} {self.unit}"


def budgets(settings: CostSettings, session: Taken, day: Taken) -> list[Budget]:
    """Return the budgets that there are.

    Args:
        settings: the section `cost`.
        session: what the session took so far.
        day: what all sessions took today.
    """
    found = []
    for prefix, whose, taken in (("session", "of this session", session), ("day", "of today", day)):
        for unit in ("tokens", "seconds", "money"):
            limit = getattr(settings, f"{prefix}_{unit}")
            if limit > 0:
                found.append(Budget(f"cost.{prefix}_{unit}", whose, unit, getattr(taken, unit), limit))
    return found


def _shown(number: float) -> str:
    """Return a number with as many digits as it needs, four after the point at most."""
    text = f"{number:,.4f}"
    return text.rstrip("0").rstrip(".")


def has_budgets(settings: CostSettings) -> bool:
    """Tell whether there is any budget."""
    return bool(
        settings.session_tokens
        or settings.day_tokens
        or settings.session_seconds
        or settings.day_seconds
        or settings.session_money
        or settings.day_money
    )


def price_of(prices: tuple[str, ...], model: str, read: int, written: int) -> float:
    """Return what a reply costs.

    Args:
        prices: as the setting `cost.prices` holds them.
        model: the model's name.
        read: tokens of the prompt.
        written: tokens of the reply.
    """
    by_model = dict(entry.rsplit("=", 1) for entry in prices)
    price = by_model.get(model, by_model.get("*"))
    if price is None:
        return 0.0
    for_reading, for_writing = (float(part) for part in price.split("/"))
    return (read * for_reading + written * for_writing) / _PER_PRICE
