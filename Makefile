# Verbs only; `make` lists them. Every verb sets up .venv first if it has to.
BANK  ?= demo
AS_OF ?= 2026-11-16
RAW   ?= data/demo/raw
FROM  ?= 2026-08-31
TO    ?= $(AS_OF)
PORT  ?= 8000
WORKERS ?= 1
MLFLOW_PORT ?= 5000
TRIALS ?= 20
SECONDS ?= 0
OUT   ?= data/$(BANK)/to-correct
ORIGINS ?= 4
ROLE  ?= crm
HOURS ?= 12
LANGUAGE =

PYTHON := .venv/bin/python
# The command attrition, by its module: so it runs where only the dependencies are installed, too.
ATTRITION := $(PYTHON) -m pipeline
READY  := .venv/ready
BENCH  := .venv-bench/ready
AIRFLOW := .venv-airflow/ready
UV     := uv==0.13.9

# Each of the tests' many processes would compile anew what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-airflow weekly status acknowledge new-bank ingest quarantine-export train tune mlflow promote policy rollback audit new-access-log backfill ablation learning-curve report backtest replay definitions branch-report features-doc docs outcomes effect campaign mail read-outcomes migrate rollback-run backup restore serve token bench bench-features bench-ingest bench-model bench-serve bench-lists bench-monday bench-calls bench-pages bench-gates bench-alive check format lock picture screenshots clean
.PHONY: quick style types

# What the Makefile does not know.
.DEFAULT:
	@echo "There is neither a verb nor a file '$@'. \`make\` alone lists the verbs." >&2; exit 2

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  settings: BANK=$(BANK) AS_OF=$(AS_OF) RAW=$(RAW) PORT=$(PORT)"

demo: $(READY) ## a made-up bank from raw files to managers' lists, with progress and a summary  (BANK)
	$(ATTRITION) demo --bank $(BANK)

test: $(READY) style ## style, types and the quick tests
	$(MAKE) --no-print-directory --jobs=2 types quick

quick: $(READY)
	MAKEFLAGS= $(PYTHON) -m pytest -m "not long" -n auto --dist loadfile --no-loadscope-reorder

test-long: $(READY) check ## all tests, in full size
	$(PYTHON) -m pytest

test-airflow: $(AIRFLOW) ## deploy/airflow in Airflow itself, in an environment of its own
	$(PYTHON) -m pytest tests/deploy/test_airflow.py

# A scheduler calls the command itself: make turns every exit code into 2.
weekly: $(READY) ## one Monday, the latest without AS_OF: ingest, features, training when due, scores, gates, lists  (BANK RAW AS_OF LATE OVERRIDE_BY OVERRIDE_WHY ROWS_GONE)
	$(ATTRITION) weekly --bank $(BANK) --raw $(RAW) $(if $(filter file,$(origin AS_OF)),,--as-of $(AS_OF)) \
	  --late "$(LATE)" --override-by "$(OVERRIDE_BY)" --override-why "$(OVERRIDE_WHY)" \
	  --rows-gone "$(ROWS_GONE)"

status: $(READY) ## what is served, who writes, open alarms, gates, sources, the last commands  (BANK JSON=--json)
	$(ATTRITION) status --bank $(BANK) $(JSON)

acknowledge: $(READY) ## acknowledge an alarm: it is sent no more  (BANK ALARM BY WHY)
	$(ATTRITION) acknowledge --bank $(BANK) --alarm "$(ALARM)" --by "$(BY)" --why "$(WHY)"

new-bank: $(READY) ## draft a bank's settings and SELECTs from its files; again: the questions that remain  (BANK RAW)
	$(ATTRITION) new-bank --bank $(BANK) --raw $(RAW)

ingest: $(READY) ## read the bank's files into tables and a quarantine  (BANK RAW ROWS_GONE)
	$(ATTRITION) ingest --bank $(BANK) --raw $(RAW) --rows-gone "$(ROWS_GONE)"

quarantine-export: $(READY) ## refused rows as files to correct and deliver again  (BANK RAW OUT)
	$(ATTRITION) quarantine-export --bank $(BANK) --raw $(RAW) --out $(OUT)

train: $(READY) ## train, evaluate out of time and register a model  (BANK AS_OF)
	$(ATTRITION) train --bank $(BANK) --as-of $(AS_OF)

promote: $(READY) ## approve a challenger as a second person; it becomes champion  (BANK BUNDLE BY)
	$(ATTRITION) promote --bank $(BANK) --bundle "$(BUNDLE)" --by "$(BY)"

policy: $(READY) ## compare the policy that fills the lists with its challenger; approve that one, or return  (BANK USE BY BACK)
	$(ATTRITION) policy --bank $(BANK) --use "$(USE)" --by "$(BY)" $(if $(BACK),--back)

rollback: $(READY) ## return to the champion before the present one  (BANK BY)
	$(ATTRITION) rollback --bank $(BANK) --by "$(BY)"

audit: $(READY) ## verify the audit log and the access log  (BANK HEAD ACCESS_HEAD)
	$(ATTRITION) audit --bank $(BANK) --head "$(HEAD)" --access-head "$(ACCESS_HEAD)"

new-access-log: $(READY) ## start a new access log, in somebody's name, where the one before was archived or lost  (BANK BY WHY)
	$(ATTRITION) new-access-log --bank $(BANK) --by "$(BY)" --why "$(WHY)"

backfill: $(READY) ## features of every Monday of a period, labels where matured  (BANK FROM TO)
	$(ATTRITION) backfill --bank $(BANK) --from $(FROM) --to $(TO)

tune: $(READY) ## search LightGBM's parameters over folds in time  (BANK AS_OF TRIALS SECONDS)
	$(ATTRITION) tune --bank $(BANK) --as-of $(AS_OF) --trials $(TRIALS) --seconds $(SECONDS)

mlflow: $(READY) ## every training run in the browser, on loopback: parameters, curves, charts  (BANK MLFLOW_PORT)
	$(ATTRITION) mlflow --bank $(BANK) --port $(MLFLOW_PORT)

ablation: $(READY) ## what each family of features is worth, out of time  (BANK AS_OF)
	$(ATTRITION) ablation --bank $(BANK) --as-of $(AS_OF)

learning-curve: $(READY) ## what a longer history is worth, out of time  (BANK AS_OF)
	$(ATTRITION) learning-curve --bank $(BANK) --as-of $(AS_OF)

report: $(READY) ## the page and card of the champion, or of MODEL, in full  (BANK MODEL)
	$(ATTRITION) report --bank $(BANK) --model "$(MODEL)"

backtest: $(READY) ## models of past Mondays: what they predicted, and who left  (BANK AS_OF ORIGINS)
	$(ATTRITION) backtest --bank $(BANK) --as-of $(AS_OF) --origins $(ORIGINS)

# A scheduler's Monday may come in between: the lease is held while features are written, no longer.
replay: $(READY) ## a past year week by week as it would have been run: who stood on a list in time  (BANK FROM TO)
	$(ATTRITION) replay --bank $(BANK) --from $(FROM) --to $(TO)

definitions: $(READY) ## what each definition of attrition would have found: a page to choose by  (BANK AS_OF)
	$(ATTRITION) definitions --bank $(BANK) --as-of $(AS_OF)

features-doc: $(READY) ## docs/features.md: every feature in words
	$(ATTRITION) features-doc --out docs/features.md

docs: $(READY) ## the documentation site in data/site, without a warning; serve it with DOCS_PORT  (DOCS_PORT)
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict
	@echo "data/site/index.html$(if $(DOCS_PORT),: http://127.0.0.1:$(DOCS_PORT))"
	$(if $(DOCS_PORT),$(PYTHON) -m http.server --bind 127.0.0.1 --directory data/site $(DOCS_PORT))

outcomes: $(READY) ## what became of the scores published for a Monday  (BANK AS_OF)
	$(ATTRITION) outcomes --bank $(BANK) --as-of $(AS_OF)

branch-report: $(READY) ## the month's workbook of the bank and of each branch, with charts  (BANK BRANCH LANGUAGE)
	$(ATTRITION) branch-report --bank $(BANK) --branch "$(BRANCH)" --language "$(LANGUAGE)"

mail: $(READY) ## mail each reader of a list a link, once; nothing about customers  (BANK AS_OF)
	$(ATTRITION) mail --bank $(BANK) --as-of $(AS_OF)

announce: $(READY) ## send the webhook the publications and roll-backs that it has not taken yet  (BANK)
	$(ATTRITION) announce --bank $(BANK)

read-outcomes: $(READY) ## record the outcomes typed into a workbook of lists  (BANK FILE CALLED_BY)
	$(ATTRITION) read-outcomes --bank $(BANK) --file "$(FILE)" --called-by "$(CALLED_BY)"

effect: $(READY) ## what being on the lists does: listed against the control group  (BANK)
	$(ATTRITION) effect --bank $(BANK)

campaign: $(READY) ## send what is approved and due, show each campaign; or propose, approve, refuse, withdraw one  (BANK FILE APPROVE REFUSE WITHDRAW BY WHY)
	$(ATTRITION) campaign --bank $(BANK) --file "$(FILE)" --approve "$(APPROVE)" --refuse "$(REFUSE)" \
	  --withdraw "$(WITHDRAW)" --by "$(BY)" --why "$(WHY)"

migrate: $(READY) ## take the score store to this software's version, rows and all  (BANK)
	$(ATTRITION) migrate --bank $(BANK)

rollback-run: $(READY) ## serve the run before the one that is served  (BANK)
	$(ATTRITION) rollback-run --bank $(BANK)

backup: OUT = data/$(BANK)/backup.db
backup: $(READY) ## the score store, as it is now, in a new file, checked  (BANK OUT)
	$(ATTRITION) backup --bank $(BANK) --out $(OUT)

restore: FROM = data/$(BANK)/backup.db
restore: $(READY) ## a backup in place of what the score store holds  (BANK FROM)
	$(ATTRITION) restore --bank $(BANK) --from $(FROM)

# The demo signs its own tokens; a bank names its identity provider in ATTRITION_TOKEN_JWKS (docs/access.md).
serve: $(READY) ## the score service on loopback  (BANK PORT WORKERS)
	$(ATTRITION) serve --bank $(BANK) --port $(PORT) --workers $(WORKERS)

token: $(READY) ## a token of the demo: crm, manager, branch_head, head_office, analyst, admin  (ROLE MANAGER BRANCH HOURS)
	@$(ATTRITION) token "$(ROLE)" --manager "$(MANAGER)" --branch "$(BRANCH)" --hours=$(HOURS)

bench: bench-features bench-model bench-serve bench-lists ## every benchmark

bench-features: $(BENCH) ## the features engine beside other tools and two floors: data/bench/features.json  (BENCH_ARGS)
	.venv-bench/bin/python -m benchmarks.features $(BENCH_ARGS)

bench-ingest: $(READY) ## an ingest beside DuckDB's own COPY of the same files, sorted: data/bench/ingest.json  (BENCH_INGEST_ARGS)
	$(PYTHON) -m benchmarks.ingest $(BENCH_INGEST_ARGS)

bench-model: $(READY) ## training and scoring beside LightGBM alone: data/bench/model.json  (BENCH_MODEL_ARGS)
	$(PYTHON) -m benchmarks.model $(BENCH_MODEL_ARGS)

bench-lists: $(READY) ## money the lists keep beside three other ways, and the effect page put to the test: data/bench/lists.json  (BENCH_LISTS_ARGS)
	$(PYTHON) -m benchmarks.lists $(BENCH_LISTS_ARGS)

bench-calls: $(READY) ## what calls keep by the truth, beside an oracle and the best seen: data/bench/calls.json  (BENCH_CALLS_ARGS)
	$(PYTHON) -m benchmarks.calls $(BENCH_CALLS_ARGS)

bench-monday: $(READY) ## the weekly run of a large bank, step by step beside floors: data/bench/monday.json  (BENCH_MONDAY_ARGS)
	$(PYTHON) -m benchmarks.monday $(BENCH_MONDAY_ARGS)

bench-gates: $(READY) ## good and planted weeks of three made-up banks before the gates: data/bench/gates.json  (BENCH_GATES_ARGS)
	$(PYTHON) -m benchmarks.gates $(BENCH_GATES_ARGS)

bench-alive: $(READY) ## bookings alone: the model beside BG/NBD and two rules on three logs: data/bench/alive.json  (BENCH_ALIVE_ARGS)
	$(PYTHON) -m benchmarks.alive $(BENCH_ALIVE_ARGS)

bench-pages: $(READY) ## pages of a bank with a million customers: data/bench/pages.json, bank_page.json  (BENCH_PAGES_ARGS)
	$(PYTHON) -m benchmarks.pages $(BENCH_PAGES_ARGS)
	$(PYTHON) -m benchmarks.bank_page

bench-serve: $(READY) ## one customer's risk over HTTP beside bare FastAPI and MLflow's server: data/bench/serve.json  (BENCH_SERVE_ARGS)
	$(PYTHON) -m benchmarks.serve $(BENCH_SERVE_ARGS)

check: style types ## ruff and mypy

style: $(READY)
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: $(READY)
	.venv/bin/mypy

format: $(READY) ## let ruff correct what it can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

lock: $(READY) ## pin every dependency anew, with hashes and without any index address
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
	  --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	echo "apache-airflow-core==3.3.* apache-airflow-providers-standard" | tr " " "\n" | \
	  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header - -o deploy/airflow/requirements.lock

picture: $(READY) ## docs/list.png: the longest list of the demo bank (needs libreoffice and poppler)
	docs/picture.sh data/demo/lists/$(AS_OF) docs/list.png

screenshots: $(READY) ## docs/page-*.png: pages of the demo bank (needs chromium)
	PYTHONPATH=. $(PYTHON) docs/screenshots.py

clean: ## remove the environment and all artefacts
	rm -rf .venv .venv-bench .venv-airflow data .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(READY): requirements.lock
	@python3 -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "Python 3.11 or newer is needed; found $$(python3 --version)."; exit 1; }
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check $(UV)
	.venv/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements.lock
	.venv/bin/uv pip install --quiet --python $(PYTHON) --offline --no-deps --editable .
	@touch $@

# Tools that only the benchmarks need, on top of .venv; without dependencies, so that nothing there is shadowed.
PURELIB := -c "import sysconfig; print(sysconfig.get_path('purelib'))"
$(BENCH): $(READY)
	.venv/bin/uv venv --quiet --clear --python $(PYTHON) .venv-bench
	$(PYTHON) $(PURELIB) > $$(.venv-bench/bin/python $(PURELIB))/main.pth
	.venv/bin/uv pip install --quiet --python .venv-bench/bin/python --no-deps polars==2.1.0 \
	  polars-runtime-32==2.1.0 featuretools==1.31.0 woodwork==0.31.0 importlib-resources==7.1.0 \
	  tqdm==4.70.1 holidays==0.109 psutil==7.2.2 cloudpickle==3.1.2 chdb==4.4.0 chdb-core==26.9.0 \
	  datafusion==55.0.0
	@touch $@

# The Airflow that deploy/airflow is tested with; none of it is the project's own.
$(AIRFLOW): $(READY) deploy/airflow/requirements.lock
	.venv/bin/uv venv --quiet --clear --python $(PYTHON) .venv-airflow
	.venv/bin/uv pip install --quiet --python .venv-airflow/bin/python --require-hashes \
	  -r deploy/airflow/requirements.lock
	@touch $@
