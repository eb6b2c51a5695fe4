// The service describes itself: OpenAPI 3.1, or 2.0 for clients that ask for it.
#pragma once

#include "config.h"
#include "schema_cache.h"

#include <set>
#include <string>

namespace ticketflow::http {

// Only functions whose oid is in `callable`; nullptr describes all.
std::string describe_openapi3(const SchemaCache &cache, const Config &config, const std::string &schema,
                              const std::set<unsigned> *callable);
std::string describe_openapi2(const SchemaCache &cache, const Config &config, const std::string &schema,
                              const std::set<unsigned> *callable);

} // namespace ticketflow::http
