# green-ml: one Makefile for everything; run it from this folder.
#
#   make [DEVELOPER=1] [VARIANT=debug] [SANITIZE=address,undefined] [CC=clang] [V=1]
#   make deps | check | test | demo | torture | bench | fuzz [FUZZ_SECONDS=60] |
#        data-flights | format | lint | install | clean
#   make images | cluster | cluster-down | e2e
#
# Everything that is made lies in build/<variant>/: obj/, lib/, bin/, unit/, test-logs/. Sources are found by
# wildcard, so a new file needs no line here; a folder may be empty. <folder>/<folder>.c holds main() of a program,
# its other files are modules and go into lib/<folder>.a.

PROGRAMS := data-fetch preprocessing model-training model-api scheduler

# Programs of one file each; they are linked with every archive.
SINGLE := data/generate.c database/register.c $(wildcard tests/bench/*.c tests/integration/*.c)

# What measures the forest, a folder of its own among the benchmarks, linked with every archive too.
BENCH := $(wildcard tests/bench/bench-forest/*.c)

# Libraries by pkg-config name: what every program needs through common/, and what each adds.
COMMON_PACKAGES         := libpq libcurl jansson zlib libcrypto
data-fetch_PACKAGES     :=
preprocessing_PACKAGES  :=
model-training_PACKAGES :=
model-api_PACKAGES      := libmicrohttpd
scheduler_PACKAGES      :=
PACKAGES := $(sort $(COMMON_PACKAGES) $(foreach p,$(PROGRAMS),$($(p)_PACKAGES)))

# More archives of a program, should it ever need another one's modules: model-api_ARCHIVES := scheduler
$(foreach p,$(PROGRAMS),$(eval $(p)_ARCHIVES ?=))

# --- variant: release, debug, asan (SANITIZE=...), each also as *-clang so that objects never mix -----------------
ifeq ($(origin CC),default)
CC := gcc
endif
SANITIZE ?=
VARIANT ?= $(if $(findstring address,$(SANITIZE)),asan,$(if $(SANITIZE),$(firstword $(subst $(comma), ,$(SANITIZE)))san,release))
comma := ,
BUILD ?= build
O := $(BUILD)/$(VARIANT)$(if $(findstring clang,$(CC)),-clang)

OPTIMIZE_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPTIMIZE_debug   := -O0 -g3
OPTIMIZE := $(or $(OPTIMIZE_$(VARIANT)),-O1 -g)
ifneq ($(SANITIZE),)
OPTIMIZE := -O1 -g -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wwrite-strings -Wformat=2 -Wshadow -Wundef \
	-Wpointer-arith
# pkg-config runs at the first use, not when "make deps" or "make clean" only reads this file.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE -ffp-contract=off -pthread $(OPTIMIZE) $(WARNINGS) -I. $(PACKAGE_CFLAGS) \
	$(CPPFLAGS) $(CFLAGS)
LINK = $(CC) -pthread $(OPTIMIZE) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed
libraries = $(shell pkg-config --libs $(1)) -lm $(LDLIBS)

# The version: the CHANGELOG's newest, and the commit where git knows it. A container build passes VERSION=.
GIT_COMMIT := $(if $(wildcard .git),$(shell git describe --always --dirty --exclude '*' 2>/dev/null))
VERSION ?= $(shell sed -n 's/^\#\# \[\([0-9][^]]*\)\].*/\1/p' CHANGELOG.md | head -n 1)$(addprefix +,$(GIT_COMMIT))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $@)

# --- what there is ---------------------------------------------------------------------------------------------
modules   = $(filter-out $(1)/$(1).c,$(wildcard $(1)/*.c))
objects   = $(patsubst %.c,$(O)/obj/%.o,$(1))
PRESENT  := $(foreach p,$(PROGRAMS),$(if $(wildcard $(p)/$(p).c),$(p)))
SINGLE   := $(wildcard $(SINGLE))
UNIT     := $(wildcard tests/unit/test_*.c)
FUZZ     := $(wildcard tests/fuzz/fuzz_*.c)
BINARIES := $(PRESENT:%=$(O)/bin/%) $(foreach s,$(SINGLE),$(O)/bin/$(basename $(notdir $(s)))) \
	$(if $(BENCH),$(O)/bin/bench-forest)
TESTS    := $(UNIT:tests/unit/%.c=$(O)/unit/%)
FUZZERS  := $(FUZZ:tests/fuzz/%.c=$(O)/fuzz/%)
ARCHIVES := $(PROGRAMS:%=$(O)/lib/%.a) $(O)/lib/libcommon.a
SOURCES  := $(sort $(wildcard $(PROGRAMS:%=%/*.c) common/*.c) $(SINGLE) $(BENCH) $(UNIT) $(wildcard tests/fuzz/*.c))

.PHONY: $(PROGRAMS) all unit fuzzers deps check test demo torture bench fuzz data-flights format lint clean install FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BINARIES)
unit: $(TESTS)
fuzzers: $(FUZZERS)
$(PRESENT): %: $(O)/bin/%

# --- rules -----------------------------------------------------------------------------------------------------
$(O)/obj/%.o: %.c $(O)/flags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(if $(DEVELOPER),-Werror) -MMD -MP -c $< -o $@

# Written anew only when the compiler or a flag changes, and then everything is compiled again.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@command -v $(CC) >/dev/null && pkg-config --exists $(PACKAGES) || \
		{ echo 'green-ml: the compiler or a library is missing; run "make deps"' >&2; exit 1; }
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

$(O)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(O)/obj/common/version.o: $(O)/version
$(O)/obj/common/version.o: private CPPFLAGS += -DGREEN_ML_VERSION='"$(VERSION)"'

# What is taken in as it stands.
$(O)/obj/model-api/openapi.o: docs/openapi.json

$(O)/lib/%.a:
	$(call say,AR)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)
$(O)/lib/libcommon.a: $(call objects,$(wildcard common/*.c))

define PROGRAM
$(O)/lib/$(1).a: $(call objects,$(call modules,$(1)))
$(O)/bin/$(1): $(call objects,$(1)/$(1).c) $(O)/lib/$(1).a $($(1)_ARCHIVES:%=$(O)/lib/%.a) $(O)/lib/libcommon.a
	$$(call say,LINK)
	@mkdir -p $$(@D)
	$(Q)$$(LINK) -o $$@ $$^ $$(call libraries,$$(COMMON_PACKAGES) $$($(1)_PACKAGES))
endef
$(foreach p,$(PROGRAMS),$(eval $(call PROGRAM,$(p))))

link_with_all = $(Q)$(LINK) -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(call libraries,$(1))
define SINGLE_PROGRAM
$(O)/bin/$(basename $(notdir $(1))): $(call objects,$(1)) $(ARCHIVES)
	$$(call say,LINK)
	@mkdir -p $$(@D)
	$$(call link_with_all,$$(PACKAGES))
endef
$(foreach s,$(SINGLE),$(eval $(call SINGLE_PROGRAM,$(s))))

$(O)/bin/bench-forest: $(call objects,$(BENCH)) $(ARCHIVES)
	$(call say,LINK)
	@mkdir -p $(@D)
	$(call link_with_all,$(PACKAGES))

$(O)/unit/%: $(O)/obj/tests/unit/%.o $(ARCHIVES)
	$(call say,LINK)
	@mkdir -p $(@D)
	$(call link_with_all,$(PACKAGES) cmocka)

# A fuzz target: libFuzzer drives it with SANITIZE=fuzzer,..., else it runs the inputs that are kept.
$(O)/fuzz/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(if $(findstring fuzzer,$(SANITIZE)),,$(O)/obj/tests/fuzz/corpus.o) $(ARCHIVES)
	$(call say,LINK)
	@mkdir -p $(@D)
	$(call link_with_all,$(PACKAGES))

-include $(SOURCES:%.c=$(O)/obj/%.d)

# --- targets for people ----------------------------------------------------------------------------------------
# They call make again, because only "deps" may have brought the compiler and the libraries.
AGAIN = +$(MAKE) --no-print-directory DEVELOPER=1 $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
FAST := $(wildcard tests/cases/*.sh tests/integration/[0-4]*.sh)
SLOW := $(wildcard tests/integration/[5-9]*.sh)
TORTURE := $(filter-out %/steps.sh,$(wildcard tests/torture/*.sh))
STORIES := $(wildcard tests/e2e/[01]*.sh)
FAULTS  := $(wildcard tests/e2e/[2-9]*.sh) tests/cluster/selftest.sh
# Needs no cluster, but its programs: where they are built it is quick.
YAML     = $(shell tests/cluster/cluster cache >/dev/null 2>&1 && echo tests/checks/yaml.sh)
# One more than there are processors: tests wait for what they start.
RUN   = tests/run --logs $(O)/test-logs --jobs $(or $(TEST_JOBS),$(shell echo $$(($$(nproc) + 1))))
A    := $(BUILD)/asan
ASAN := SANITIZE=address,undefined
# Alone, after all others; prepare says what there is, or why they are skipped. Whatever happens, no cluster stays.
ON_CLUSTER = --group e2e --jobs 1 --limit 1800 BIN=$(abspath $(O)/bin) BUILD=$(abspath $(BUILD)) "$$(cat $(O)/cluster)"
NO_CLUSTER_STAYS = status=$$?; tests/e2e/prepare --end; exit $$status
ASAN_ENVIRONMENT := BIN=$(abspath $(A)/bin) ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

deps:
	@tests/deps build test

check:
	@tests/deps build test
	$(AGAIN) all unit
	@$(RUN) BIN=$(abspath $(O)/bin) $(TESTS) $(FAST) $(YAML)

test:
	@tests/deps build test lint metrics
	$(AGAIN) all unit
	$(AGAIN) $(ASAN) VARIANT=asan CC=gcc all unit fuzzers
	@tests/e2e/prepare >$(O)/cluster
	@$(RUN) BIN=$(abspath $(O)/bin) $(TESTS) $(FAST) $(SLOW) $(wildcard tests/checks/*.sh) \
		--group sample SOAK_S=10 KILL_POINTS=12 RESTART_POINTS=3 TWICE_ROUNDS=3 $(TORTURE) \
		--group asan $(ASAN_ENVIRONMENT) $(UNIT:tests/unit/%.c=$(A)/unit/%) \
		$(FUZZ:tests/fuzz/%.c=$(A)/fuzz/%) $(FAST) $(SLOW) \
		$(ON_CLUSTER) $(STORIES); $(NO_CLUSTER_STAYS)

demo:
	@tests/deps build test
	$(AGAIN) all
	@BIN=$(O)/bin KEEP=$(KEEP) metrics/demo

# The long fault runs, of which "make test" takes a sample, and those on a cluster: about three quarters of an hour.
torture:
	@tests/deps build test metrics
	$(AGAIN) all
	@tests/e2e/prepare >$(O)/cluster
	@tests/run --logs $(O)/test-logs --limit 7200 BIN=$(abspath $(O)/bin) $(TORTURE) $(ON_CLUSTER) $(FAULTS); $(NO_CLUSTER_STAYS)

# Minutes each; they measure this machine, so nothing of it is a test.
bench:
	@tests/deps build test bench
	$(AGAIN) all
	@BIN=$(abspath $(O)/bin) tests/bench/forest --picture $(BUILD)/bench-forest.svg
	@BIN=$(abspath $(O)/bin) tests/bench/api
	@BIN=$(abspath $(O)/bin) tests/bench/fetch
	@BIN=$(abspath $(O)/bin) tests/bench/weeks
	@BIN=$(abspath $(O)/bin) tests/bench/ticks
	@BIN=$(abspath $(O)/bin) tests/bench/cells
	@$(O)/bin/looks && $(O)/bin/looks --rows 20000 --days 52 && $(O)/bin/looks --reference 2000 && $(O)/bin/looks --accuracy 0.97

FUZZ_SECONDS ?= 60
fuzz:
	@tests/deps build fuzz
	$(AGAIN) CC=clang VARIANT=fuzz SANITIZE=fuzzer,address,undefined fuzzers
	@tests/fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZ:tests/fuzz/%.c=$(BUILD)/fuzz-clang/fuzz/%)

# A real Kubernetes with Argo on this machine, as root: see tests/cluster/README.md.
# With green-ml in it: "argo submit --wait pipeline/full-pipeline.yaml -p n_rows=100000" is what comes next.
.PHONY: images cluster cluster-down e2e
images:
	@pipeline/images

cluster:
	@tests/deps build test cluster
	@tests/cluster/cluster build
	@tests/cluster/cluster up
	@BUILD=$(BUILD) pipeline/local

cluster-down:
	@tests/cluster/cluster down

# All that "make test" and "make torture" do on a cluster, and nothing else.
e2e:
	@tests/deps build test metrics
	$(AGAIN) all
	@tests/e2e/prepare >$(O)/cluster
	@tests/run --logs $(O)/test-logs $(ON_CLUSTER) $(STORIES) $(FAULTS); $(NO_CLUSTER_STAYS)

# Real data: see data/README.md. Needs python3 with pip, and the network the first time.
data-flights:
	@data/flights --output $(BUILD)/data/flights.csv

FORMATTED = $(shell git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
format:
	clang-format -i $(wildcard $(FORMATTED))

lint:
	@tests/run --logs $(O)/test-logs --verbose tests/checks/lint.sh

PREFIX ?= /usr/local
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install $(PRESENT:%=$(O)/bin/%) $(wildcard $(O)/bin/register) $(DESTDIR)$(PREFIX)/bin

clean:
	rm -rf $(BUILD)
