"""Personal data in texts: e-mail addresses, phone, card and account numbers, network addresses.

Where a number has a check digit it is checked: Luhn (ISO/IEC 7812-1) for cards, mod 97 (ISO 13616) for IBAN.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Final

_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-")
_LONGEST_NAME: Final = 64
_MAIL: Final = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9-]{1,63}){1,8}(?<=[A-Za-z]{2})"
)
# Each alternative begins where no longer number does, so a failed one is not tried again inside of it.
_NUMBERS: Final = re.compile(
    r"(?<![\w.+@/-])(?:"
    r"(?P<iban>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9]))"
    r"|(?P<card>\d{4}(?P<gap>[ -]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{1,7}(?![\w-])"
    r"|3[47]\d{2}(?P<gap2>[ -]?)\d{6}(?P=gap2)\d{5}(?![\w-]))"
    r"|(?P<v4>(?:\d{1,3}\.){3}\d{1,3}(?![\w.-]))"
    r"|(?P<phone>\+\d[\d ().-]{6,18}\d(?!\w)|\(\d{3}\) ?\d{3}[ .-]\d{4}(?![\w-])"
    r"|\d{3}[ .-]\d{3}[ .-]\d{4}(?![\w-]))"
    r"|(?P<v6>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:-])))"
)
_NAMES: Final = {
    "iban": "account number",
    "card": "card number",
    "v4": "IP address",
    "v6": "IP address",
    "phone": "phone number",
}


def personal_spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where personal data stands: beginning, end, and what it is."""
    yield from _mail_spans(text)
    for found in _NUMBERS.finditer(text):
        kind = next(name for name in _NAMES if found[name] is not None)
        if _CHECKS[kind](found[kind]):
            yield found.start(), found.end(), _NAMES[kind]


def luhn_holds(number: str) -> bool:
    """Tell whether the check digit of a card number is right."""
    digits = [int(character) for character in number if character.isdecimal()]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban_holds(text: str) -> bool:
    """Tell whether the check digits of an IBAN are right."""
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(each, 36)) for each in turned)) % 97 == 1


def _mail_spans(text: str) -> Iterator[tuple[int, int, str]]:
    after = 0
    at = text.find("@")
    while at >= 0:
        begin = at
        while begin > max(after, at - _LONGEST_NAME) and text[begin - 1] in _NAME:
            begin -= 1
        found = _MAIL.match(text, begin) if begin < at else None
        if found is not None:
            yield found.start(), found.end(), "e-mail address"
            after = found.end()
        at = text.find("@", max(at + 1, after))


def _is_phone(text: str) -> bool:
    return 8 <= sum(character.isdecimal() for character in text) <= 15


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "iban": iban_holds,
    "card": luhn_holds,
    "v4": _is_address,
    "v6": _is_address,
    "phone": _is_phone,
}
