"""Limits on what keys, projects and models may use: reserved before a request runs, settled when it has ended."""
