# docq: `make serve` and `make test` are all that a newcomer needs.

DATA ?= $(HOME)/.local/share/docq
PORT ?= 8080
BUILD = .build/release
APT = libpoppler-glib-dev libcairo2-dev libopenblas-dev libsqlite3-dev libcurl4-openssl-dev zlib1g-dev pkg-config \
      poppler-data fonts-liberation libqpdf-dev libtesseract-dev libleptonica-dev tesseract-ocr tesseract-ocr-eng tesseract-ocr-deu \
      tesseract-ocr-fra
# The browser that opens the web page, the TeX that compiles papers and what makes and checks certificates, in the tests.
TEST_APT = curl openssl chromium-headless-shell texlive-latex-base texlive-latex-recommended
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
SWIFT_SOURCES = Package.swift Sources Tests

# Installs those of the Debian packages $(1) that are missing.
define install
missing=""; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then echo "installing:$$missing"; \
  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; fi
endef

.PHONY: help deps test-deps build serve test format lint bench soak clean

help:
	@echo "make serve    install what is missing, build, start docq on http://127.0.0.1:$(PORT)"
	@echo "make test     install what is missing, build, check the format, run all tests"
	@echo "make build    release build into $(BUILD)"
	@echo "make format   rewrite the sources in the house style"
	@echo "make soak     the long reliability runs, about 45 minutes (results: docs/reliability.md)"
	@echo "make bench    measure against peers (needs Python 3 with venv)"

deps:
	@command -v swift >/dev/null || { echo "docq needs Swift 6.1 or newer: https://www.swift.org/install/linux"; exit 1; }
	@$(call install,$(APT))

test-deps: deps
	@$(call install,$(TEST_APT))

build: deps
	swift build -c release

serve: build
	$(BUILD)/docq serve --data "$(DATA)" --port $(PORT)

# Numeric code is far too slow without optimisation, so the tests run in the release configuration.
test: test-deps lint
	swift build -c release --build-tests
	swift test -c release --skip-build

format:
	swift format format --in-place --recursive --parallel $(SWIFT_SOURCES)

lint:
	swift format lint --strict --recursive --parallel $(SWIFT_SOURCES)

# Short versions of these are part of `make test`.
soak: test-deps
	swift build -c release --build-tests
	Benchmarks/Reliability/run

bench: build
	Benchmarks/run

clean:
	swift package clean
