#include "import/database.h"

#include <algorithm>

namespace ticketflow::loader {
namespace {

std::string field(const PGresult *result, int code) {
    const char *const text = result == nullptr ? nullptr : PQresultErrorField(result, code);
    return text == nullptr ? std::string() : std::string(text);
}

} // namespace

Database::Database(const std::string &conninfo) {
    const char *const names[] = {"dbname", "fallback_application_name", "client_encoding", nullptr};
    const char *const values[] = {conninfo.c_str(), "ticketflow import", "UTF8", nullptr};
    connection_.reset(PQconnectdbParams(names, values, 1));
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        std::string message = PQerrorMessage(connection_.get());
        while (!message.empty() && message.back() == '\n')
            message.pop_back();
        throw DatabaseError("08006", message, {}, "Set --database, such as postgresql://user@host/name, or PGHOST and its kin.");
    }
    // Only what fails matters here; notices would break the progress line.
    PQsetNoticeProcessor(connection_.get(), [](void *, const char *) {}, nullptr);
    run("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0");
}

void Database::fail(const PGresult *result) const {
    std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty())
        message = PQerrorMessage(connection_.get());
    while (!message.empty() && message.back() == '\n')
        message.pop_back();
    throw DatabaseError(field(result, PG_DIAG_SQLSTATE), message, field(result, PG_DIAG_MESSAGE_DETAIL), field(result, PG_DIAG_MESSAGE_HINT));
}

Result Database::checked(PGresult *result, ExecStatusType wanted) const {
    Result owned(result);
    if (result == nullptr || PQresultStatus(result) != wanted)
        fail(result);
    return owned;
}

Result Database::run(const std::string &sql, const std::vector<std::optional<std::string>> &arguments) {
    PGresult *result = nullptr;
    if (arguments.empty()) {
        result = PQexec(connection_.get(), sql.c_str());
    } else {
        std::vector<const char *> values;
        for (const auto &argument : arguments)
            values.push_back(argument ? argument->c_str() : nullptr);
        result = PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0);
    }
    return checked(result, result != nullptr && PQresultStatus(result) == PGRES_COMMAND_OK ? PGRES_COMMAND_OK : PGRES_TUPLES_OK);
}

void Database::copy_in(const std::string &sql, std::string_view rows) {
    checked(PQexec(connection_.get(), sql.c_str()), PGRES_COPY_IN);
    constexpr std::size_t kChunk = 1 << 20;
    for (std::size_t at = 0; at < rows.size(); at += kChunk) {
        const std::string_view chunk = rows.substr(at, kChunk);
        if (PQputCopyData(connection_.get(), chunk.data(), static_cast<int>(chunk.size())) != 1)
            break; // the result says why
    }
    PQputCopyEnd(connection_.get(), nullptr);
    Result result(PQgetResult(connection_.get()));
    while (PGresult *rest = PQgetResult(connection_.get()))
        PQclear(rest);
    if (result.get() == nullptr || PQresultStatus(result.get()) != PGRES_COMMAND_OK)
        fail(result.get());
}

std::string Database::identifier(const std::string &name) const {
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted(PQescapeIdentifier(connection_.get(), name.data(), name.size()), PQfreemem);
    if (!quoted)
        fail(nullptr);
    return quoted.get();
}

} // namespace ticketflow::loader
