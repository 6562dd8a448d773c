"""References of the form ``hf:org/repo[@revision][:file]``, which select a GGUF file of a repository on a hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConfigurationError

PREFIX = "hf:"
# The quantisation that most repositories have, and that llama.cpp's own programs prefer.
_USUAL = "Q4_K_M"
_MOST_CANDIDATES = 20

_REFERENCE = re.compile(
    rf"{PREFIX}(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[^:@\s]+))?(?::(?P<wanted>[^\s].*))?", re.ASCII
)
_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A file on a hub. ``wanted`` is its path in the repository, or the name of a quantisation; None: the usual one."""

    repo: str
    revision: str
    wanted: str | None

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"{PREFIX}{self.repo}{revision}" + ("" if self.wanted is None else f":{self.wanted}")

    @property
    def is_pinned(self) -> bool:
        """Whether it always selects the same file."""
        return bool(_COMMIT.fullmatch(self.revision))

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse a text that begins with `PREFIX`.

        Raises:
            ConfigurationError: the text has another form.
        """
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise ConfigurationError(
                "A model on a hub is named hf:org/repo, hf:org/repo:Q4_K_M or hf:org/repo:file.gguf, with @revision "
                "after the repository if you like."
            )
        return cls(match["repo"], match["revision"] or "main", match["wanted"])

    def choose(self, files: Sequence[str]) -> tuple[str, ...]:
        """Return the selected file among those of a repository; for a split model all its files, in order. A file that
        is selected from a list is also selected from a part of that list, as long as it is in there.

        Raises:
            ConfigurationError: no file matches, or several do.
        """
        files = sorted(file for file in files if file.lower().endswith(".gguf"))
        if self.wanted in files:
            return self._whole(self.wanted or "", files)
        models = [file for file in files if _is_model(file)]
        if not models:
            raise ConfigurationError(f"{self}: the repository has no GGUF file of a model.")
        tagged = [file for file in models if _has_tag(file, self.wanted or _USUAL)]
        if len(tagged) == 1:
            return self._whole(tagged[0], files)
        if self.wanted is None and not tagged:
            return self._whole(models[0], files)
        listed = ", ".join((tagged or models)[:_MOST_CANDIDATES])
        if len(tagged or models) > _MOST_CANDIDATES:
            listed += ", ..."
        if tagged:
            raise ConfigurationError(f"{self} may be several files; name one of them: {listed}.")
        raise ConfigurationError(f"{self}: the repository has no such file or quantisation. It has: {listed}.")

    def _whole(self, file: str, files: Sequence[str]) -> tuple[str, ...]:
        match = _PART.fullmatch(file)
        if match is None:
            return (file,)
        names = tuple(
            f"{match['stem']}-{number:05}-of-{match['count']}{file[-5:]}"
            for number in range(1, int(match["count"]) + 1)
        )
        missing = [name for name in names if name not in files]
        if missing:
            raise ConfigurationError(f"{self}: the model is split into parts, and the repository lacks {missing[0]}.")
        return names


def _is_model(file: str) -> bool:
    """Return whether a file is a model's, and the first part if there are several."""
    name = file.rpartition("/")[2].lower()
    part = _PART.fullmatch(name)
    return not ("mmproj" in name or "imatrix" in name or (part is not None and int(part["number"]) != 1))


def _has_tag(file: str, tag: str) -> bool:
    """Return whether a file's name contains a tag as a whole word: Q4_K_M does not contain Q4_K."""
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(tag)}(?![A-Za-z0-9_])", file[:-5], re.IGNORECASE) is not None
