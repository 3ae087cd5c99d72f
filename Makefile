.PHONY: check format lint types test docs wheel

check: lint types test  ## everything a change must pass before it is committed

lint:
	ruff check .
	ruff format --check .
	codespell videoreid tests docs examples benchmarks README.md CHANGELOG.md CONTRIBUTING.md

types:
	mypy

test:
	pytest

format:
	ruff check --fix .
	ruff format .

docs:
	mkdocs build --strict

wheel:
	python -m build --wheel
