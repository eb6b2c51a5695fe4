// Values between SQL and C++: views into arguments, and results in PostgreSQL's memory.
#pragma once

#include "pg/bridge.h"
#include "pg/compat.h"

#include <string_view>

extern "C" {
#include <utils/builtins.h>
}

namespace ticketflow::pg {

// The bytes of a text argument, detoasted; valid for the current call.
inline std::string_view text_view(Datum value) {
    text *const packed = call([value] { return PG_DETOAST_DATUM_PACKED(value); });
    return {VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed)};
}

inline Datum make_text(std::string_view value) {
    return call([&value] {
        return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
    });
}

} // namespace ticketflow::pg
