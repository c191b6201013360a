"""The settings as one typed tree; the types and ranges here are what the loader checks against."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

SCHEMA_VERSION: Final = 1

MOST: Final = 2**31 - 1
"""The greatest whole number where nothing smaller makes sense: what a model library's counts can hold."""

Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


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
