"""Build script: everything static stands in pyproject.toml, the dependencies in requirements.txt."""

from setuptools import setup

setup()
