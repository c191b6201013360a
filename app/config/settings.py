"""The settings as one typed tree; the types and ranges here are what the loader checks against."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

SCHEMA_VERSION: Final = 1

MOST: Final = 2**31 - 1
"""The greatest whole number where nothing smaller makes sense: what a model library's counts can hold."""

Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_PRICE: Final = r"^[^=]+=\d+(\.\d+)?/\d+(\.\d+)?$"


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which model answers, and how it is loaded.

    Args:
        name: `guide` for the built-in model, a name that `workbench models list` shows, or a path to a GGUF.
        context: tokens of context for each conversation; 0 takes what the model was trained for, up to 8192.
        threads: threads for the model; 0 chooses by the machine and the model's size.
        slots: conversations kept ready at once; 0 chooses by memory.
        batch: tokens in one step of reading a prompt.
        template: a chat template to use instead of the file's: `chatml`, or Jinja text; empty for the file's.
        folders: further folders in which model files are looked for.
        load_timeout: seconds after which loading counts as failed.
    """

    name: str = "guide"
    context: Count = 0
    threads: Count = 0
    slots: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    batch: Annotated[int, msgspec.Meta(ge=8, le=8192)] = 256
    template: str = ""
    folders: tuple[str, ...] = ()
    load_timeout: Seconds = 300.0


class SamplingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the model chooses its words; none leaves a value to the model's own profile.

    Args:
        temperature: 0 always takes the likeliest token; higher values vary more.
        top_k: only the k likeliest tokens; 0 for all.
        top_p: only the likeliest tokens that together have this probability.
        min_p: only tokens with at least this share of the likeliest one's probability.
        repeat_penalty: above 1 makes recent tokens less likely.
        seed: a number for repeatable answers; none takes a new one each time.
        max_tokens: longest reply in tokens; none for as long as the context allows.
    """

    temperature: Annotated[float, msgspec.Meta(ge=0, le=5)] | None = None
    top_k: Count | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, msgspec.Meta(ge=0.1, le=5)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=4294967295)] | None = None
    max_tokens: Positive | None = None


class ChatSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a conversation runs.

    Args:
        system_prompt: what the model is told first; empty for the model profile's own.
        save_interval_ms: milliseconds from one save of text that streams to the next.
        reply_reserve: tokens of the context kept free for the reply when a prompt is cut to size.
    """

    system_prompt: str = ""
    save_interval_ms: Annotated[int, msgspec.Meta(ge=20, le=200)] = 120
    reply_reserve: Positive = 256


class EventSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long what happened is kept.

    Args:
        json_lines: also write every event to `logs/events.jsonl`.
        json_lines_max_mb: size in megabytes after which that file is rotated.
        json_lines_keep: rotated files that stay.
        keep_days: days after which events leave the database.
        keep_rows: most events in the database.
    """

    json_lines: bool = True
    json_lines_max_mb: Positive = 20
    json_lines_keep: Count = 3
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 90
    keep_rows: Annotated[int, msgspec.Meta(ge=1000, le=MOST)] = 2_000_000


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How model processes are watched.

    Args:
        heartbeat_s: seconds between two pings.
        hung_after_s: seconds without an answer after which a worker is killed.
        restart_limit: restarts within `restart_window_s` after which a worker is left alone.
        restart_window_s: see `restart_limit`, in seconds.
        memory_limit_mb: resident megabytes above which a worker is killed; 0 for no limit.
        queue_limit: requests that may wait for one worker.
    """

    heartbeat_s: Seconds = 2.0
    hung_after_s: Seconds = 15.0
    restart_limit: Positive = 5
    restart_window_s: Seconds = 60.0
    memory_limit_mb: Count = 0
    queue_limit: Positive = 64


class HookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which hooks run, in which order, and what they may cost.

    Args:
        disabled: ids of hooks that do not run, as `workbench hooks list` shows them.
        priorities: other priorities for hooks, each as `ID=NUMBER`; lower numbers run first.
        share_percent: greatest share of the time of what a hook wraps; one that takes more is left out for a
            while.
        floor_ms: milliseconds that a hook may take in all before its share counts.
        failures: failures in a row after which a hook is left out for a while.
        cooldown_s: seconds for which it is left out at first; they double each time in a row.
        folder: the folder of your own hooks; empty for `hooks` in the profile.
        watch: load a file of hooks again when it is saved.
    """

    disabled: tuple[str, ...] = ()
    priorities: tuple[Annotated[str, msgspec.Meta(pattern=r"^[^=\s]+=\d{1,4}$")], ...] = ()
    share_percent: Annotated[float, msgspec.Meta(gt=0, le=100)] = 5.0
    floor_ms: Count = 50
    failures: Positive = 3
    cooldown_s: Seconds = 5.0
    folder: str = ""
    watch: bool = True


class LoggingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The readable log of what hooks see, `logs/workbench.log`.

    Args:
        enabled: write that file.
        level: the least that is written; `debug` also writes the points that are passed with every event or
            batch of tokens.
        points: the hook points that are logged.
        texts: write the beginning of messages and replies, too; else only how long they are.
        max_mb: size in megabytes after which the file is rotated.
        keep: rotated files that stay.
    """

    enabled: bool = True
    level: Literal["debug", "info", "warning", "error"] = "info"
    points: tuple[str, ...] = (
        "message:received",
        "model:load_failed",
        "model:after",
        "model:failed",
        "message:failed",
    )
    texts: bool = False
    max_mb: Positive = 5
    keep: Count = 2


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counters and latencies of turns, models, commands and hook points.

    Args:
        enabled: count and measure.
    """

    enabled: bool = True


class DebuggingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Breakpoints at hook points.

    Args:
        wait_s: seconds that a pause waits for an answer before it goes on by itself.
    """

    wait_s: Seconds = 600.0


class CachingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Replies that are given again instead of being written again.

    Args:
        enabled: keep replies to requests that can be repeated: at temperature 0, or with a seed.
        ttl_s: seconds for which a reply is kept.
    """

    enabled: bool = False
    ttl_s: Seconds = 3600.0


class RateLimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much may be asked of models in a minute; 0 is no limit.

    Args:
        enabled: refuse what goes beyond the limits.
        turns_per_minute: turns of all sessions together.
        session_turns_per_minute: turns of one session.
        tokens_per_minute: tokens read and written for all sessions together.
        session_tokens_per_minute: tokens read and written for one session.
    """

    enabled: bool = False
    turns_per_minute: Count = 60
    session_turns_per_minute: Count = 20
    tokens_per_minute: Count = 0
    session_tokens_per_minute: Count = 0


class RetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asking a model again when its process crashed or did not answer.

    Args:
        enabled: try again by itself.
        attempts: most tries in all, the first included.
        delay_s: seconds before the second try; they double, and vary at random.
        cap_s: longest wait in seconds.
        replies: also let a model go on with a reply of which a part had arrived; else it is marked as cut
            off, and can be continued by hand.
    """

    enabled: bool = True
    attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=300)] = 0.5
    cap_s: Annotated[float, msgspec.Meta(ge=0, le=300)] = 10.0
    replies: bool = False


class CostSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What turns cost, and budgets; 0 is no budget.

    Args:
        enabled: count tokens, seconds and money.
        session_tokens: most tokens, read and written, of one session.
        day_tokens: most tokens of all sessions in one day.
        session_seconds: most seconds of replies in one session.
        day_seconds: most seconds of replies of all sessions in one day.
        session_money: most money that one session may cost, in the currency of the prices.
        day_money: most money that all sessions may cost in one day.
        prices: money for 1,000 tokens read and for 1,000 written, each as `MODEL=READ/WRITTEN`; `*` stands
            for every other model.
        warn_percent: share of a budget at which you are warned.
    """

    enabled: bool = True
    session_tokens: Count = 0
    day_tokens: Count = 0
    session_seconds: Amount = 0.0
    day_seconds: Amount = 0.0
    session_money: Amount = 0.0
    day_money: Amount = 0.0
    prices: tuple[Annotated[str, msgspec.Meta(pattern=_PRICE)], ...] = ()
    warn_percent: Annotated[float, msgspec.Meta(gt=0, le=100)] = 80.0


class SecuritySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is masked before a model, the log or the clipboard gets it.

    Args:
        mask_secrets: mask keys, tokens, passwords and private keys.
        mask_personal: mask e-mail addresses, phone, card and account numbers (IBAN), and network addresses.
        mask_model: mask what goes to the model.
        mask_log: mask what goes into the event log.
        mask_clipboard: mask what is copied.
        flag_injection: tell when a message tries to take a model's instructions over.
        cancel_injection: do not send such a message to the model.
        patterns: further secrets as regular expressions, each as `NAME=PATTERN`.
        phrases: further phrases that count as injection; case and spaces do not matter.
        allow: texts that are never masked.
    """

    mask_secrets: bool = True
    mask_personal: bool = False
    mask_model: bool = True
    mask_log: bool = True
    mask_clipboard: bool = False
    flag_injection: bool = True
    cancel_injection: bool = False
    patterns: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


class UiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the full-screen program looks.

    Args:
        theme: a theme's name.
        side_by_side_columns: terminal width from which a second pane stands beside the chat.
    """

    theme: str = "workbench-dark"
    side_by_side_columns: Annotated[int, msgspec.Meta(ge=80, le=400)] = 140


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. `schema` is the layout's number, written into files that the program makes."""

    schema: int = SCHEMA_VERSION
    model: ModelSettings = ModelSettings()
    sampling: SamplingSettings = SamplingSettings()
    chat: ChatSettings = ChatSettings()
    events: EventSettings = EventSettings()
    workers: WorkerSettings = WorkerSettings()
    hooks: HookSettings = HookSettings()
    logging: LoggingSettings = LoggingSettings()
    metrics: MetricsSettings = MetricsSettings()
    debugging: DebuggingSettings = DebuggingSettings()
    caching: CachingSettings = CachingSettings()
    rate_limit: RateLimitSettings = RateLimitSettings()
    retry: RetrySettings = RetrySettings()
    cost: CostSettings = CostSettings()
    security: SecuritySettings = SecuritySettings()
    ui: UiSettings = UiSettings()


def setting_types() -> dict[str, object]:
    """Return every setting's dotted name with its declared type, in the order of the tree."""
    found: dict[str, object] = {}
    for section in msgspec.structs.fields(Settings):
        if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct):
            for field in msgspec.structs.fields(section.type):
                found[f"{section.name}.{field.name}"] = field.type
    return found


def get(settings: Settings, key: str) -> object:
    """Return the value of a dotted name that is in `setting_types`."""
    section, _, field = key.partition(".")
    return getattr(getattr(settings, section), field)
