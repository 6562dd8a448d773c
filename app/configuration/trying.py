"""Tests the chat templates of models before the models are loaded."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ConfigurationError
from ..model_process.trial import refusal
from .model_file import BUNDLED_MODEL, ServedModel


def try_templates(models: Iterable[ServedModel]) -> None:
    """Validate that llama.cpp can use the chat template of each model. Each test takes a tenth of a second; the bundled
    model's own template is known to work.

    Raises:
        ConfigurationError: a template cannot be used; the message says which model's, and why.
    """
    verdicts: dict[str, str | None] = {}
    for served in models:
        template = served.template
        bundled = served.options.model == str(BUNDLED_MODEL) and not served.options.chat_template
        if template.text is None or bundled or served.options.embeds:
            continue
        if template.text not in verdicts:
            verdicts[template.text] = refusal(template.text, BUNDLED_MODEL)
        if (reason := verdicts[template.text]) is not None:
            raise ConfigurationError(
                f"{template.told} cannot be used by llama.cpp ({reason}). Give another one by {template.instead}."
            )
