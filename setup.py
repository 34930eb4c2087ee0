"""Builds the distribution that pyproject.toml describes, and leaves nothing in the tree.

Setuptools would keep a copy of the sources in build/, and pack from it what has been deleted since.
"""

from tempfile import TemporaryDirectory

from setuptools import setup

with TemporaryDirectory() as place:
    setup(options={"build": {"build_base": place}})
