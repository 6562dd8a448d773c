"""Reads the header of a GGUF file: enough to describe the model and to detect a broken file.

llama.cpp reports only that a load failed; this module reports why, before anything is started.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigurationError
from .gguf_cursor import ARRAY, Cursor, Damaged, Ends
from .vocabulary import Vocabulary, vocabulary

_WANTED = frozenset(
    {"general.architecture", "general.name", "general.alignment", "tokenizer.chat_template"}
    | {"tokenizer.ggml.model", "tokenizer.ggml.add_space_prefix"}
    | {"clip.has_vision_encoder", "clip.has_audio_encoder"}
)
_TOKENS = "tokenizer.ggml.tokens"
PROJECTOR = "clip"  # the architecture of a projector
_POOLINGS = (1, 2, 3)  # the types that give one vector for a text: mean, first and last

_DEFAULT_ALIGNMENT = 32
# Far above any real file, far below what would delay a start.
_MOST_ENTRIES = 1 << 20
_MOST_DIMENSIONS = 8

# ggml's tensor types: id -> (values per block, bytes per block).
_BLOCKS: Mapping[int, tuple[int, int]] = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
    40: (64, 36),  # NVFP4
    41: (128, 18),  # Q1_0
}


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The metadata of a GGUF file.

    ``context_length`` is in tokens, ``size`` in bytes; ``vocabulary`` is what grammars must know about its tokens. For
    a projector: ``sees`` and ``hears`` say whether it supports images and audio, and ``widths`` are the extents of its
    tensors outside the encoders; one of them is the length of the model's embeddings. ``embeds``: according to its
    pooling type, the model makes one vector of a text.
    """

    path: Path
    architecture: str
    context_length: int | None
    name: str | None
    size: int
    chat_template: str | None = None
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    embedding_length: int | None = None
    sees: bool = False
    hears: bool = False
    widths: frozenset[int] = frozenset()
    embeds: bool = False


def read(path: str | Path) -> GgufFile:
    """Read the header of the GGUF file at ``path`` and check that the file is as long as its tensors require.

    Raises:
        ConfigurationError: the file is missing, unreadable, not a GGUF, of another version, damaged or cut
        short.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == 0:
                raise ConfigurationError(f"The model file {path} is empty: copy or download it again.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, data)
    except FileNotFoundError:
        raise ConfigurationError(f"The model file {path} does not exist: correct the path.") from None
    except IsADirectoryError:
        raise ConfigurationError(f"{path} is a directory: name the .gguf file itself.") from None
    except PermissionError:
        raise ConfigurationError(
            f"The model file {path} may not be read by this user: change its permissions."
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The model file {path} cannot be read ({error}): name a regular file.") from None


def _parse(path: Path, data: mmap.mmap) -> GgufFile:
    size = len(data)
    if data[:4] != b"GGUF"[:size]:
        raise ConfigurationError(
            f"{path} is not a GGUF file: name a model in GGUF form, or convert it with llama.cpp's tools."
        )
    cursor = Cursor(data)
    try:
        return _describe(path, cursor)
    except Ends as end:
        raise ConfigurationError(
            f"The model file {path} is cut short: the file ends at {size} bytes, "
            f"its header promises {end.wanted}; download it again."
        ) from None
    except Damaged as damage:
        raise ConfigurationError(f"The model file {path} has a damaged header ({damage}): download it again.") from None


def _describe(path: Path, cursor: Cursor) -> GgufFile:
    cursor.skip(4)
    version = cursor.u32()
    if version not in (2, 3):
        big_endian = version in (2 << 24, 3 << 24)
        raise ConfigurationError(
            f"The model file {path} "
            + ("is made for big-endian machines" if big_endian else f"has GGUF version {version}")
            + ": get a little-endian file of GGUF version 2 or 3."
        )
    tensors, entries = cursor.count(), cursor.count()
    if tensors > _MOST_ENTRIES or entries > _MOST_ENTRIES:
        raise Damaged("it counts too many entries")

    known: dict[str, object] = {}
    tokens = slice(0, 0)
    for _ in range(entries):
        key = cursor.text()
        wanted = key in _WANTED or key.endswith((".context_length", ".embedding_length", ".pooling_type"))
        kind, begin = cursor.u32(), cursor.at
        value = cursor.value(kind, wanted=wanted)
        if key == _TOKENS and kind == ARRAY:
            tokens = slice(begin, cursor.at)
        if wanted:
            known[key] = value

    alignment = known.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise Damaged("its alignment is not a power of two")
    widths = _check_tensors(cursor, tensors, alignment)

    architecture = known.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise ConfigurationError(f"The model file {path} names no architecture: it holds no language model.")
    name = known.get("general.name")
    template = known.get("tokenizer.chat_template")

    told = cursor.data[tokens]
    kind_of, prefix = known.get("tokenizer.ggml.model"), known.get("tokenizer.ggml.add_space_prefix")

    def length(key: str) -> int | None:
        value = known.get(f"{architecture}.{key}")
        return value if isinstance(value, int) and value > 0 else None

    return GgufFile(
        path=path,
        architecture=architecture,
        context_length=length("context_length"),
        name=name if isinstance(name, str) and name else None,
        size=cursor.size,
        chat_template=template if isinstance(template, str) else None,
        vocabulary=vocabulary(
            kind_of if isinstance(kind_of, str) else None,
            prefix if isinstance(prefix, bool) else None,
            told,
        ),
        embedding_length=length("embedding_length"),
        sees=known.get("clip.has_vision_encoder") is True,
        hears=known.get("clip.has_audio_encoder") is True,
        widths=widths if architecture == PROJECTOR else frozenset(),
        embeds=length("pooling_type") in _POOLINGS,
    )


def _check_tensors(cursor: Cursor, count: int, alignment: int) -> frozenset[int]:
    """Walk the tensor table and compare the end of the last tensor with the end of the file. Return the extents of the
    tensors outside a projector's encoders. The names of the encoders' tensors begin with v. and a."""
    end = 0
    widths: set[int] = set()
    for _ in range(count):
        inside = cursor.text().startswith(("v.", "a."))
        dimensions = cursor.u32()
        if dimensions > _MOST_DIMENSIONS:
            raise Damaged(f"a tensor has {dimensions} dimensions")
        values = 1
        for _ in range(dimensions):
            extent = cursor.count()
            values *= extent
            if not inside:
                widths.add(extent)
        kind, offset = cursor.u32(), cursor.count()
        # Even for a type that is missing in the table, the offset is known.
        per_block, block_size = _BLOCKS.get(kind, (1, 0))
        end = max(end, offset + -(-values // per_block) * block_size)
    start = -(-cursor.at // alignment) * alignment
    if count and start + end > cursor.size:
        raise Ends(start + end)
    return frozenset(widths)
