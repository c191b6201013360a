"""Phrases by which a text tries to take over what a model was told (OWASP's list for language models, LLM01).

A flag is a hint for the person and no defence: who wants to can say the same in words that are not here.
"""

from __future__ import annotations

import re
from typing import Final

_WHICH: Final = (
    r"(?:all|any|every|the|your|my|these|those|this|that|of|previous|prior|above|earlier|preceding|former"
    r"|initial|original|system|safety|existing|current)"
)
_WHAT: Final = r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|messages?|orders)"
_PHRASES: Final = re.compile(
    rf"\b(?:ignore|disregard|forget|override|bypass)(?: {_WHICH}){{1,6}} {_WHAT}\b"
    r"|\b(?:reveal|print|show|repeat|output|leak|tell me)(?: (?:me|us|all|of|the|your|its|full|exact)){0,4}"
    r" (?:system|hidden|secret|initial|original) (?:prompt|instructions?|message)\b"
    r"|\byou are now (?:dan\b|in developer mode|jailbroken|unrestricted|unfiltered|free from)"
    r"|\bdo anything now\b|\b(?:developer|jailbreak|god) mode (?:enabled|activated|on)\b"
    r"|\bpretend (?:that )?you have no (?:rules|restrictions|guidelines|limits)\b"
    r"|<\|(?:im_start|im_end|system|endoftext|eot_id|start_header_id)\|>|\[/?inst\]|<</?sys>>"
    r"|(?:^|[.!] )(?:new|updated|real) (?:system )?(?:instructions?|prompt):"
)
# One of these stands in everything that the pattern finds.
_WORDS: Final = ("instruct", "prompt", "rule", "direct", "guidel", "message", "orders", "you are now")
_MORE_WORDS: Final = ("anything now", " mode ", "restrictions", "limits", "<|", "inst]", "sys>>")


def injection_in(text: str, phrases: tuple[str, ...] = ()) -> str | None:
    """Return the phrase by which a text tries to take a model over, None when there is none.

    Args:
        text: the text.
        phrases: further phrases, as `plain_words` returns them.
    """
    lower = text.lower()
    likely = any(word in lower for word in _WORDS) or any(word in lower for word in _MORE_WORDS)
    if not (likely or phrases):
        return None
    words = " ".join(lower.split())
    for phrase in phrases:
        if phrase in words:
            return phrase
    found = _PHRASES.search(words) if likely else None
    return found[0].strip() if found else None


def plain_words(phrase: str) -> str:
    """Return a phrase in lower case with single spaces, as it is compared."""
    return " ".join(phrase.lower().split())
