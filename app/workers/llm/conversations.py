"""Which conversation has which sequence of the context, and what each sequence has been computed for.

A slot knows the exact tokens whose state its sequence holds. A prompt is compared with them: what both begin
with is kept, the rest is removed, and only new tokens are computed. So going on, editing, regenerating and
coming back to a conversation all work the same way, and none of them computes a shared beginning again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from workbench.app.workers.llm import native

MIN_COPIED: Final = 32
"""Tokens that copying another conversation's beginning must save, to be worth moving its whole cache."""


@dataclass
class Slot:
    """One sequence of the context.

    Args:
        sequence: its number.
        conversation: whose it is; None when it is free.
        tokens: what its cache holds, position by position.
        used: when it was last used, as a growing number.
    """

    sequence: int
    conversation: str | None = None
    tokens: list[int] = field(default_factory=list)
    used: int = 0


class Conversations:
    """The slots of one context; for the decode thread alone, but for `listing`.

    Args:
        memory: the context's attention cache.
        slots: number of its sequences.
    """

    def __init__(self, memory: native.Memory, slots: int) -> None:
        self._memory = memory
        self._slots = [Slot(sequence) for sequence in range(slots)]
        self._clock = 0

    def prepare(self, conversation: str, prompt: Sequence[int]) -> Slot:
        """Return the conversation's slot, holding as much of the prompt's beginning as could be kept.

        The last token of the prompt is never kept: computing it gives the scores of the first token of the
        reply. A conversation without a slot takes a free one, else that of the one unused for longest.

        Args:
            conversation: any name.
            prompt: tokens, at least one.

        Returns:
            The slot; its `tokens` are a beginning of the prompt.
        """
        slot = self._slot_of(conversation)
        self._clock += 1
        slot.used = self._clock
        slot.conversation = conversation
        usable = len(prompt) - 1
        own = min(common_beginning(slot.tokens, prompt), usable)
        donor = max(self._slots, key=lambda other: common_beginning(other.tokens, prompt))
        shared = min(common_beginning(donor.tokens, prompt), usable)
        if donor is not slot and shared - own >= MIN_COPIED:
            native.copy_sequence(self._memory, donor.sequence, slot.sequence)
            slot.tokens = list(donor.tokens)
            own = shared
        self.cut(slot, own)
        return slot

    def cut(self, slot: Slot, length: int) -> None:
        """Remove from a slot everything from a position on.

        Some models (recurrent ones) cannot go back; then everything is removed.

        Args:
            slot: the slot.
            length: tokens to keep; entries that a broken-off computation left beyond are removed too.
        """
        if length > 0 and native.forget_from(self._memory, slot.sequence, length):
            del slot.tokens[length:]
        else:
            native.forget_all(self._memory, slot.sequence)
            slot.tokens.clear()

    def forget(self, conversation: str) -> None:
        """Free the conversation's slot, if it has one."""
        for slot in self._slots:
            if slot.conversation == conversation:
                self.cut(slot, 0)
                slot.conversation = None
                slot.used = 0

    def listing(self) -> list[tuple[str, int]]:
        """Return the conversations that have a slot, with the number of their tokens; from any thread."""
        return [
            (slot.conversation, len(slot.tokens)) for slot in self._slots if slot.conversation is not None
        ]

    def _slot_of(self, conversation: str) -> Slot:
        for slot in self._slots:
            if slot.conversation == conversation:
                return slot
        return min(self._slots, key=lambda slot: slot.used)


def common_beginning(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of tokens with which both begin."""
    shortest = min(len(first), len(second))
    if first[:shortest] == second[:shortest]:
        return shortest
    return next(index for index in range(shortest) if first[index] != second[index])
