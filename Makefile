# Every habit of this project is a target here; `make help` lists them.
#
# Variables: GO (the go command), ROOT (how to become root for the end-to-end
# tests, for example ROOT=sudo), RUN (which end-to-end tests, a regular
# expression), FAULTS (which faults, one too), APPS (which servers and programs), N (how often `make flaky` runs them), ARGS (what `make run` hands
# to the bridge).

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
MAKEFLAGS   += --no-print-directory

GO   ?= go
ROOT ?=
RUN  ?= .
N    ?= 20
ARGS ?=

# Where `make install` puts things; PROGRAM is the binary that it takes.
DESTDIR ?=
PREFIX  ?= /usr/local
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
PROGRAM ?= build/aes67-sink
ARCHES  ?= amd64 arm64
KEY     ?=

# The linters, each at the version that the tree is known to be clean with.
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
AXE         := axe-core@4.14.1
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || sed -n 's/^\#\# \([0-9.]*\) .*/\1/p' CHANGELOG.md | head -1 | grep . || echo unknown)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# Built like the program, most of which is not built anew for it then.
PLAIN   := CGO_ENABLED=0 $(GO) test -trimpath
# Without TLS no HTTP/2 is ever spoken: half a megabyte less to hold.
STATIC  := CGO_ENABLED=0 $(GO) build -trimpath -tags nethttpomithttp2 -ldflags '$(LDFLAGS)'

# UNIT are the packages whose tests need neither root nor a sound server of the
# desktop; the end-to-end tests are a rung of their own. SIMULATED are those of one
# goroutine alone (internal/arch: a test), in which the race detector finds nothing and
# makes simulations up to twenty times slower.
SIMULATED = ./drift ./ptp ./ptp/track ./slider
# Those that wait for long come first: the others run beside them.
UNIT = ./pulse ./volume ./ptp/port ./cmd/aes67-sink $$($(GO) list ./... | grep -vx -e '.*/test/e2e' $(SIMULATED:.%=-e '.*%'))
# No recipe calls make: it would then be run even by make --dry-run, all of it.
SIM_CLOCK = $(GO) test -count=1 -v -run TestScenarios ./ptp -args -hour | grep -v '^=== '
SHELL_SCRIPTS = .ci/run $$(find . -name "*.sh" -not -path "./build/*") packaging/debian/*.{pre,post}{inst,rm}

.DEFAULT_GOAL := help
.PHONY: help run build go packages test unit quick alloc metrics pictures lint golangci fuzz-short fuzz fuzz-discovery page-test lab faults apps film formats lab-trixie flaky \
	bench-first-sound bench-discovery bench-clock sim-clock sim-day fuzz-clock bench-latency bench-quality bench-cost bench-pages bench-recorder bench-streams bench-resample plots \
	fuzz-liveness test-arm64 golden deb release repository release-check package-test \
	install install-files uninstall clean ci

##@ Every day

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## hear it: the bridge on this desktop, or, where there is none, a whole demonstration
	scripts/run.sh $(ARGS)

build: go ## static binaries in build/
	@$(STATIC) -o build/aes67-sink ./cmd/aes67-sink
	$(STATIC) -o build/labtool ./internal/lab/labtool

quick: go ## format, vet and unit tests of what is not committed yet (20 s)
	@scripts/quick.sh

##@ Tests

test: packages unit alloc metrics lab ## everything that a change must pass: installs what is missing, then unit, alloc, metrics, lab (15 min on two busy cores)

unit: go ## unit tests under the race detector, simulations of one goroutine without; no root, no hardware
	@$(PLAIN) -timeout 10m $(SIMULATED)
	$(GO) test -race -timeout 10m -p $$(($$(nproc) * 2)) $(UNIT) # they wait for the most part

alloc: go ## zero-allocation tests, and long simulations of the pipeline, in a plain build
	@scripts/alloc.sh
	$(PLAIN) -count=1 ./bridge

metrics: go ## what the bridge answers at /metrics, read by Prometheus' own parser and linter (AES67_METRICS=URL: of a running bridge, too)
	@cd test/metrics && $(PLAIN) -count=1 ./...

pictures: packages build ## the pictures of docs/pictures, taken anew of a bridge that plays: page, sound settings, doctor, why (4 min; root, or ROOT=sudo)
	@scripts/install-packages.sh page pictures desktops
	(cd test/page && CGO_ENABLED=0 $(GO) build -o ../../build/shoot ./shoot)
	$(ROOT) scripts/pictures.sh

page-test: go build/axe ## the page in a headless browser: faults, restart, proxy, accessibility; pictures in build/page (4 min; LAB_FULL=1: 13 min)
	@scripts/install-packages.sh page
	cd test/page
	$(GO) vet ./...
	$(GO) test -count=1 -timeout 30m ./...

build/axe: # the judge of accessibility, for the tests alone
	@command -v npm >/dev/null || scripts/install-packages.sh npm
	mkdir -p build
	rm -rf build/axe.new
	mkdir build/axe.new
	npm pack --silent --pack-destination build/axe.new $(AXE)
	tar -xzf build/axe.new/*.tgz -C build/axe.new
	mv build/axe.new build/axe

lab: packages build ## end-to-end tests: namespaces, sound servers, ptp4l, ffmpeg, GStreamer (root, or ROOT=sudo; RUN=TestName)
	@scripts/e2e.sh -test.run '$(RUN)'

faults: packages build ## every fault that the lab can make, asked of status, page, doctor and why (FAULTS=regexp; FAULTS_UPDATE=1 writes docs/faults.md) (6 min)
	@FAULTS='$(or $(FAULTS),.)' scripts/e2e.sh -test.run '^Test(Faults|HealthyRun)'

formats: packages build ## each combination of rate, encoding, packet time, layout and channels, bit for bit in three receivers, as a table, and how packets of 125 us keep their time (10 min; root, or ROOT=sudo)
	@FORMATS=all scripts/e2e.sh -test.run '^Test(Formats|ShortPackets)'

apps: packages build ## programs play as docs/programs.md says, four sound servers, judged on the wire (APPS=regexp; APPS_UPDATE=1 writes the table there) (40 min, root)
	@scripts/install-packages.sh trixie apps
	$(ROOT) test/lab/trixie.sh make >/dev/null
	APPS='$(or $(APPS),.)' scripts/e2e.sh -test.run '^TestApps' -test.timeout 2h

film: packages build ## a film by mpv: when a flash is on the screen against when its click is heard, as docs/latency.md has it (7 min, root)
	@scripts/install-packages.sh trixie film
	$(ROOT) test/lab/trixie.sh make >/dev/null
	FILM=1 scripts/e2e.sh -test.run '^TestFilmsAreInStep$$'

lab-trixie: build ## the sound tests against Debian 13's PipeWire 1.4 and PulseAudio 17, in a tree of their own (root)
	@scripts/install-packages.sh run trixie
	tree=$$(test/lab/trixie.sh make)
	$(PLAIN) -c -o build/e2e.test ./test/e2e
	$(ROOT) test/lab/trixie.sh run "$$tree" scripts/e2e.sh -test.run '^(TestTwoReceiversHearLeftAndRight|TestSoundServerRestart|TestTermKillTwoInstances)$$'
	$(ROOT) scripts/e2e.sh -test.run '^TestPipeWireReceiver$$'

flaky: go build ## how often tests fail: N times those that RUN names, unit or end-to-end, as a table
	@scripts/flaky.sh '$(N)' '$(RUN)'

bench-first-sound: packages build ## the full figures (60 s and 120 s runs) as a table: measured beside its limit (15 min)
	@LAB_FULL=1 scripts/e2e.sh -test.run '$(RUN)'

fuzz-short: go ## each fuzz target for 10 s
	@scripts/fuzz.sh 10s

fuzz: go ## each fuzz target for 60 s
	@scripts/fuzz.sh 60s

fuzz-discovery: go ## the parsers of SAP, RTSP and SDP for five minutes each
	@scripts/fuzz.sh 5m '/(sap|rtsp|sdp)/'

bench-discovery: packages build ## the figures of discovery: recovery of Avahi and D-Bus, floods, contested groups, ten bridges (10 min)
	@LAB_FULL=1 scripts/e2e.sh -test.run '^(TestAvahiComesAndGoes|TestFloods|TestNeighbours|TestManyBridges|TestOneDescriptionAtATime)$$'

bench-latency: packages build ## from a program's write to the wire, beside PipeWire 1.4's own sender (8 min, with LAB_FULL=1 90 min; root)
	@scripts/install-packages.sh run trixie
	$(ROOT) test/lab/trixie.sh make >/dev/null
	LAB_BENCH=1 scripts/e2e.sh -test.run '^TestLatencyBesidePipeWire$$'

bench-quality: packages build ## purity, pitch and bit-exactness on the wire, each over 40 s or more (20 min, root)
	@LAB_FULL=1 scripts/e2e.sh -test.run '^(TestBitExact|TestExactComesAndGoes|TestPurity|TestOnePass)$$'

bench-cost: packages build build/pace ## CPU, wake-ups, memory and pacing beside a bare loop in C (8 min, LAB_FULL=1: 45 min; root)
	@scripts/install-packages.sh machines run trixie
	$(ROOT) test/lab/trixie.sh make >/dev/null
	scripts/e2e.sh -test.run '^TestCost$$'

bench-pages: packages build ## pacing and CPU of the sender with 8 pages open, beside none (4 min, LAB_FULL=1: 20 min; root)
	@scripts/e2e.sh -test.run '^TestPagesCostNoPacket$$'

bench-recorder: go ## what the flight recorder costs: each packet time, and each of four looks a second
	@$(GO) test -run '^$$' -bench 'Note|Record|Read|Take' ./bridge ./recorder ./internal/procstat ./daemon

bench-streams: go ## the sender's cost of a stream among 64 beside one of two, in turn, and whether 64 hold their instants (1 min)
	@$(GO) test -run '^$$' -bench Streams -benchtime 5x ./daemon

build/pace: test/peers/pace.c
	@mkdir -p build
	gcc -O2 -Wall -Wextra -o build/pace test/peers/pace.c

bench-resample: go build/resamplers ## the resampler beside those of others: quality, and CPU in turn (10 min)
	@$(GO) run ./internal/resamplebench

plots: go build/resamplers ## the plots of docs/resampler.md, made anew
	@$(GO) run ./internal/resamplebench -plots docs/resampler

build/resamplers: test/peers/resamplers.cc
	@scripts/install-packages.sh peers
	mkdir -p build
	g++ -O2 -Wall -Wextra -o build/resamplers test/peers/resamplers.cc -lsamplerate -lsoxr -lspeexdsp -lzita-resampler

test-arm64: go ## the arithmetic of arm64 under qemu-user
	@scripts/install-packages.sh deb
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -exec qemu-aarch64-static -run 'Arithmetic|Recorded|Pushed|Panic' ./resample

bench-clock: packages ## the clock against the truth, beside ptp4l: error, rate, time to lock, one-hour scenarios (50 min, root)
	@$(GO) test -c -trimpath -o build/ptp.test ./ptp/port
	(cd ptp/port && $(ROOT) ../../build/ptp.test -test.timeout 2h -test.run 'TestClockFigures|TestLockFigures|TestServeFigures' -rounds 5)
	$(SIM_CLOCK)

sim-clock: go ## every scenario of the clock for one simulated hour
	@$(SIM_CLOCK)

sim-day: go ## a day at a desk: when packets are sent, as a table
	@$(GO) test -count=1 -v -run TestADayAtADesk ./daemon | grep -v '^=== '

fuzz-clock: go ## ten million messages into the PTP engine
	@$(GO) test -count=1 -v -run TestMutatedMessagesDoNoHarm ./ptp -args -messages 10000000

fuzz-liveness: go ## ten thousand simulated desks that go wrong: sound comes back after each (10 min)
	@$(GO) test -count=1 -timeout 1h -run TestSoundAlwaysComesBack ./bridge -args -liveness 10000

golden: go ## refresh the golden files; read the diff
	@$(GO) test $$(grep -rlE --include='*_test.go' 'flag\.Bool\("update"' . | xargs -rn1 dirname | sort -u) -update
	git --no-pager diff --stat

##@ Checks

lint: go ## gofumpt, vet, staticcheck, shellcheck, the import law, the metainfo
	@echo gofumpt
	unformatted=$$($(GO) run $(GOFUMPT) -l .)
	[[ -z $$unformatted ]] || { printf 'not formatted (gofumpt -w):\n%s\n' "$$unformatted"; exit 1; }
	echo vet; $(GO) vet ./...
	echo staticcheck; $(GO) run $(STATICCHECK) ./...
	echo shellcheck; shellcheck $(SHELL_SCRIPTS)
	echo imports; $(GO) test ./internal/arch
	if command -v appstreamcli >/dev/null; then echo metainfo; appstreamcli validate --no-net packaging/aes67-sink.metainfo.xml; fi

golangci: go ## every linter of .golangci.yml
	@$(GO) run $(GOLANGCI) run ./...

ci: lint golangci test fuzz-short ## what every change must pass; page-test, faults and the figures are asked for by name

##@ Package

deb: go ## Debian packages for amd64 and arm64 in build/deb/, checked with lintian (ARCHES=amd64 for one)
	@scripts/install-packages.sh deb
	scripts/deb.sh $(ARCHES)

release: go ## release the last commit: changelog, tag, and packages, source, checksums in build/release/ (VERSION=x.y.z; KEY=gpg key or home: apt repository too)
	@scripts/install-packages.sh deb
	scripts/release.sh "$(VERSION)" "$(KEY)"

repository: ## build/release/apt, the apt repository of the release made last (KEY=gpg key or home)
	@scripts/install-packages.sh deb
	scripts/repository.sh build/release "$(KEY)"

release-check: go ## build the last commit's packages and source twice and compare them bit for bit (5 min)
	@scripts/install-packages.sh deb
	scripts/release.sh --compare

package-test: deb ## the package in whole machines with systemd, Debian 12 and 13 (root, 10 min)
	@scripts/install-packages.sh run lab machines
	VERSION=0.0.1 OUT=build/deb-old scripts/deb.sh "$$(dpkg --print-architecture)"
	$(ROOT) scripts/e2e.sh -test.run '^TestPackage'

install: install-files ## what `make build` made, into DESTDIR and PREFIX (/usr/local), for other distributions; then setcap it
	@[[ -n "$(DESTDIR)" ]] || setcap cap_net_bind_service+ep "$(PREFIX)/bin/aes67-sink" || \
		echo "make: no capability, so no PTP: setcap cap_net_bind_service+ep $(PREFIX)/bin/aes67-sink" >&2

# DOCUMENTS are those that link one another, and their pictures.
DOCUMENTS = $(filter-out CHANGELOG.md,$(wildcard *.md docs/*.md $(addprefix docs/,adr/* buffer/* grafana/* pictures/* resampler/*)))

# FILES are what is installed: source, then where to below the root.
FILES = \
	$(PROGRAM):$(PREFIX)/bin/aes67-sink:755 \
	docs/man/aes67-sink.1:$(PREFIX)/share/man/man1/aes67-sink.1 \
	docs/man/aes67-sink.toml.5:$(PREFIX)/share/man/man5/aes67-sink.toml.5 \
	packaging/completions/aes67-sink.bash:$(PREFIX)/share/bash-completion/completions/aes67-sink \
	packaging/completions/_aes67-sink:$(ZSH_COMPLETIONS)/_aes67-sink \
	packaging/completions/aes67-sink.fish:$(PREFIX)/share/fish/vendor_completions.d/aes67-sink.fish \
	packaging/aes67-sink.metainfo.xml:$(PREFIX)/share/metainfo/aes67-sink.metainfo.xml \
	packaging/config.toml:$(PREFIX)/share/doc/aes67-sink/examples/config.toml \
	$(foreach document,$(DOCUMENTS),$(document):$(PREFIX)/share/doc/aes67-sink/$(document)) \
	packaging/udev.rules:$(PREFIX)/lib/udev/rules.d/60-aes67-sink.rules \
	packaging/firewall/firewalld.xml:$(PREFIX)/lib/firewalld/services/aes67-sink.xml \
	packaging/firewall/ufw:/etc/ufw/applications.d/aes67-sink

install-files:
	@[[ -x "$(PROGRAM)" ]] || { echo "make: no $(PROGRAM) to install: run make build first, without sudo: root often has no go command" >&2; exit 1; }
	for file in $(FILES); do
		IFS=: read -r from to mode <<<"$$file"
		install -D -m "$${mode:-644}" "$$from" "$(DESTDIR)$$to"
	done
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/user"
	sed 's|/usr/bin/|$(PREFIX)/bin/|' systemd/aes67-sink.service >"$(DESTDIR)$(PREFIX)/lib/systemd/user/aes67-sink.service"
	chmod 644 "$(DESTDIR)$(PREFIX)/lib/systemd/user/aes67-sink.service"

uninstall: ## remove what `make install` put there
	@for file in $(FILES) :$(PREFIX)/lib/systemd/user/aes67-sink.service; do
		IFS=: read -r from to mode <<<"$$file"
		rm -f "$(DESTDIR)$$to"
	done
	[[ ! -d "$(DESTDIR)$(PREFIX)/share/doc/aes67-sink" ]] || find "$(DESTDIR)$(PREFIX)/share/doc/aes67-sink" -depth -type d -empty -delete

clean: ## remove what was built (the package cache of go and the Debian 13 tree stay)
	rm -rf build dist

go: # a clear word where Go is missing
	@command -v $(GO) >/dev/null || { echo "make: no go command: install Go 1.26 or newer (https://go.dev/dl)" >&2; exit 1; }

packages: # what the tests need of Debian
	@scripts/install-packages.sh run test lab
