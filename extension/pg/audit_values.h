// Column values for the log: compared, and written as JSON or text in a form that no session setting changes.
// Everything here may raise a PostgreSQL error unless it says otherwise: use it inside call().
#pragma once

#include "pg/audit_json.h"

extern "C" {
#include <access/attnum.h>
#include <access/tupdesc.h>
#include <pgtime.h>
}

namespace ticketflow::pg::audit {

enum class Kind : uint8 {
    boolean,
    integer,
    real,
    numeric,
    text,
    datetime,
    json,     // kept as its text: a json may hold what jsonb refuses
    jsonb,
    texts,    // an array of texts
    document, // other arrays and row types, through to_jsonb
    output,   // any other type: its output function's text
};

enum class Policy : uint8 {
    record,
    redact,  // that it changed is recorded, what it was is not
    ignore,  // recorded beside other changes, no change of its own
    exclude, // absent
};

struct Column {
    AttrNumber attnum;
    JsonKey key;
    Oid type; // the base type of a domain
    Oid collation;
    int16 length;
    bool by_value;
    bool in_key;
    Kind kind;
    Policy policy;
    bool has_equality;
    bool needs_plain_names; // its text depends on search_path or lc_monetary
    FmgrInfo output;
    FmgrInfo equality;
    FmgrInfo to_document;
};

// Fills what depends on the column's type; function look-ups live in `context`.
void describe_column(Column &column, Form_pg_attribute attribute, MemoryContext context);

// Equal for the column's type: nothing is fetched from TOAST where the stored forms are the same.
bool same_value(const Column &column, Datum a, bool a_null, Datum b, bool b_null);

void add_value(JsonObject &object, const Column &column, Datum value, bool is_null);

// The value as `value::text` under the settings of PlainOutput.
char *value_text(const Column &column, Datum value);

// ISO dates in UTC, shortest exact floats, hexadecimal bytes, PostgreSQL intervals, while it lives. Never raises.
class PlainOutput {
  public:
    PlainOutput();
    ~PlainOutput();
    PlainOutput(const PlainOutput &) = delete;
    PlainOutput &operator=(const PlainOutput &) = delete;

  private:
    int date_style_, date_order_, interval_style_, float_digits_, bytes_;
    pg_tz *time_zone_;
};

// Looks UTC up, once.
void prepare_plain_output();

} // namespace ticketflow::pg::audit
