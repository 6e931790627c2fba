# Everything goes through these. `make demo` and `make test` need nothing installed but Python and make.
UV ?= $(shell command -v uv 2>/dev/null)
ifeq ($(UV),)
UV := .tools/bin/uv
endif
RUN := .venv/bin
PEERS ?= .tools/peers

unexport PYTHONDONTWRITEBYTECODE  # every command is a new Python: without byte code each compiles anew

.DEFAULT_GOAL := help
.PHONY: help setup demo test check gauntlet bench bench-peers format clean

help:           ## what there is to call
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv

setup: $(if $(filter .tools/bin/uv,$(UV)),.tools/bin/uv) ## the environment, from the lock
	@$(UV) sync --quiet --frozen --compile-bytecode

demo: setup     ## record an agent, show its run, replay it offline: no keys, no network
	$(RUN)/dashcam demo
	@printf '\nAnd a recording that came with the source: recorded elsewhere, replayed here.\n\n'
	PATH="$(CURDIR)/$(RUN):$$PATH" OPENAI_API_KEY=none $(RUN)/dashcam replay recordings/refund-401.dashcam.jsonl -- python -m proxy.demo.agent

test: setup     ## every test
	$(RUN)/python -m pytest -q -n 2 --dist loadgroup

check: setup    ## style, types, layers, mirrored tests
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/python scripts/check_mirror.py

gauntlet: setup ## the release numbers: kills, power cuts, tamperings by the thousand; into docs/reliability.md
	$(RUN)/python scripts/gauntlet.py

bench: setup    ## against mitmdump, and the peers if there are any; TOOLS is the folder of the load tools
	$(RUN)/python -m benchmarks.forward --tools $(TOOLS) --write docs/benchmarks.md
	test ! -d $(PEERS) || $(RUN)/python -m benchmarks.peers --tools $(TOOLS) --peers $(PEERS) --write docs/benchmarks.md

bench-peers: setup ## the peers of `make bench`, from npm and PyPI, into the folder PEERS
	UV=$(UV) $(RUN)/python -m benchmarks.peers --install --peers $(PEERS)

format: setup   ## put the code in its form
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

clean:          ## what these made
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
