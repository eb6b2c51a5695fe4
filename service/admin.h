// The admin listener: /live, /ready, /metrics and /schema_cache.
#pragma once

#include "worker.h"

#include <vector>

namespace ticketflow::http {

Answer answer_admin(const Request &request, const std::vector<std::unique_ptr<Worker>> &workers, const Metrics &metrics);

} // namespace ticketflow::http
