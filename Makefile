# Commands of this project. `make help` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := tests/data/demo
READY := $(VENV)/.ready
# Labelled streams beside the shipped one, and what the join model is made of; may be absent.
FOLDER ?= ../shared/eval
DATA ?=
model: DATA := $(or $(DATA),$(FOLDER)/ecb_train.jsonl.gz)
model: EXPERT ?= $(FOLDER)/gva_train.jsonl.gz $(FOLDER)/allsidesfull_first.jsonl.gz
model: HALF ?= $(FOLDER)/uci_headlines.jsonl.gz
model: HELD_OUT ?= $(foreach s,gva_dev ecb_dev allsides2021_first wikinews_a,$(FOLDER)/$(s).jsonl.gz)
# pip's own words matter only when it fails
LOGGED = > $(VENV)/pip.log 2>&1 || { tail -n 25 $(VENV)/pip.log >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types pytest slow quality model bench scale near-duplicates window polling many-feeds kills soak breaking serve queries docs template image-check emulators clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(READY): setup.py constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) here: install Python 3.11 or name one with PYTHON=..." >&2; exit 2; }
	@echo "== setting up $(VENV) with $$($(PYTHON) --version) (a few minutes and about 2.5 GB the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "== upgrading pip"
	@$(BIN)/python -m pip install --constraint constraints.txt --upgrade pip setuptools wheel $(LOGGED)
	@echo "== installing pinned packages"
	@$(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]' $(LOGGED)
	@touch $(READY)

setup: $(READY) ## set up .venv from pinned files

demo: $(READY) ## run the main job on the shipped sample input; leaves out/demo
	@echo "== finding events in $(DEMO)"
	@$(BIN)/python -m pipelines.detect_events --input '$(DEMO)/dropped/*' --feeds $(DEMO)/feeds.txt --output out/demo

test: lint types pytest ## set up, lint, types, tests

lint: $(READY) ## ruff: rules and format
	@echo "== lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict on schemas and the pure cores
	@echo "== types"
	@$(BIN)/mypy

pytest: $(READY) ## the tests, without those marked slow
	@echo "== tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' --numprocesses 3 --dist loadfile

slow: $(READY) ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow

quality: $(READY) ## scores beside two baselines: make quality [DATA='FILE ...'] [FOLDER=DIR] [JSON=OUT]
	@$(BIN)/python -m pipelines.quality $(if $(DATA),$(foreach f,$(DATA),--labelled '$(f)'),--folder '$(FOLDER)') $(if $(JSON),--json '$(JSON)')

model: $(READY) ## train the join model from FOLDER (see README), or: make model DATA='FILE ...' [EXPERT=] [HALF=] [HELD_OUT=]
	@$(BIN)/python -m pipelines.train $(foreach f,$(DATA),--labelled '$(f)') $(foreach f,$(EXPERT),--expert '$(f)') $(foreach f,$(HALF),--half '$(f)') $(foreach f,$(HELD_OUT),--held_out '$(f)') --cross_validate

bench: STREAM := $(or $(STREAM),$(firstword $(wildcard $(FOLDER)/../stream/*.jsonl.gz)))
bench: $(READY) ## speed beside encode loops and other libraries: make bench [STREAM=FILE] [QUICK=1] [REPEATS=5] [ARTICLES=2000] [SIZES=5000,20000] [PARTS=whole,window,copies,single_key] [CORES=N] [JSON=OUT]
	@$(BIN)/python -m benchmarks.bench $(if $(STREAM),--stream '$(STREAM)') $(if $(QUICK),--quick) $(if $(REPEATS),--repeats $(REPEATS)) $(if $(ARTICLES),--articles $(ARTICLES)) $(if $(SIZES),--sizes $(SIZES)) $(if $(KEY_SIZES),--key_sizes $(KEY_SIZES)) $(if $(PARTS),--parts $(PARTS)) $(if $(filter 0,$(VARIANTS)),--no-variants) $(if $(CORES),--cores $(CORES)) $(if $(CACHE),--cache '$(CACHE)') $(if $(JSON),--json '$(JSON)')

scale: $(READY) ## from the figures of make bench to workers, euros and limits: writes the tables of docs/scale.md
	@$(BIN)/python -m benchmarks.scale --write docs/scale.md

near-duplicates: $(READY) ## copies found on a planted set: make near-duplicates STREAM=FILE
	@test -n "$(STREAM)" || { echo "name the stream: make near-duplicates STREAM=FILE.jsonl.gz" >&2; exit 2; }
	@$(BIN)/python -m benchmarks.near_duplicates --stream '$(STREAM)'

window: $(READY) ## cost of an article and memory as the window fills: make window STREAM=FILE [SIZES=5000,20000] [JSON=OUT]
	@test -n "$(STREAM)" || { echo "name the stream: make window STREAM=FILE.jsonl.gz" >&2; exit 2; }
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.window --stream '$(STREAM)' $(if $(SIZES),--sizes $(SIZES)) $(if $(JSON),--json '$(JSON)')

polling: $(READY) ## delay against requests of ways to poll feeds: make polling [RHYTHMS='FILE ...'] [JSON=OUT]
	@$(BIN)/python -m benchmarks.polling $(foreach f,$(RHYTHMS),--rhythms '$(f)') $(if $(JSON),--json '$(JSON)')

many-feeds: $(READY) ## 2,000 local feeds in one round, some of which hang: make many-feeds [JSON=OUT]
	@$(BIN)/python -m benchmarks.feeds $(if $(JSON),--json '$(JSON)')

kills: $(READY) ## kill a run 50 times at random moments and compare it with one that was not: make kills [SEED=1]
	@d=$$(mktemp -d) && $(BIN)/python tests/pipeline/kills/harness.py --stories tests/quality/hard_pairs.jsonl --folder $$d --kills 50 --seed $(or $(SEED),1) && rm -r $$d

soak: STREAM := $(or $(STREAM),$(wildcard $(FOLDER)/../stream/*.jsonl.gz))
soak: $(READY) ## a stream served as feeds for half an hour: make soak [STREAM=FILE] [MINUTES=35] [RATE=4] [JSON=OUT]
	@test -n "$(STREAM)" || { echo "name the stream: make soak STREAM=FILE.jsonl.gz" >&2; exit 2; }
	@$(BIN)/python -m benchmarks.soak --stream '$(STREAM)' $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) $(if $(JSON),--json '$(JSON)')

breaking: $(READY) ## which rule finds breaking news, how soon, and false alerts: make breaking [DIR=FOLDER] [SETS=planted] [SEEDS=1,2,3] [CACHE=DIR] [JSON=OUT]
	@$(BIN)/python -m benchmarks.breaking --folder '$(or $(DIR),$(FOLDER)/..)' $(if $(SETS),--sets $(SETS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(CACHE),--cache '$(CACHE)') $(if $(JSON),--json '$(JSON)')

serve: $(READY) ## pages and a read-only API over an output: make serve [OUTPUT=out/demo] [PORT=8000]
	@$(BIN)/python -m pipelines.serve --output '$(or $(OUTPUT),out/demo)' --port $(or $(PORT),8000)

queries: $(READY) ## how quick the pages are at 1,000,000 invented articles: make queries [ARTICLES=1000000] [JSON=OUT]
	@$(BIN)/python -m benchmarks.queries $(if $(ARTICLES),--articles $(ARTICLES)) $(if $(JSON),--json '$(JSON)')

docs: $(READY) ## write docs/tables.md anew from the schemas
	@$(BIN)/python -m schemas.docs > docs/tables.md

template: $(READY) ## write deploy/dataflow/metadata.json anew from the options
	@$(BIN)/python -m pipelines.template > deploy/dataflow/metadata.json

image-check: $(READY) ## the steps of Dataflow's image in a scratch folder, and what they install (minutes, 4 GB)
	@d=$$(mktemp -d) && $(BIN)/python deploy/dataflow/check_image.py --scratch $$d/image && rm -r $$d

emulators: $(READY) ## stand-ins for BigQuery and Cloud Storage on this machine, to try --output bigquery:... without a cloud
	@$(BIN)/python -m tests.emulators.servers

clean: ## remove .venv, .environments, caches and out/
	rm -rf $(VENV) .environments out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
