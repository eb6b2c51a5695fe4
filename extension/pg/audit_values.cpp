#include "pg/audit_values.h"

#include "core/audit/instant.h"
#include "core/audit/sha256.h"

extern "C" {
#include <access/detoast.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/bytea.h>
#include <utils/date.h>
#include <utils/datetime.h>
#include <utils/datum.h>
#include <utils/float.h>
#include <utils/fmgroids.h>
#include <utils/fmgrprotos.h>
#include <utils/guc.h>
#include <utils/json.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

#include <cmath>
#include <cstring>
#include <utility>

namespace ticketflow::pg::audit {
namespace {

// What one value, and what one row, may weigh in the log before its digest stands in for it: a jsonb ends at 256 MB.
constexpr size_t kLargestValue = 64 * 1024 * 1024;
constexpr size_t kLargestRow = 160 * 1024 * 1024;
constexpr char kRedacted[] = "[redacted]";

pg_tz *utc;

// Whether values of a type are, or hold, values of a type that `wanted` says.
bool holds(Oid type, bool (*wanted)(Oid)) {
    type = getBaseType(type);
    if (wanted(type))
        return true;
    const Oid element = get_element_type(type);
    if (OidIsValid(element))
        return holds(element, wanted);
    if (get_typtype(type) != TYPTYPE_COMPOSITE)
        return type == RECORDOID || type == RECORDARRAYOID;
    TupleDesc row = lookup_rowtype_tupdesc_copy(type, -1);
    for (int i = 0; i < row->natts; ++i)
        if (!TupleDescAttr(row, i)->attisdropped && holds(TupleDescAttr(row, i)->atttypid, wanted))
            return true;
    return false;
}

// to_jsonb() of a json inside an array or a row fails for what jsonb refuses, and a log must not refuse a write.
bool is_json(Oid type) { return type == JSONOID; }

// Types whose text depends on search_path or lc_monetary.
bool is_named_by_path(Oid type) {
    return type == REGCLASSOID || type == REGPROCOID || type == REGPROCEDUREOID || type == REGOPEROID || type == REGOPERATOROID ||
           type == REGTYPEOID || type == REGCOLLATIONOID || type == REGCONFIGOID || type == REGDICTIONARYOID || type == CASHOID;
}

Kind kind_of(Oid type) {
    switch (type) {
    case BOOLOID: return Kind::boolean;
    case INT2OID:
    case INT4OID:
    case INT8OID: return Kind::integer;
    case FLOAT4OID:
    case FLOAT8OID: return Kind::real;
    case NUMERICOID: return Kind::numeric;
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID: return Kind::text;
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID: return Kind::datetime;
    case JSONOID: return Kind::json;
    case JSONBOID: return Kind::jsonb;
    case TEXTARRAYOID:
    case VARCHARARRAYOID: return Kind::texts;
    default: break;
    }
    const bool many = OidIsValid(get_element_type(type)) || get_typtype(type) == TYPTYPE_COMPOSITE;
    return many && !holds(type, is_json) ? Kind::document : Kind::output;
}

void add_bounded_string(JsonObject &object, const Column &column, const char *text, size_t length) {
    if (length <= kLargestValue && object.stored_bytes() + length <= kLargestRow) {
        object.add_string(column.key, text, length);
        return;
    }
    const core::audit::Digest digest = core::audit::sha256({text, length});
    char hexadecimal[2 * sizeof(digest) + 1];
    hex_encode(reinterpret_cast<const char *>(digest.data()), sizeof(digest), hexadecimal);
    hexadecimal[2 * sizeof(digest)] = '\0';
    char *const stand_in = psprintf("[%zu bytes, SHA-256 %s]", length, hexadecimal);
    object.add_string(column.key, stand_in, strlen(stand_in));
}

void add_real(JsonObject &object, const Column &column, Datum value) {
    const double number = column.type == FLOAT4OID ? static_cast<double>(DatumGetFloat4(value)) : DatumGetFloat8(value);
    const char *const text = value_text(column, value);
    if (!std::isfinite(number) || (number == 0 && std::signbit(number))) {
        object.add_string(column.key, text, strlen(text));
        return;
    }
    object.add_numeric(column.key, DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
                                                                       ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

void add_varlena_text(JsonObject &object, const Column &column, Datum value) {
    varlena *const text = PG_DETOAST_DATUM_PACKED(value);
    add_bounded_string(object, column, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

} // namespace

void describe_column(Column &column, Form_pg_attribute attribute, MemoryContext context) {
    column.attnum = attribute->attnum;
    column.length = attribute->attlen;
    column.by_value = attribute->attbyval;
    column.collation = attribute->attcollation;
    column.type = getBaseType(attribute->atttypid);
    column.kind = kind_of(column.type);
    column.needs_plain_names = holds(column.type, is_named_by_path);
    Oid output;
    bool is_varlena;
    getTypeOutputInfo(column.type, &output, &is_varlena);
    fmgr_info_cxt(output, &column.output, context);
    // Two texts that a collation or citext calls equal are still two texts to a reader of the log.
    char category;
    bool preferred;
    get_type_category_preferred(column.type, &category, &preferred);
    TypeCacheEntry *const entry = lookup_type_cache(column.type, TYPECACHE_EQ_OPR_FINFO);
    column.has_equality = OidIsValid(entry->eq_opr) && category != TYPCATEGORY_STRING && column.type != JSONBOID;
    if (column.has_equality)
        fmgr_info_cxt(entry->eq_opr_finfo.fn_oid, &column.equality, context);
    if (column.kind == Kind::document || column.kind == Kind::texts) {
        fmgr_info_cxt(F_TO_JSONB, &column.to_document, context);
        Node *const argument = reinterpret_cast<Node *>(makeNullConst(column.type, -1, InvalidOid));
        fmgr_info_set_expr(reinterpret_cast<Node *>(makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument), InvalidOid,
                                                                 InvalidOid, COERCE_EXPLICIT_CALL)),
                           &column.to_document);
    }
}

bool same_value(const Column &column, Datum a, bool a_null, Datum b, bool b_null) {
    if (a_null || b_null)
        return a_null == b_null;
    if (datumIsEqual(a, b, column.by_value, column.length))
        return true;
    if (column.length == -1 && datum_image_eq(a, b, false, -1))
        return true;
    if (!column.has_equality)
        return false;
    FmgrInfo *const equality = const_cast<FmgrInfo *>(&column.equality);
    return DatumGetBool(FunctionCall2Coll(equality, column.collation, a, b));
}

namespace {

// Names are written as if the path were empty, money as if in no country. An error puts the settings back, too.
int begin_plain_names() {
    const int level = NewGUCNestLevel();
    for (const auto &[name, value] : {std::pair{"search_path", "pg_catalog"}, std::pair{"lc_monetary", "C"}})
        (void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    return level;
}

// What JsonEncodeDateTime() writes, under the settings of PlainOutput.
void add_datetime(JsonObject &object, const Column &column, Datum value) {
    constexpr int64 kEpoch = static_cast<int64>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    static_assert(core::audit::kLongestInstant + sizeof "+00:00" < MAXDATELEN);
    char buffer[MAXDATELEN + 1];
    size_t length = 0;
    if (column.type != DATEOID && !TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
        length = core::audit::write_instant(DatumGetTimestamp(value) + kEpoch, buffer);
    if (length == 0) {
        JsonEncodeDateTime(buffer, value, column.type, nullptr);
        length = strlen(buffer);
    } else if (column.type == TIMESTAMPTZOID) {
        memcpy(buffer + length, "+00:00", 6);
        length += 6;
    }
    object.add_string(column.key, buffer, length);
}

// False where to_jsonb() must do it: arrays of arrays, and what is too large.
bool add_texts(JsonObject &object, const Column &column, Datum value) {
    ArrayType *const array = DatumGetArrayTypeP(value);
    if (ARR_NDIM(array) > 1 || VARSIZE(array) > kLargestValue || object.stored_bytes() + VARSIZE(array) > kLargestRow)
        return false;
    Datum *values;
    bool *nulls;
    int count;
    deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &values, &nulls, &count);
    object.add_texts(column.key, values, nulls, count);
    return true;
}

void add_known_value(JsonObject &object, const Column &column, Datum value) {
    switch (column.kind) {
    case Kind::boolean: object.add_bool(column.key, DatumGetBool(value)); return;
    case Kind::integer:
        object.add_integer(column.key, column.length == 2   ? DatumGetInt16(value)
                                       : column.length == 4 ? DatumGetInt32(value)
                                                            : DatumGetInt64(value));
        return;
    case Kind::real: add_real(object, column, value); return;
    case Kind::numeric: {
        Numeric const number = DatumGetNumeric(value);
        if (!numeric_is_nan(number) && !numeric_is_inf(number)) {
            object.add_numeric(column.key, number);
            return;
        }
        break;
    }
    case Kind::text:
    case Kind::json: add_varlena_text(object, column, value); return;
    case Kind::datetime: add_datetime(object, column, value); return;
    case Kind::texts:
        if (add_texts(object, column, value))
            return;
        [[fallthrough]];
    case Kind::document:
    case Kind::jsonb: {
        // A compressed or external value of the row must stay the row's: work on a copy.
        const Datum source = column.kind == Kind::jsonb
                                 ? value
                                 : FunctionCall1(const_cast<FmgrInfo *>(&column.to_document), value);
        Jsonb *const document = DatumGetJsonbP(source);
        if (VARSIZE(document) <= kLargestValue && object.stored_bytes() + VARSIZE(document) <= kLargestRow) {
            object.add_document(column.key, document);
            return;
        }
        break;
    }
    case Kind::output: break;
    }
    const char *const text = value_text(column, value);
    add_bounded_string(object, column, text, strlen(text));
}

} // namespace

void add_value(JsonObject &object, const Column &column, Datum value, bool is_null) {
    if (is_null) {
        object.add_null(column.key);
        return;
    }
    if (column.policy == Policy::redact) {
        object.add_string(column.key, kRedacted, sizeof kRedacted - 1);
        return;
    }
    if (column.needs_plain_names) {
        const int level = begin_plain_names();
        add_known_value(object, column, value);
        AtEOXact_GUC(true, level);
        return;
    }
    add_known_value(object, column, value);
}

char *value_text(const Column &column, Datum value) {
    if (column.kind == Kind::boolean)
        return pstrdup(DatumGetBool(value) ? "true" : "false");
    if (column.kind == Kind::text)
        return TextDatumGetCString(value);
    if (!column.needs_plain_names)
        return OutputFunctionCall(const_cast<FmgrInfo *>(&column.output), value);
    const int level = begin_plain_names();
    char *const text = OutputFunctionCall(const_cast<FmgrInfo *>(&column.output), value);
    AtEOXact_GUC(true, level);
    return text;
}

void prepare_plain_output() {
    if (!utc)
        utc = pg_tzset("UTC");
}

PlainOutput::PlainOutput()
    : date_style_(DateStyle), date_order_(DateOrder), interval_style_(IntervalStyle), float_digits_(extra_float_digits),
      bytes_(bytea_output), time_zone_(session_timezone) {
    DateStyle = USE_ISO_DATES;
    DateOrder = DATEORDER_YMD;
    IntervalStyle = INTSTYLE_POSTGRES;
    extra_float_digits = 1;
    bytea_output = BYTEA_OUTPUT_HEX;
    if (utc)
        session_timezone = utc;
}

PlainOutput::~PlainOutput() {
    DateStyle = date_style_;
    DateOrder = date_order_;
    IntervalStyle = interval_style_;
    extra_float_digits = float_digits_;
    bytea_output = bytes_;
    session_timezone = time_zone_;
}

} // namespace ticketflow::pg::audit
