"""The hooks of `mkdocs.yml`: what `make docs` needs besides the pages in ``docs/``.

Links in pages are those of the repository, so that they work on a code host. On the site, pages from other folders are
beside those of ``docs/``, and any other file that is linked is copied as text. The site loads nothing from other hosts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs/"
# Pages from other folders, by their names on the site.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "CHANGES.md": "changes.md",
    "app/model/CARD.md": "model-card.md",
}

# A block of code, code in a line, or the end of a link.
_PIECE = re.compile(r"^( *)```.*?^\1```|`+[^`]*`+|(?<=\]\()[^()\s]+(?=\))", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"`(app/[\w/]+\.py)(: [\w.]+)?`")
_LOADS = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}


def links(text: str) -> Iterator[str]:
    """Where the links of a page in Markdown lead, outside its code."""
    for found in _PIECE.finditer(text):
        if "`" not in found[0]:
            yield found[0]


def headings(text: str) -> list[str]:
    """The anchors of a page's headings."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [slug(title) for title in re.findall(r"^#+ (.+)$", outside, re.MULTILINE)]


def slug(title: str, separator: str = "-") -> str:
    """The anchor of a heading, as code hosts make it."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", separator)


def target(source: str, link: str) -> tuple[str, str] | None:
    """The file of the repository, and the anchor in it, that a link in the page ``source`` means; None: elsewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), parts.path)) if parts.path else source
    return path, parts.fragment


def place(path: str) -> str:
    """Where a file of the repository stands on the site."""
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix(DOCS) if path.startswith(DOCS) else f"source/{path}.txt"


def rewritten(source: str, text: str) -> str:
    """The page ``source`` as it stands on the site, with its links, and with the modules that it names as links."""
    here = posixpath.dirname(place(source))

    def piece(found: re.Match[str]) -> str:
        if "`" in found[0]:
            module = _MODULE.fullmatch(found[0])
            if module is None or text[found.start() - 1] == "[" or not (ROOT / module[1]).is_file():
                return found[0]
            return f"[{found[0]}]({posixpath.relpath(place(module[1]), here or '.')})"
        leads = target(source, found[0])
        if leads is None:
            return found[0]
        path = posixpath.relpath(place(leads[0]), here or ".") if leads[0] != source else ""
        return f"{path}#{leads[1]}" if leads[1] else path

    return _PIECE.sub(piece, text)


def sources(text: str, source: str) -> set[str]:
    """The files of the repository besides pages that a page leads to."""
    named = {module[1] for module in _MODULE.finditer(text)}
    led = {leads[0] for link in links(text) if (leads := target(source, link)) is not None}
    return {path for path in named | led if place(path).startswith("source/") and (ROOT / path).is_file()}


def on_config(config: Any) -> Any:
    """Anchors are those of a code host."""
    config.mdx_configs["toc"] = {**config.mdx_configs.get("toc", {}), "slugify": slug}
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from other folders, and what is linked."""
    from mkdocs.structure.files import File

    pages = {path: (ROOT / path).read_text(encoding="utf-8") for path in PAGES}
    pages |= {f"{DOCS}{file.src_uri}": file.content_string for file in files.documentation_pages()}
    for path, name in PAGES.items():
        files.append(File.generated(config, name, content=pages[path]))
    for path in sorted(set().union(*(sources(text, source) for source, text in pages.items()))):
        files.append(File.generated(config, place(path), content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead links to where things stand on the site."""
    names = {name: path for path, name in PAGES.items()}
    text = rewritten(names.get(page.file.src_uri, f"{DOCS}{page.file.src_uri}"), markdown)
    # A comment is a paragraph of its own to Markdown as MkDocs reads it.
    return re.sub(r"^(<!-- .* -->)$", r"\n\1\n", text, flags=re.MULTILINE)


def on_post_build(config: Any) -> None:
    """Fail if a page or a style sheet of the site loads anything from another host."""
    from mkdocs.exceptions import PluginError

    site = Path(config.site_dir)
    texts = {
        path.relative_to(site): path.read_text(encoding="utf-8")
        for path in sorted(site.rglob("*"))
        if path.suffix in _LOADED_BY
    }
    if found := foreign_loads(texts):
        raise PluginError("The site must load nothing from other hosts:\n" + "\n".join(found))


def foreign_loads(texts: Mapping[Path, str]) -> list[str]:
    """What pages and style sheets, by their paths, load from other hosts when they are opened."""
    return [
        f"{path} loads {address}"
        for path, text in texts.items()
        for address in _LOADED_BY[path.suffix](text)
        if urlsplit(address).netloc
    ]


class _Loads(HTMLParser):
    """What a page loads when it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _LOADS and not (tag == "link" and given.get("rel") in ("canonical", "next", "prev", "edit")):
            self.found.append(given.get(_LOADS[tag]) or "")


def _of_page(text: str) -> list[str]:
    page = _Loads()
    page.feed(text)
    return page.found


def _of_style(text: str) -> list[str]:
    return re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", text)


_LOADED_BY: dict[str, Callable[[str], list[str]]] = {".html": _of_page, ".css": _of_style}
