"""The well-known forms of secrets: for each a few letters that it always has, and what it looks like whole.

Looking for the letters is a fast search for a substring, and most texts have none of them; only where they
stand is the pattern tried. A pattern begins where its letters are, and its runs are preceded by something
that is not part of the run, so that no text makes the search slow.

The forms are those that the issuers document; gitleaks (`config/gitleaks.toml`) lists most of them as well.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

# Where a token may begin; in JSON inside of JSON a line end is a backslash and a letter.
_BOUND: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
# Where one of several parts may begin: not within what was just tried in vain.
_STRICT: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))"


class Form(msgspec.Struct, frozen=True):
    """A form of secrets.

    Args:
        name: what stands in the place of one.
        letters: what it always begins with, in lower case.
        pattern: the whole; a group `value` is the part that is masked, else all of it.
    """

    name: str
    letters: str
    pattern: re.Pattern[str]


def _forms(name: str, letters: str, pattern: str, bound: str = _BOUND) -> list[Form]:
    compiled = re.compile(bound + pattern)
    return [Form(name, each, compiled) for each in letters.split()]


_KEY: Final = r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
_KEY_END: Final = r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"

FORMS: Final[tuple[Form, ...]] = (
    Form("private key", "-----begin ", re.compile(rf"{_KEY}(?:[^-]|-(?!----))*(?:{_KEY_END})?")),
    Form("password", "://", re.compile(r"://[^\s/:@\"'\\]{0,200}:(?P<value>[^\s/@\"'\\\[\]]{1,500})@")),
    Form("webhook", "hooks.slack.com/", re.compile(r"(?i:hooks\.slack\.com)/services/(?P<value>[\w/]{20,})")),
    *_forms("API key", "sk-", r"sk-[A-Za-z0-9_-]{20,}"),
    *_forms("API key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    *_forms("API key", "whsec_", r"whsec_[A-Za-z0-9+/=]{20,}"),
    *_forms("API key", "aiza", r"AIza[A-Za-z0-9_-]{30,}"),
    *_forms("API key", "sg.", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    *_forms("access key", "akia asia", r"A[KS]IA[A-Z0-9]{16,}"),
    *_forms("access token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    *_forms("access token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    *_forms("access token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    *_forms("access token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    *_forms("access token", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    *_forms("access token", "npm_", r"npm_[A-Za-z0-9]{36,}"),
    *_forms("access token", "pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
    *_forms("access token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    *_forms("access token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{64,}"),
    *_forms("access token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}"),
    *_forms("client secret", "gocspx-", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    *_forms("private key", "age-secret-key-1", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    *_forms("JWT", "eyj", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?", _STRICT),
    *_forms("access token", "bearer ", r"(?i:bearer)\s{1,3}(?P<value>[A-Za-z0-9._~+/-]{16,}=*)"),
    *_forms("password", "basic ", r"(?i:basic)\s{1,3}(?P<value>[A-Za-z0-9+/]{16,}=*)(?![\w+/])"),
)
"""All forms that are known by how they begin."""

WORDS: Final[dict[str, str]] = {
    "passw": "password",
    "passphrase": "password",
    "pwd": "password",
    "secret": "secret",
    "token": "token",
    "api_key": "API key",
    "apikey": "API key",
    "api-key": "API key",
    "api key": "API key",
    "access_key": "access key",
    "accesskey": "access key",
    "accountkey": "access key",
    "auth_key": "access key",
    "private_key": "private key",
    "credential": "secret",
}
"""Words after which a secret may stand, in lower case, with what is put in its place."""
