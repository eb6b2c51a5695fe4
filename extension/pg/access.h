// Who acts: the person in whose name this session reads and writes.
#pragma once

#include "pg/bridge.h"

#include <optional>
#include <string_view>

namespace ticketflow::pg::access {

// The acting person's id on the desk in schema `desk` (InvalidOid: the engine's own view, see docs/access.md), or
// nothing where nobody may act. The view is good until the next call or the end of the transaction.
std::optional<std::string_view> current_user(Oid desk);

// Whether the login role may say in whose name it acts on that desk, and what kind of actor that is.
bool speaks_for_users(Oid desk);

// Grows whenever app.current_user_id is set, also by a rollback.
uint64 setting_changes();

void define_settings_key();
void init();

} // namespace ticketflow::pg::access
