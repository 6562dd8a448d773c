"""Tests of the engines; a package, so that its modules share `conftest` by name."""
