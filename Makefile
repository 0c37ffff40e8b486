# Everything that a person or CI does with the project. `make demo` and `make test` do all the
# set-up on a fresh Debian 12 machine.
KERNEL ?= 6.1
KERNELS := 6.1 6.12
MOCHA := node node_modules/mocha/bin/mocha.js
OUT := out
MINUTES ?= 30
SEED ?=
DEBUG_SOAK_MINUTES ?= 10

.PHONY: all setup node_modules kmod native dist programs demo test test-unit test-native test-vm \
	test-programs test-apps test-debug soak bench lint vagrant-test debug-kernel clean
.DELETE_ON_ERROR:

all: kmod native dist programs

setup:
	@vagrant/setup

node_modules: node_modules/.package-lock.json
node_modules/.package-lock.json: package.json package-lock.json | setup
	npm ci --no-audit --no-fund
	@touch $@

kmod: setup
	@for kernel in $(KERNELS); do kmod/build $$kernel || exit 1; done

native: setup node_modules
	@native/build

dist: node_modules
	@node_modules/.bin/tsc -p .

programs: dist
	@node build/dist/test/support/compile-programs.js

demo: all
	@scripts/demo --kernel $(KERNEL)

test: all
	@scripts/test

test-unit: all
	@scripts/test unit

test-native: all
	@scripts/test native

test-vm: all
	@scripts/test vm-$(KERNEL)

test-programs: all
	@vagrant/setup --programs
	@scripts/test programs

debug-kernel: setup
	@vagrant/setup --debug-kernel
	@vagrant/build-debug-kernel

test-apps: all
	@scripts/test apps-$(KERNEL)

# Both, even if the first fails; the last line is the soak's.
test-debug: all debug-kernel
	@kmod/build debug
	@scripts/test vm-debug; status=$$?; \
	  scripts/soak --kernel debug --minutes $(DEBUG_SOAK_MINUTES) $(SEED:%=--seed %) && exit $$status

soak: all $(if $(filter debug,$(KERNEL)),debug-kernel)
	@[ $(KERNEL) != debug ] || kmod/build debug
	@scripts/soak --kernel $(KERNEL) --minutes $(MINUTES) $(SEED:%=--seed %)

bench: all
	@scripts/bench --kernel $(KERNEL)

lint: node_modules
	@vagrant/setup --lint
	@scripts/lint

vagrant-test: all
	@vagrant/setup --vagrant
	@vagrant/test $(KERNEL)

clean:
	rm -rf build/dist build/kmod build/native build/programs $(OUT)
