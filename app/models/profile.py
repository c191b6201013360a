"""A model's profile: how it wants to be used, as data beside the file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from workbench.app.config.settings import SamplingSettings
from workbench.app.errors import ModelError

PROFILE_SUFFIX = ".profile.toml"


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Sampling values that are all set; see `SamplingSettings` for their meaning."""

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int | None = None


class ToolsProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tools a model can bear: at most `max`, and only `names` unless that is empty."""

    max: int = 0
    names: tuple[str, ...] = ()


class ModelProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model wants to be used.

    Args:
        description: one sentence for lists.
        system_prompt: what it is told first when the person has set nothing.
        sampling: its sampling values; what is left out has the workbench's default.
        tools: which tools it can bear.
        may_summarise: whether its summaries can be relied on.
    """

    description: str = ""
    system_prompt: str = "You are a helpful assistant. Answer briefly and in Markdown."
    sampling: SamplingSettings = SamplingSettings()
    tools: ToolsProfile = ToolsProfile()
    may_summarise: bool = True


def read_profile(model: Path) -> ModelProfile:
    """Return the profile beside a model file: `NAME.profile.toml`, or `profile.toml` of a folder of its own.

    Blocks: call it in a thread.

    Raises:
        ModelError: `model.bad_request`: the profile cannot be read; the message names the file.
    """
    for path in (model.with_name(model.stem + PROFILE_SUFFIX), model.with_name("profile.toml")):
        try:
            return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), ModelProfile)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise ModelError(
                "bad_request", f"The model profile {path} cannot be used: {error}.", "Mend or remove it."
            ) from error
    return ModelProfile()


def choose_sampling(profile: ModelProfile, settings: SamplingSettings) -> Sampling:
    """Return the values in force: the person's, else the profile's, else the workbench's defaults."""
    values = {
        name: value
        for layer in (profile.sampling, settings)
        for name, value in msgspec.structs.asdict(layer).items()
        if value is not None and name != "max_tokens"
    }
    return Sampling(**values)
