# The extension (PGXS). The service and the unit tests are built by CMakeLists.txt; tests run through scripts/check.
PG_CONFIG ?= pg_config
EXTENSION  = ticketflow
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" ticketflow.control)
MODULE_big = ticketflow
OBJS       = $(patsubst %.cpp,%.o,$(sort $(wildcard extension/core/*.cpp extension/core/*/*.cpp extension/pg/*.cpp extension/pg/*/*.cpp)))

CREATE_SCRIPT = ticketflow--$(EXTVERSION).sql
DATA_built     = $(CREATE_SCRIPT)
DATA           = $(sort $(wildcard extension/sql/upgrade/ticketflow--*.sql))
DOCS           = $(sort $(wildcard docs/*.md))
EXTRA_CLEAN    = $(CREATE_SCRIPT) $(OBJS:.o=.d) build

WERROR       ?= -Werror
SERVER_INCLUDE := $(shell $(PG_CONFIG) --includedir-server)
PG_CPPFLAGS  = -Iextension -MMD -MP
PG_CXXFLAGS  = -std=c++20 -O2 -ffp-contract=off -Wall -Wextra -Wshadow=local $(WERROR)
SHLIB_LINK   = -lstdc++ -lcrypto
override with_llvm := no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

ifneq ($(shell command -v ccache),)
CXX := ccache $(CXX)
endif

# The core must not see PostgreSQL: its objects are compiled without the server's include path.
extension/core/%.o: override CPPFLAGS = -Iextension -MMD -MP
extension/core/%.o: override CXXFLAGS += -fvisibility=hidden
extension/pg/%.o: override CPPFLAGS := $(subst -I$(SERVER_INCLUDE),-isystem $(SERVER_INCLUDE),$(CPPFLAGS))

$(CREATE_SCRIPT): scripts/install-script $(shell find extension/sql sql -name '*.sql' -o -type d)
	scripts/install-script > $@.tmp && mv $@.tmp $@

# A staged copy that a private cluster can load, without touching the system: test/with_pg uses it.
STAGE ?= build/stage
.PHONY: stage test
stage: all build/ticketflow_test.so
	@$(MAKE) --no-print-directory -s install DESTDIR=$(abspath $(STAGE))
	@$(INSTALL_SHLIB) build/ticketflow_test.so '$(abspath $(STAGE))$(pkglibdir)/'

# What the tests need of the inside: test/module, never installed.
build/ticketflow_test.so: $(wildcard test/module/*.cpp extension/pg/*.h) extension/pg/bridge.o
	@mkdir -p build
	$(CXX) $(CXXFLAGS) -fPIC -shared -Iextension -isystem $(SERVER_INCLUDE) -o $@ $(filter %.cpp %.o,$^)

test:
	scripts/check

-include $(OBJS:.o=.d)
