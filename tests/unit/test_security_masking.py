"""What is masked, what is not, and that no text makes masking slow or unsettled."""

from __future__ import annotations

import json
import re
import string
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.plugins.security.assigned import entropy
from workbench.plugins.security.forms import FORMS
from workbench.plugins.security.masker import Masker, Rules, hits
from workbench.plugins.security.personal import iban_holds, luhn_holds

SECRETS = Masker(Rules())
PERSONAL = Masker(Rules(secrets=False, personal=True))
ALL = Masker(Rules(personal=True))

LETTERS = string.ascii_letters + string.digits


def made_of(alphabet: str, shortest: int, longest: int = 0) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=shortest, max_size=longest or shortest + 30)


def after(beginnings: list[str], alphabet: str, shortest: int) -> st.SearchStrategy[str]:
    return st.builds(str.__add__, st.sampled_from(beginnings), made_of(alphabet, shortest))


URL_SAFE = LETTERS + "_-"
TOKENS: st.SearchStrategy[str] = st.one_of(
    after(["sk-", "sk-proj-", "sk-ant-api03-", "glpat-"], URL_SAFE, 20),
    after(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], LETTERS, 36),
    after(["github_pat_"], LETTERS + "_", 22),
    after(["AKIA", "ASIA"], string.ascii_uppercase + string.digits, 16),
    after(["xoxb-", "xoxp-"], LETTERS + "-", 10),
    after(["AIza"], URL_SAFE, 35),
    after(["hf_", "npm_"], LETTERS, 36),
    after(["sk_live_", "rk_test_"], LETTERS, 16),
    after(["shpat_"], "0123456789abcdef", 32),
    after(["dop_v1_"], "0123456789abcdef", 64),
    st.builds("eyJ{}.eyJ{}.{}".format, made_of(URL_SAFE, 8), made_of(URL_SAFE, 8), made_of(URL_SAFE, 8)),
    st.builds("SG.{}.{}".format, made_of(URL_SAFE, 22), made_of(URL_SAFE, 22)),
    st.builds(
        "-----BEGIN {}PRIVATE KEY-----\n{}\n-----END {}PRIVATE KEY-----".format,
        *(st.just("RSA "), made_of(LETTERS + "+/\n", 40, 400), st.just("RSA ")),
    ),
)
PASSWORDS = made_of(LETTERS + "!?#$%^*+", 8, 40).filter(
    lambda text: any(each.isdigit() for each in text) and text[0].isalnum() and text[-1].isalnum()
)
NEUTRAL = st.text("abc XYZ 019 ,;()\n\"'äß€", max_size=40).map(lambda text: f"{text} ")


@given(NEUTRAL, TOKENS, NEUTRAL)
def test_a_token_of_a_known_form_is_masked_and_nothing_else(before: str, token: str, behind: str) -> None:
    masked = SECRETS.text(f"{before}{token} {behind}")
    assert token not in masked
    assert masked.startswith(before) and masked.endswith(f" {behind}")
    assert re.fullmatch(r"\[masked [\w -]+\]", masked[len(before) : len(masked) - len(behind) - 1])


@given(
    PASSWORDS,
    st.sampled_from(
        [
            "password={}",
            "PASSWORD = '{}'",
            'DB_PASSWORD="{}"',
            '{{"password": "{}"}}',
            "passwd: {}",
            "my password is {}",
            "pwd={}",
            "postgres://bob:{}@db.example/x",
            "passphrase := {}",
        ]
    ),
)
def test_a_password_is_masked_where_it_is_given(password: str, form: str) -> None:
    masked = SECRETS.text(form.format(password))
    assert password not in masked and "[masked password]" in masked


@given(
    made_of(LETTERS, 24, 40).filter(
        lambda text: entropy(text) > 3 and not text.isalpha() and not text.isdecimal()
    ),
    st.sampled_from(
        ["api_key={}", "apiKey: '{}'", "secret = {}", "the token is {}", "AWS_SECRET_ACCESS_KEY={}"]
    ),
)
def test_random_text_after_a_word_for_a_key_is_masked(key: str, form: str) -> None:
    assert key not in SECRETS.text(form.format(key))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The quick brown fox jumps over the lazy dog.",
        "What is a password? The password: please ask your admin.",
        "tokens: 12 and tokens_per_second: 1600.5, token = 7, token limit: 2048",
        "0189aa00-0000-7000-8000-0123456789ab",
        "commit f58c02b8bdbd1ac4a1b4d9cb3b1cf2d9a8b7c6d5 feat(x): secrets of cooking",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "https://example.org/a/b?c=d#e and https://user@example.org/",
        "password = None; password: null; password=$PASSWORD; token=${TOKEN}; secret: <your secret>",
        "PWD=/home/somebody/project",
        "def api_key(self) -> str: ...",
        "task-force asks for a risk-free desk-job; ghp_ alone, eyJ alone, AKIA alone",
        "core:chat:reply_finished core:hook:ran worker.crashed",
        "Bearer of bad news, basic instincts",
    ],
)
def test_text_without_a_secret_stays_the_same_object(text: str) -> None:
    assert SECRETS.text(text) is text


@given(st.lists(st.sampled_from(["password", "token", "the", "secret", "API key", "was", "sk", "a.", "is"])))
def test_prose_about_secrets_is_no_secret(words: list[str]) -> None:
    text = " ".join(words)
    assert SECRETS.text(text) is text


PIECES = st.one_of(
    TOKENS,
    PASSWORDS,
    st.sampled_from(
        ["password=", "token: ", "://a:", "@", "[masked ", "]", " is ", "Bearer ", '"', "\\n", "="]
    ),
    st.sampled_from(
        ["bob@example.com", "+49 30 901820", "4111 1111 1111 1111", "192.168.1.20", "-", ":", " "]
    ),
    st.text(max_size=10),
)


@given(st.lists(PIECES, max_size=12))
@settings(max_examples=300)
def test_masking_what_is_masked_changes_nothing(pieces: list[str]) -> None:
    once = ALL.text("".join(pieces))
    assert ALL.text(once) == once


@given(st.text())
def test_lower_case_of_any_text_keeps_the_places(text: str) -> None:
    token = "ghp_" + "a1B2" * 9
    assert token not in SECRETS.text(f"İ{text} {token}")


def test_every_form_is_looked_for_by_letters_that_it_has() -> None:
    for form in FORMS:
        assert form.letters == form.letters.lower()
        assert form.letters in hits(f"{form.letters} x")


# --- personal data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to bob.smith+x@mail.example.com.", "write to [masked e-mail address]."),
        ("call +49 (30) 901820 now", "call [masked phone number] now"),
        ("call 555-123-4567 or (555) 123-4567", "call [masked phone number] or [masked phone number]"),
        ("card 4111 1111 1111 1111, 378282246310005", "card [masked card number], [masked card number]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [masked account number]"),
        ("GB29NWBK60161331926819 it is", "[masked account number] it is"),
        ("from 192.168.1.20 and 2001:db8::ff00:42:8329", "from [masked IP address] and [masked IP address]"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert PERSONAL.text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "card 4111 1111 1111 1112",
        "DE88 3704 0044 0532 0130 00",
        "version 1.2.3 and 0.3.36, at 12:34:56 on 2026-03-04",
        "127.0.0.1 and 0.0.0.0 and 999.1.1.1",
        "0189aa00-0000-7000-8000-0123456789ab",
        "a@b, @home, user@localhost",
        "core:chat:reply_finished and C::D::e",
        "1,234,567 tokens, 50.25 ms, 3.141592653589793",
    ],
)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert PERSONAL.text(text) is text


@given(st.integers(10**14, 10**15 - 1))
def test_exactly_one_check_digit_makes_a_card_number(number: int) -> None:
    assert sum(luhn_holds(f"{number}{digit}") for digit in range(10)) == 1


@given(st.integers(0, 10**18 - 1))
def test_an_iban_with_another_digit_is_none(number: int) -> None:
    account = f"{number:018}"
    check = 98 - int(f"{account}131400") % 97
    assert iban_holds(f"DE{check:02}{account}")
    other = str((int(account[0]) + 1) % 10) + account[1:]
    assert not iban_holds(f"DE{check:02}{other}")


# --- payloads -----------------------------------------------------------------------------------------


def test_a_payload_is_masked_everywhere_and_not_changed_itself() -> None:
    token = "ghp_" + "a1B2" * 9
    payload: dict[str, Any] = {
        "message": f"it said {token}",
        "password": "x9y8",
        "deep": [{"context": {"text": f"token={token}"}}, 3, None],
        "thing": ValueError(f"no access with {token}"),
        f"of {token}": "x",
        "numbers": {1: f"one {token}", 2: "two"},
        "count": 12,
        "tokens": 9,
    }
    kept = dict(payload)
    masked = SECRETS.payload(payload)
    assert masked is not None
    assert token not in json.dumps(masked, default=str) and masked["password"] == "[masked secret]"
    assert masked["count"] == 12 and masked["deep"][1:] == [3, None]
    assert payload == kept and token in payload["deep"][0]["context"]["text"]
    assert SECRETS.payload(masked) is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("abc xyz019", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=5), inner, max_size=3)
    ),
)


@given(st.dictionaries(st.text("abc_", max_size=6), JSON, max_size=6))
def test_a_payload_without_secrets_is_left_alone(payload: dict[str, Any]) -> None:
    assert SECRETS.payload(payload) is None


def test_a_payload_that_holds_itself_is_survived() -> None:
    payload: dict[str, Any] = {"text": "a token of thanks"}
    payload["self"] = payload
    assert SECRETS.payload(payload) is None


def test_a_secret_deep_inside_is_found() -> None:
    token = "ghp_" + "a1B2" * 9
    payload: dict[str, Any] = {"text": token}
    for _ in range(100):
        payload = {"inner": [payload]}
    masked = SECRETS.payload(payload)
    assert token not in json.dumps(masked)


def test_what_is_allowed_is_never_masked() -> None:
    token = "sk-this-is-only-an-example"
    masker = Masker(Rules(allow=frozenset({token})))
    assert masker.text(f"as in {token} here") == f"as in {token} here"
    assert masker.payload({"api_key": token}) is None
    assert SECRETS.text(token) == "[masked API key]"


def test_further_patterns_are_masked() -> None:
    masker = Masker(Rules(patterns=(("staff number", re.compile(r"S-(?P<value>\d{6})")),)))
    assert masker.text("I am S-123456.") == "I am S-[masked staff number]."


# --- no text makes it slow ----------------------------------------------------------------------------

NASTY = [
    *("token:", "eyJ-", "eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----", "sk-", "sk-a ", "password=", "://a:"),
    *(
        "bearer ",
        "basic aaaaaaaaaaaaaaaaaaaaaa_",
        "a@",
        "1234 ",
        "1:",
        "+1 ",
        "DE89 ",
        "a.b@c.",
        "password is ",
    ),
    *(
        "SG.aaaaaaaaaaaaaaaaaaaaaa",
        "(",
        "-----BEGIN ",
        "secret\\",
        'pwd"',
        "api key ",
        "AKIA",
        "ghp_",
        "555-",
    ),
    *("1.1.1.", "::", "password=token:", "hooks.slack.com/services/", "İ", "\\n", "A1", "+1(", "4111 "),
]


@pytest.mark.parametrize("piece", NASTY)
def test_masking_takes_time_in_proportion(piece: str) -> None:
    text = piece * (60_000 // len(piece)) + "@"
    began = time.process_time()
    ALL.text(text)
    # A search that goes back again and again takes minutes for this; ours takes some 40 ms.
    assert time.process_time() - began < 2.0
