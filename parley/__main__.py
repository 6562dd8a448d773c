"""``python -m parley``: the command `parley`, in a checkout too."""

from __future__ import annotations

from app.starting import command_line

if __name__ == "__main__":
    command_line()
