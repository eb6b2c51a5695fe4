// A blocking connection: what an import needs of libpq.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ticketflow::loader {

// What the server said, or that it is gone (then without SQLSTATE).
struct DatabaseError : std::runtime_error {
    DatabaseError(std::string code, const std::string &message, std::string more, std::string advice)
        : std::runtime_error(message), sqlstate(std::move(code)), detail(std::move(more)), hint(std::move(advice)) {}
    bool worth_retrying() const { return sqlstate.starts_with("40"); }
    const std::string sqlstate, detail, hint;
};

class Result {
  public:
    explicit Result(PGresult *result) : result_(result) {}
    int rows() const { return PQntuples(result_.get()); }
    std::string_view text(int row, int column) const {
        return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }
    long long number(int row, int column) const { return PQgetisnull(result_.get(), row, column) ? 0 : std::stoll(std::string(text(row, column))); }
    const PGresult *get() const { return result_.get(); }

  private:
    struct Clear {
        void operator()(PGresult *result) const { PQclear(result); }
    };
    std::unique_ptr<PGresult, Clear> result_;
};

class Database {
  public:
    // conninfo may be empty: then libpq's environment decides.
    explicit Database(const std::string &conninfo);
    Result run(const std::string &sql, const std::vector<std::optional<std::string>> &arguments = {});
    void copy_in(const std::string &sql, std::string_view rows);
    // Hands every chunk of COPY … TO STDOUT to `take`.
    template <class F> void copy_out(const std::string &sql, F &&take);
    std::string identifier(const std::string &name) const;

  private:
    struct Close {
        void operator()(PGconn *connection) const { PQfinish(connection); }
    };
    [[noreturn]] void fail(const PGresult *result) const;
    Result checked(PGresult *result, ExecStatusType wanted) const;
    std::unique_ptr<PGconn, Close> connection_;
};

template <class F> void Database::copy_out(const std::string &sql, F &&take) {
    checked(PQexec(connection_.get(), sql.c_str()), PGRES_COPY_OUT);
    char *chunk = nullptr;
    int size = 0;
    while ((size = PQgetCopyData(connection_.get(), &chunk, 0)) > 0) {
        const std::unique_ptr<char, decltype(&PQfreemem)> owner(chunk, PQfreemem);
        take(std::string_view(chunk, static_cast<std::size_t>(size)));
    }
    if (size == -2)
        fail(nullptr);
    checked(PQgetResult(connection_.get()), PGRES_COMMAND_OK);
    while (PGresult *rest = PQgetResult(connection_.get()))
        PQclear(rest);
}

} // namespace ticketflow::loader
