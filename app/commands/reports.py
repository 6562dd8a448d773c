"""The report on a document in the forms that other programs read: SARIF and JUnit."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from ..documents.lint.findings import Finding
from ..documents.lint.rules import RULES

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(findings: Sequence[Finding], document: Path) -> dict[str, Any]:
    """A log of SARIF 2.1.0 (OASIS) with one run. ``document`` is the file that was checked."""
    used = [rule for rule in RULES if any(finding.rule == rule for finding in findings)]
    return {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "parley contract check",
                        **_version(),
                        "rules": [{"id": rule, "shortDescription": {"text": RULES[rule]}} for rule in used],
                    }
                },
                # As YAML's and JSON's readers count.
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, used.index(finding.rule), document) for finding in findings],
            }
        ],
    }


def _version() -> dict[str, str]:
    try:
        return {"version": version("parley")}
    except PackageNotFoundError:  # in a checkout
        return {}


def _result(finding: Finding, index: int, document: Path) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(document, finding.file)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}. {sentence(finding.advice)}"},
        "locations": [{"physicalLocation": place, "logicalLocations": [{"fullyQualifiedName": f"#{finding.pointer}"}]}],
    }


def _uri(document: Path, file: str) -> str:
    """A file of a document relative to the folder that the command runs in, else to that of the document."""
    folder, here = document.parent.resolve(), Path.cwd()
    within = folder.relative_to(here) if folder.is_relative_to(here) else Path()
    return quote((within / file).as_posix())


def junit(findings: Sequence[Finding], document: Path) -> str:
    """A report as JUnit writes one: each finding is a test, failed unless it is a note."""
    failed = sum(finding.severity != "info" for finding in findings)
    suite = ElementTree.Element(
        "testsuite", name=f"contract check {document}", tests=str(max(len(findings), 1)), failures=str(failed)
    )
    for finding in findings:
        place = f"{document.parent / finding.file}:{finding.line}:{finding.column}"
        case = ElementTree.SubElement(suite, "testcase", classname=finding.rule, name=f"{place} {finding.pointer}")
        if finding.severity != "info":
            failure = ElementTree.SubElement(case, "failure", type=finding.severity, message=_clean(finding.message))
            failure.text = _clean(sentence(finding.advice))
    if not findings:
        ElementTree.SubElement(suite, "testcase", classname="contract check", name="nothing is wrong")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode")


def _clean(text: str) -> str:
    """A text with what XML 1.0 can hold of it."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def sentence(text: str) -> str:
    """A text as a sentence."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith(("?", ".")) else text + "."
