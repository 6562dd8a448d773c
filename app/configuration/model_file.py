"""Derives from a model file the description of the model and how to run its process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from ..engines.base import Model
from ..engines.extra import LLAMA_PARAMETERS, check_extra
from ..engines.llama import embedding
from ..engines.llama.engine import CAPABILITIES, OPERATIONS
from ..errors import ConfigurationError
from ..model_files.naming import locate
from ..model_process import gguf
from ..model_process import template as chat_template
from ..model_process.child import ChildOptions
from ..model_process.pool import Launch
from ..model_process.vocabulary import Vocabulary
from .chat_template import ChatTemplate, read_template
from .keys import Entry

BUNDLED_MODEL = Path(__file__).parents[1] / "model" / "tiny-q8_0.gguf"
BUNDLED_ID = "parley-tiny"
_MORE_CONTEXT = (
    "This is the tiny model that comes with the server: `parley models pull smollm2` gets one with 8192 tokens of "
    "context, served with PARLEY_MODEL=smollm2."
)
_LONGEST_DEFAULT_CONTEXT = 8192
# A text to embed is processed in one step, whose memory grows with the square of the text's length.
_LONGEST_DEFAULT_TEXT = 2048


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model file with everything that is needed to serve it."""

    model: Model
    options: ChildOptions
    vocabulary: Vocabulary
    template: ChatTemplate

    @property
    def launch(self) -> Launch:
        """How to launch its process."""
        return Launch(self.options, self.model.fingerprint)

    @property
    def remark(self) -> str | None:
        """What an operator should know about the model, as a sentence; None: nothing."""
        if self.template.text is not None or self.options.embeds:
            return None
        return (
            f"{self.options.model} has no chat template: llama.cpp writes conversations in ChatML marks "
            f"(<|im_start|>), which the model may not know. Give a template by {self.template.instead}."
        )


def served_model(entry: Entry, state: Path = Path()) -> ServedModel:
    """Read the model file of an entry; keys that the entry does not set are chosen to suit the file. Pulled models are
    in ``state``, the folder of the server's state.

    Raises:
        ConfigurationError: a file is missing, truncated or not a GGUF file, a projector does not fit the model, a chat
            template cannot be read, or an extra parameter is not known to llama.cpp.
    """
    asked, told = entry.keys, entry.told
    check_extra(asked.extra_parameters, LLAMA_PARAMETERS, told("extra_parameters"))
    try:
        path = BUNDLED_MODEL if asked.path is None else locate(asked.path, state)
        file = gguf.read(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"{told('path')}: {error}") from None
    if file.architecture == gguf.PROJECTOR:
        raise ConfigurationError(f"{path} is a projector, not a model: name it in {told('mmproj')}.")
    projector = _read_projector(asked.mmproj, file, told("mmproj")) if asked.mmproj is not None else None
    template = _template(entry, file)
    trained = file.context_length or _LONGEST_DEFAULT_CONTEXT
    bundled = asked.path is None
    usual = _LONGEST_DEFAULT_TEXT if file.embeds else _LONGEST_DEFAULT_CONTEXT
    context = asked.context_length or min(trained, usual)
    # More threads than cores would wait for each other; the bundled model is too small to gain from a second thread.
    threads = asked.threads or (1 if bundled else usable_cores())
    if context * asked.slots >= 2**31:
        raise ConfigurationError(
            f"{told('context_length')} times {told('slots')} is more than the 2147483647 tokens that llama.cpp can "
            "count."
        )
    status = path.stat()
    # Everything that the text for a seed depends on: the weights (identified by file size and time), how they are
    # computed, and the version of llama.cpp.
    basis: tuple[object, ...] = (
        path.name,
        status.st_size,
        status.st_mtime_ns,
        context,
        asked.slots,
        threads,
        _llama_version(),
    )
    if projector is not None:
        basis += (projector.path.name, projector.size, projector.path.stat().st_mtime_ns)
    if asked.chat_template is not None:
        basis += (template.text,)
    fingerprint = sha256(repr(basis).encode()).hexdigest()[:10]
    return ServedModel(
        Model(
            id=entry.id or (BUNDLED_ID if bundled else path.stem),
            created=int(status.st_mtime),
            owned_by="parley" if bundled else "user",
            fingerprint=f"fp_{fingerprint}",
            capabilities=embedding.CAPABILITIES
            if file.embeds
            else CAPABILITIES | chat_template.capabilities(template.text) | _senses(projector),
            context_length=context,
            extra_parameters=frozenset(asked.extra_parameters),
            more_context=_MORE_CONTEXT if bundled else "",
            operations=embedding.OPERATIONS if file.embeds else OPERATIONS,
        ),
        ChildOptions(
            model=str(path),
            context_length=context,
            slots=asked.slots,
            threads=threads,
            projector=str(projector.path) if projector is not None else "",
            chat_template=template.text or "" if asked.chat_template is not None else "",
            embeds=file.embeds,
        ),
        file.vocabulary,
        template,
    )


def _template(entry: Entry, file: gguf.GgufFile) -> ChatTemplate:
    """The chat template that an entry names, or else the one in the model file."""
    named, told = entry.keys.chat_template, entry.told("chat_template")
    if named is None:
        return ChatTemplate(file.chat_template or None, f"The chat template of {file.path}", told)
    try:
        return ChatTemplate(read_template(named), f"{told}: The chat template {named}", told)
    except ConfigurationError as error:
        raise ConfigurationError(f"{told}: {error}") from None


def _read_projector(path: Path, model: gguf.GgufFile, told: str) -> gguf.GgufFile:
    try:
        file = gguf.read(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"{told}: {error}") from None
    if file.architecture != gguf.PROJECTOR or not (file.sees or file.hears):
        raise ConfigurationError(
            f"{told}: {path} is not a projector for images or audio: name the mmproj file of the model."
        )
    if model.embedding_length is not None and file.widths and model.embedding_length not in file.widths:
        raise ConfigurationError(
            f"{told}: {path} is the projector of another model: none of its outputs is as wide as the "
            f"{model.embedding_length} numbers of an embedding of {model.path}."
        )
    return file


def _senses(projector: gguf.GgufFile | None) -> frozenset[str]:
    """The capabilities that a projector adds."""
    if projector is None:
        return frozenset()
    return frozenset(
        ({"images"} if projector.sees else set[str]()) | ({"audio_input"} if projector.hears else set[str]())
    )


def usable_cores() -> int:
    """The number of processor cores that this process may use, by CPU affinity and the container's quota (cgroup
    v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota, or not Linux with cgroup v2
    return max(cores, 1)


def _llama_version() -> str:
    try:
        return metadata.version("xllamacpp")
    except metadata.PackageNotFoundError:
        return ""
