"""Prints what setup.cfg demands, one requirement a line: ``python tools/requirements.py [EXTRA ...]``.

For installing the dependencies without the package: the checkout is served and tested as it stands.
"""

import configparser
import sys
from pathlib import Path


def requirements(extras: list[str]) -> list[str]:
    """The requirements of the package, and of the extras named, without comments."""
    config = configparser.ConfigParser()
    config.read(Path(__file__).parent.parent / "setup.cfg")
    texts = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
