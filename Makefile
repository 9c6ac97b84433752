# SPDX-License-Identifier: GPL-2.0-only
#
#	make			the module (for KDIR) and the tool
#	make tool		userspace/ferry alone; needs no kernel headers
#	make module KDIR=...	build/<kernel release>/ferry.ko
#	make C=2 W=1		the same under sparse with extra warnings
#	make check-fast		static checks and unit tests, no emulator
#	make check-data		real CPUs' dumps and other projects' expectations: FERRY_DATA=DIR
#	make check-debug	the kernel's own checkers (KASAN, lockdep, ...) on the module
#	make check-all		every test on every emulated CPU, for hours, and a table of it; RESUME=1 goes on
#	make check		everything, in emulated hosts; as root it installs what is missing
#	make bench demo demo-cross	see README.md
#	make cpuid-image	a bootable ISO that prints the dump of a machine's CPUs
#	make install uninstall	into the running system; DESTDIR and PREFIX are honoured
#
# Adding a file to module/, module/lib/, userspace/ or selftests/ needs no change here.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tool module modules-all tests unit setup check-fast check check-data check-debug check-all bench demo demo-cross cpuid-image \
	install uninstall clean FORCE
.DEFAULT_GOAL := all

BUILD := build
PREFIX ?= /usr/local
HOSTCC ?= cc
PYTHON ?= python3

# The running kernel if its headers are here, or else the newest Debian cloud kernel, 6.1 first.
cloud-headers = $(lastword $(shell ls -d /usr/src/linux-headers-$(1).*-cloud-amd64 2>/dev/null | sort -V))
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	$(call cloud-headers,6.1) $(call cloud-headers,6.12))

all: module tool

# --- the module -------------------------------------------------------------------------------
# Objects of several kernels coexist: each kernel builds from its own farm of links to the sources.

krelease = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(1)/include/generated/utsrelease.h 2>/dev/null)
farm := $(wildcard module uapi Kbuild)

module:
	@test -n "$(KDIR)" || { echo "No kernel headers found. Install linux-headers-cloud-amd64" \
		"or say make module KDIR=/path/to/headers; 'make tool' needs none." >&2; exit 1; }
	@test -n "$(call krelease,$(KDIR))" || { echo "KDIR=$(KDIR) holds no configured kernel" \
		"headers (include/generated/utsrelease.h is missing)." >&2; exit 1; }
	@$(MAKE) --no-print-directory build-module KREL=$(call krelease,$(KDIR))

.PHONY: build-module
build-module: OUT := $(BUILD)/$(KREL)
build-module:
	@mkdir -p $(OUT)/uapi
	@find $(OUT) -xtype l -delete
	@find $(farm) -type d -exec mkdir -p $(addprefix $(OUT)/,{}) \;
	@find $(farm) -type f ! -path '*/.*' ! -name '*.o' | while read -r f; do \
		test $(OUT)/$$f -ef $$f || ln -sf $(CURDIR)/$$f $(OUT)/$$f; done
	@$(MAKE) -C $(KDIR) M=$(CURDIR)/$(OUT) --no-print-directory \
		CONFIG_DEBUG_INFO_BTF_MODULES= $(if $(STRICT),W=1 KCFLAGS=-Werror) modules

# For both lab kernels, as far as their headers are installed; a warning is an error.
modules-all:
	@set -e; for k in $(call cloud-headers,6.1) $(call cloud-headers,6.12); do \
		$(MAKE) --no-print-directory strict-module KDIR=$$k; done

# objtool's and modpost's warnings stop nothing, and are said only once.
.PHONY: strict-module
strict-module:
	@mkdir -p $(BUILD)
	@log=$(BUILD)/$(call krelease,$(KDIR)).log; \
	flock $(BUILD) $(MAKE) --no-print-directory module STRICT=1 >$$log 2>&1; status=$$?; cat $$log; \
	! grep -q 'warning:' $$log || { rm -rf $(BUILD)/$(call krelease,$(KDIR)); exit 1; }; exit $$status

# --- userspace --------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Werror
CPPFLAGS_ALL = -D_GNU_SOURCE -Iuapi -Imodule -I/usr/include/libxml2 -MMD -MP $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 -O2 -g $(WARN) $(CFLAGS)
TOOL_LIBS := -ljson-c -lxml2 -lpthread
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

lib-srcs := $(wildcard module/lib/*.c module/lib/*/*.c)
user-srcs := $(wildcard userspace/*.c userspace/*/*.c)
tool-main := $(filter userspace/main.c,$(user-srcs))

$(BUILD)/user/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(HOSTCC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Iuserspace -c -o $@ $<

# The data files are carried in the program by .incbin, which the compiler's dependencies miss.
$(BUILD)/user/userspace/cpu_data.o $(BUILD)/asan/userspace/cpu_data.o: \
	$(wildcard userspace/data/* userspace/data/*/*)

$(BUILD)/asan/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC SAN  $<"
	@$(HOSTCC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(SANITIZE) -Iuserspace -Iselftests/unit -c -o $@ $<

# $(1): archive, $(2): objects. The list file makes a removed source rebuild the archive.
define archive
$(1): $(2) $(1).list
	@rm -f $$@
	@$$(AR) rcs $$@ $(2)
$(1).list: FORCE
	@mkdir -p $$(@D)
	@echo '$(2)' | cmp -s - $$@ || echo '$(2)' >$$@
endef

$(eval $(call archive,$(BUILD)/libferrylib.a,$(lib-srcs:%.c=$(BUILD)/user/%.o)))
$(eval $(call archive,$(BUILD)/asan/libferrylib.a,$(lib-srcs:%.c=$(BUILD)/asan/%.o)))
$(eval $(call archive,$(BUILD)/libferry.a,\
	$(patsubst %.c,$(BUILD)/user/%.o,$(filter-out $(tool-main),$(user-srcs)))))
$(eval $(call archive,$(BUILD)/asan/libferry.a,\
	$(patsubst %.c,$(BUILD)/asan/%.o,$(filter-out $(tool-main),$(user-srcs)))))

ifneq ($(tool-main),)
tool: userspace/ferry
else
tool: $(BUILD)/libferry.a $(BUILD)/libferrylib.a
endif

userspace/ferry: $(BUILD)/user/userspace/main.o $(BUILD)/libferry.a $(BUILD)/libferrylib.a
	@echo "  LD      $@"
	@$(HOSTCC) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

# --- tests ------------------------------------------------------------------------------------
# unit:  selftests/unit/test_*.c, run here, linked with lib and everything of the tool but main.c.
# lab:   selftests/{api,migrate,bench}/*.c, one program each, run inside an emulated host, linked
#        with selftests/lib/*.c. Scripts in these directories go into the host as they are.
# guest: selftests/guest/*.S, one flat binary each (linked at 0 unless a .lds stands beside it),
#        and selftests/guest/*.c, programs as above; *32.c are 32-bit ones without a libc.

unit-tests := $(patsubst selftests/unit/%.c,$(BUILD)/unit/%,$(wildcard selftests/unit/test_*.c))
unit-help := $(filter-out selftests/unit/test_%,$(wildcard selftests/unit/*.c))

$(BUILD)/unit/%: $(BUILD)/asan/selftests/unit/%.o $(unit-help:%.c=$(BUILD)/asan/%.o) \
		$(BUILD)/asan/libferry.a $(BUILD)/asan/libferrylib.a
	@mkdir -p $(@D)
	@$(HOSTCC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

# Native instructions run beside the emulator: no sanitizer, whose shadow memory wild pointers hit.
$(BUILD)/user/selftests/silicon/%.o: CPPFLAGS += -Iselftests/unit
$(BUILD)/silicon/test_insn_silicon: $(patsubst %.c,$(BUILD)/user/%.o,\
		$(wildcard selftests/silicon/*.c) selftests/unit/insn_names.c) $(BUILD)/libferrylib.a
	@mkdir -p $(@D)
	@$(HOSTCC) $(LDFLAGS) -o $@ $^

# A machine of lib alone, without the module.
$(BUILD)/user/selftests/pc/%.o: CPPFLAGS += -Iselftests/unit
$(BUILD)/pc/boot: $(patsubst %.c,$(BUILD)/user/%.o,\
		$(wildcard selftests/pc/*.c) selftests/unit/insn_names.c) \
		$(BUILD)/libferry.a $(BUILD)/libferrylib.a
	@mkdir -p $(@D)
	@$(HOSTCC) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

unit: $(unit-tests) $(BUILD)/silicon/test_insn_silicon $(BUILD)/pc/boot

lab-dirs := api guest migrate bench
guest32-srcs := $(wildcard selftests/guest/*32.c)
lab-srcs := $(filter-out $(guest32-srcs),$(foreach d,$(lab-dirs),$(wildcard selftests/$(d)/*.c)))
lab-progs := $(lab-srcs:%.c=$(BUILD)/%)
lab-scripts := $(foreach d,$(lab-dirs),$(wildcard selftests/$(d)/*.sh))
guest-bins := $(patsubst %.S,$(BUILD)/%.bin,$(wildcard selftests/guest/*.S))

$(eval $(call archive,$(BUILD)/selftests/libtest.a,\
	$(patsubst %.c,$(BUILD)/user/%.o,$(wildcard selftests/lib/*.c))))

$(BUILD)/user/selftests/%.o: CPPFLAGS += -Iselftests/lib -Iselftests/unit

# Guest programs go into guests, which have no shared libraries.
$(BUILD)/selftests/guest/%: LDFLAGS += -static

$(lab-progs): $(BUILD)/selftests/%: $(BUILD)/user/selftests/%.o $(BUILD)/selftests/libtest.a \
		$(BUILD)/libferrylib.a
	@mkdir -p $(@D)
	@$(HOSTCC) $(LDFLAGS) -o $@ $^ -lpthread

# 32-bit programs bring all they need, so that no 32-bit libraries are needed here.
$(guest32-srcs:%.c=$(BUILD)/%): $(BUILD)/%: %.c
	@mkdir -p $(@D)
	@echo "  CC 32   $<"
	@$(HOSTCC) -m32 -std=gnu11 -O2 $(WARN) -ffreestanding -fno-pie -fno-stack-protector -fcf-protection=none \
		-msse2 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -MMD -MP -o $@ $<

$(lab-scripts:%=$(BUILD)/%): $(BUILD)/%: %
	@mkdir -p $(@D)
	@install -m 755 $< $@

$(BUILD)/selftests/guest/%.elf: selftests/guest/%.S
	@mkdir -p $(@D)
	@echo "  AS      $<"
	@$(HOSTCC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -MMD -MP \
		-Wa,-I,selftests/guest -Iselftests/guest -Iuapi \
		$(if $(wildcard $(<:.S=.lds)),-Wl$(comma)-T$(comma)$(<:.S=.lds),-Wl$(comma)-Ttext=0) -o $@ $<
comma := ,

$(BUILD)/selftests/guest/%.bin: $(BUILD)/selftests/guest/%.elf
	@objcopy -O binary $< $@

$(BUILD)/selftests/lab/client: $(BUILD)/user/selftests/lab/client.o
	@mkdir -p $(@D)
	@$(HOSTCC) $(LDFLAGS) -static -o $@ $<

$(BUILD)/selftests/lab/steady.so: selftests/lab/steady.c
	@mkdir -p $(@D)
	@$(HOSTCC) -shared -fPIC -o $@ $<

tests: $(BUILD)/selftests/lab/client $(BUILD)/selftests/lab/steady.so
tests: unit $(lab-progs) $(guest32-srcs:%.c=$(BUILD)/%) $(guest-bins) $(lab-scripts:%=$(BUILD)/%)

# --- checks -----------------------------------------------------------------------------------
# Every check and test speaks TAP; selftests/run runs them, adds up and ends with one line of totals.

RUN := $(PYTHON) selftests/run --jobs $(shell nproc)
fast-checks := $(sort $(wildcard selftests/checks/fast-*))
slow-checks := $(sort $(wildcard selftests/checks/slow-*))

check-fast: tool tests
	@$(RUN) $(fast-checks) $(unit-tests)

setup:
	@.ci/setup

check: setup
	@$(MAKE) --no-print-directory -j$(shell nproc) modules-all tool tests
	@$(RUN) $(fast-checks) $(unit-tests) $(slow-checks) "selftests/lab/lab plan check"

# Every data-driven test, on FERRY_DATA/cpuid and FERRY_DATA/insn. Without sanitizers: half a million
# pairs of CPUs are compared.
ifndef FERRY_DATA
FERRY_DATA := ../shared/data
endif

$(BUILD)/data/cpu_data: $(patsubst %.c,$(BUILD)/user/%.o,$(wildcard selftests/data/*.c)) \
		$(BUILD)/libferry.a $(BUILD)/libferrylib.a
	@mkdir -p $(@D)
	@$(HOSTCC) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

check-data: $(BUILD)/data/cpu_data $(BUILD)/unit/test_insn_vectors $(BUILD)/unit/test_insn_286
	@FERRY_DATA=$(FERRY_DATA) selftests/data/run $(if $(filter file,$(origin FERRY_DATA)),--default) $^

# Hours: the whole of what check samples, and every test on every emulated CPU. With RESUME=1 not those rows of
# the matrix that went well with what is built now.
check-all: setup unit
	@$(MAKE) --no-print-directory -j$(shell nproc) modules-all tool tests
	@$(RUN) --timeout 200000 "env CASES=100000000 $(BUILD)/silicon/test_insn_silicon" \
		"env PC_ALL=1 selftests/checks/slow-pc" \
		"env FUZZ_SECONDS=240 selftests/checks/slow-fuzz" "selftests/checks/slow-dkms 6.1 6.12" \
		"selftests/checks/slow-state all" "selftests/checks/slow-cross all" \
		"selftests/lab/lab $(if $(RESUME),resume,plan) all"

# Under a kernel of our own with KASAN, lockdep, kmemleak and their like; building it takes half an hour.
check-debug: setup
	@$(MAKE) --no-print-directory module KDIR=$$(selftests/lab/debug-kernel)/build
	@$(MAKE) --no-print-directory -j$(shell nproc) tool tests
	@$(RUN) "selftests/lab/lab plan debug"

bench: setup
	@$(MAKE) --no-print-directory -j$(shell nproc) modules-all tool tests $(BUILD)/data/cpu_data
	@selftests/bench/run

# A medium that prints a machine's CPUs where no system is installed yet.
cpuid-image: setup tool
	@selftests/lab/cpuid-image $(BUILD)/cpuid

demo: setup
	@$(MAKE) --no-print-directory -j$(shell nproc) modules-all tool tests
	@selftests/lab/demo

# From an emulated Intel host to an emulated AMD host and back.
demo-cross: setup
	@$(MAKE) --no-print-directory -j$(shell nproc) modules-all tool tests
	@selftests/lab/demo cross

# --- installation -----------------------------------------------------------------------------

install: tool module
	@install -D -m 755 userspace/ferry $(DESTDIR)$(PREFIX)/bin/ferry
	@install -D -m 644 $(BUILD)/$(call krelease,$(KDIR))/ferry.ko \
		$(DESTDIR)/lib/modules/$(call krelease,$(KDIR))/updates/ferry.ko
	@test -n "$(DESTDIR)" || depmod $(call krelease,$(KDIR))

uninstall:
	@rm -f $(DESTDIR)$(PREFIX)/bin/ferry
	@rm -f $(DESTDIR)/lib/modules/$(call krelease,$(KDIR))/updates/ferry.ko
	@test -n "$(DESTDIR)" || depmod $(call krelease,$(KDIR))

# The package cache and the emulated hosts' base images stay: they took a download to make.
clean:
	@for d in $(filter-out $(BUILD)/cache,$(wildcard $(BUILD)/*)); do rm -rf $$d; done
	@rm -f userspace/ferry bench.json

-include $(shell find $(BUILD)/user $(BUILD)/asan $(BUILD)/selftests -name '*.d' 2>/dev/null)
