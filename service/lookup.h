// Which function does a request mean? Decided by name and the names of the arguments, as PostgREST does.
#pragma once

#include "schema_cache.h"

#include <set>

namespace ticketflow::http {

// What stands in the body of a POST; `none` is GET, HEAD, forms and CSV.
enum class RawBody { none, json, text, xml, binary };

// Returns the only match. Throws Error: PGRST202 (404) with a hint, PGRST203 (300) where several match.
const Function &find_function(const SchemaCache &cache, const std::string &schema, const std::string &name,
                              const std::set<std::string> &argument_names, RawBody body);

// 1 for equal texts, 0 for entirely different ones (edit distance over the longer length).
double similarity(std::string_view a, std::string_view b);

} // namespace ticketflow::http
