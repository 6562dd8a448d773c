"""Prints what setup.cfg demands, one requirement a line: ``python tools/requirements.py [--floors] [EXTRA ...]``.

`make lock` pins it in requirements.lock and requirements-test.lock. With ``--floors`` each requirement is the oldest
version that it allows.
"""

import configparser
import re
import sys
from pathlib import Path


def requirements(extras: list[str]) -> list[str]:
    """The requirements of the package, and of the extras named, without comments."""
    config = configparser.ConfigParser()
    config.read(Path(__file__).parent.parent / "setup.cfg")
    texts = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def floor(requirement: str) -> str:
    """A requirement of the oldest version that another one allows. One that has no such version stays as it is."""
    name, _, marker = requirement.partition(";")
    oldest = re.sub(r"(>=|~=)\s*([\w.]+).*", r"==\2", name.strip())
    return f"{oldest};{marker}" if marker else oldest


if __name__ == "__main__":
    arguments = sys.argv[1:]
    floors = "--floors" in arguments
    wanted = requirements([argument for argument in arguments if argument != "--floors"])
    print("\n".join(map(floor, wanted) if floors else wanted))
