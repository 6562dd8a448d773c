"""The engine that the settings ask for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from ..errors import ConfigurationError
from ..settings import Settings
from . import gguf, llama_template
from .base import Engine, Model
from .child import SOCKET_VARIABLE, ChildOptions
from .echo import EchoEngine
from .extra import EXTRA_PARAMETERS, check_extra
from .llama import CAPABILITIES, LlamaEngine
from .supervisor import Supervision, check, launch

BUNDLED_MODEL = Path(__file__).parent.parent / "model" / "tiny-q8_0.gguf"
BUNDLED_ID = "parley-tiny"
_LONGEST_DEFAULT_CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model file with all that serving it needs."""

    model: Model
    options: ChildOptions


def served_model(settings: Settings) -> ServedModel:
    """What ``PARLEY_MODEL`` and its companions amount to.

    Raises:
        ConfigurationError: a file is missing, cut off or not a GGUF file, a projector does not fit the model, or a
            parameter is let through that llama.cpp does not know.
    """
    check_extra(settings.extra_parameters, EXTRA_PARAMETERS)
    path = settings.model or BUNDLED_MODEL
    file = gguf.read(path)
    if file.architecture == gguf.PROJECTOR:
        raise ConfigurationError(f"{path} is a projector, not a model: name it in PARLEY_MMPROJ.")
    projector = _read_projector(settings.mmproj, file) if settings.mmproj is not None else None
    trained = file.context_length or _LONGEST_DEFAULT_CONTEXT
    bundled = settings.model is None
    context = settings.model_context or min(trained, _LONGEST_DEFAULT_CONTEXT)
    # More threads than cores wait for each other; the bundled model is too small to gain from a second one.
    threads = settings.model_threads or (1 if bundled else usable_cores())
    if context * settings.model_slots >= 2**31:
        raise ConfigurationError(
            "PARLEY_MODEL_CONTEXT times PARLEY_MODEL_SLOTS is more than the 2147483647 tokens that llama.cpp can count."
        )
    status = path.stat()
    # What the text for a seed depends on: the weights, told by size and time, how they are computed, and by what.
    basis: tuple[object, ...] = (
        path.name,
        status.st_size,
        status.st_mtime_ns,
        context,
        settings.model_slots,
        threads,
        _llama_version(),
    )
    if projector is not None:
        basis += (projector.path.name, projector.size, projector.path.stat().st_mtime_ns)
    fingerprint = sha256(repr(basis).encode()).hexdigest()[:10]
    return ServedModel(
        Model(
            id=settings.model_id or (BUNDLED_ID if bundled else path.stem),
            created=int(status.st_mtime),
            owned_by="parley" if bundled else "user",
            fingerprint=f"fp_{fingerprint}",
            capabilities=CAPABILITIES | llama_template.capabilities(file.chat_template) | _senses(projector),
            context_length=context,
            extra_parameters=frozenset(settings.extra_parameters),
        ),
        ChildOptions(
            model=str(path),
            context_length=context,
            slots=settings.model_slots,
            threads=threads,
            projector=str(projector.path) if projector is not None else "",
        ),
    )


def _read_projector(path: Path, model: gguf.GgufFile) -> gguf.GgufFile:
    try:
        file = gguf.read(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"PARLEY_MMPROJ: {error}") from None
    if file.architecture != gguf.PROJECTOR or not (file.sees or file.hears):
        raise ConfigurationError(
            f"PARLEY_MMPROJ: {path} is not a projector for images or audio: name the mmproj file of the model."
        )
    if model.embedding_length is not None and file.widths and model.embedding_length not in file.widths:
        raise ConfigurationError(
            f"PARLEY_MMPROJ: {path} is the projector of another model: none of its outputs is as wide as the "
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
    """The processor cores that this process may use: by affinity, and by a container's quota (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota, or another system
    return max(cores, 1)


def _llama_version() -> str:
    try:
        return metadata.version("xllamacpp")
    except metadata.PackageNotFoundError:
        return ""


def build_engine(settings: Settings) -> Engine:
    """The engine, not yet started.

    Raises:
        ConfigurationError: as `served_model`.
    """
    if settings.engine == "echo":
        check_extra(settings.extra_parameters, ())
        return EchoEngine(delay=settings.echo_delay)
    served = served_model(settings)
    return LlamaEngine(
        served.model,
        context_length=served.options.context_length,
        slots=served.options.slots,
        max_schemas=settings.max_schemas,
    )


def launch_model(settings: Settings, *, workers: int = 1) -> Supervision | None:
    """Start the model process that the settings ask for; None when they ask for none. ``workers`` share it.

    Raises:
        ConfigurationError: the model file or a library that it needs cannot be used.
    """
    if settings.engine == "echo":
        return None
    check()
    return launch(served_model(settings).options, workers=workers)


def model_is_launched(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a process above this one has launched the model process."""
    return SOCKET_VARIABLE in environ
