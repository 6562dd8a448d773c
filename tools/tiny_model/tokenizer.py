"""The vocabulary: byte-level BPE within words, then the commonest words again with the space before them.

So a word that is not common is cut in the same way at the beginning of a text, after a space and after a quotation
mark, and can be copied piece by piece from one place to another. Words that the corpus has for being copied never get
a space of their own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .dialogue import SPECIAL, VOCABULARY, Dialogue, pieces
from .sentences import sentences

# How many of the merges are of a space with a word.
_SPACED = 400
# How llama.cpp cuts a text before merging, for a tokenizer that calls itself "qwen2".
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_WITHIN_WORDS = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
_SPACE = "Ġ"


def trained(corpus: Iterable[Dialogue]) -> Tokenizer:
    """A tokenizer for these dialogues; the ids of `SPECIAL` are the last ones."""
    texts = [text for dialogue in corpus for text, _ in pieces(dialogue)]
    for special in SPECIAL:
        texts = [text.replace(special, "\n") for text in texts]
    first = Tokenizer(models.BPE())
    first.pre_tokenizer = _cut(_WITHIN_WORDS)
    room = VOCABULARY - len(SPECIAL) - _SPACED
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    first.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=room, initial_alphabet=alphabet, show_progress=False)
    )
    model = json.loads(first.to_str())["model"]
    vocabulary: dict[str, int] = model["vocab"]
    merges = [tuple(merge) for merge in model["merges"]]
    for word in _after_spaces(texts, vocabulary):
        vocabulary[_SPACE + word] = len(vocabulary)
        merges.append((_SPACE, word))
    whole = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    whole.pre_tokenizer = _cut(_QWEN2)
    whole.decoder = decoders.ByteLevel()
    whole.add_special_tokens(list(SPECIAL))
    assert whole.get_vocab_size() == VOCABULARY
    return whole


def _cut(regex: str) -> pre_tokenizers.PreTokenizer:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"), byte_level])


def _after_spaces(texts: list[str], vocabulary: dict[str, int]) -> list[str]:
    """The commonest words after a space that are one token each."""
    counts = Counter(word for text in texts for word in text.split(" ")[1:] if word.isalpha())
    for text in texts:
        counts.update(word.rstrip(".,?!:;") for word in text.split(" ")[1:] if not word.isalpha())
    copied = {word for words in sentences("words").values() for word in words}
    common = [
        word
        for word, _ in counts.most_common()
        if word.isascii() and word.isalpha() and word in vocabulary and word not in copied
    ]
    return common[:_SPACED]
