// The most that libpq gives: the service's statements in one pipeline flush and one Sync, over blocking connections, without HTTP.
//   ceiling DATABASE CONNECTIONS SECONDS FUNCTION
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <libpq-fe.h>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<bool> running{true};
std::atomic<long> done{0}, failed{0};

// What the service sends before a call, in the same words.
const char *kSettings =
    "SELECT pg_catalog.num_nulls(pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('request.method', $2, true), "
    "pg_catalog.set_config('request.path', $3, true), pg_catalog.set_config('request.headers', $4, true), "
    "pg_catalog.set_config('request.cookies', $5, true), pg_catalog.set_config('request.jwt.claims', $6, true), "
    "pg_catalog.set_config('app.request_id', $7, true), pg_catalog.set_config('app.current_user_id', $8, true), "
    "pg_catalog.set_config('role', $9, true)";
const char *kReads = ", pg_catalog.set_config('transaction_read_only', $10, true)";
// What it reads after one, with the call where that returns one row.
const char *kResponse = "nullif(pg_catalog.current_setting('response.headers', true), ''), "
                        "nullif(pg_catalog.current_setting('response.status', true), '')";

struct Work {
    std::string call;
    std::vector<std::string> values; // # stands for a number that changes from call to call, as in rpc.lua
    int numbers = 1;
    bool set = false, writes = false;
};

Work work_of(const std::string &name) {
    if (name == "create_task")
        return {"create_task(\"title\" := $1::text, \"description\" := $2::text)", {"Printer", "Stuck"}, 1, false, true};
    if (name == "search_tasks")
        return {"search_tasks(\"query\" := $1::text)", {"printer driver #"}, 97, true};
    if (name == "list_tasks")
        return {"list_tasks()", {}, 1, true};
    return {name + "(\"task_id\" := $1::integer)", {"#"}, 10000};
}

void prepare(PGconn *connection, const char *name, const std::string &sql) {
    PGresult *result = PQprepare(connection, name, sql.c_str(), 0, nullptr);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        ++failed;
    PQclear(result);
}

void client(const std::string &database, const Work &work) {
    PGconn *connection = PQconnectdb(("user=bench_web dbname=" + database).c_str());
    prepare(connection, "s", kSettings + std::string(work.writes ? "" : kReads) + ")");
    // Parsing needs the right to the schema, which only the role has.
    PQclear(PQexec(connection, "SET ROLE bench_agent"));
    std::string response = std::string(", ") + kResponse;
    prepare(connection, "c", "SELECT pg_catalog.row_to_json(t)::text" + (work.set ? "" : response) +
                                 " FROM (SELECT f.* FROM api." + work.call + " AS f) AS t");
    prepare(connection, "r", "SELECT NULL::text" + response);
    PQclear(PQexec(connection, "RESET ROLE"));
    const char *settings[] = {"\"api\", \"public\"", work.writes ? "POST" : "GET", "/rpc/a_function",
                              "{\"host\":\"127.0.0.1:30000\",\"authorization\":\"Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
                              "eyJzdWIiOiJ1c2VyMSIsInJvbGUiOiJiZW5jaF9hZ2VudCIsImlhdCI6MS43OTU1NDc0NTJFOSwiZXhwIjoxNzk1NTUxMDUyfQ."
                              "5Zta782YqTFw-A8qZSBYxB5dOf1fH9Auiy1e7dGGHm8\"}", "{}",
                              "{\"sub\":\"user1\",\"role\":\"bench_agent\",\"iat\":1.795547452E9,\"exp\":1795551052}",
                              "938fe2a6c49874df31f20486ab71c443", "user1", "bench_agent", "on"};
    PQenterPipelineMode(connection);
    std::vector<std::string> values(work.values.size());
    std::vector<const char *> pointers(work.values.size());
    for (int number = 0; running; number = (number + 1) % work.numbers) {
        for (size_t i = 0; i < values.size(); ++i) {
            values[i] = work.values[i];
            if (auto at = values[i].find('#'); at != std::string::npos)
                values[i].replace(at, 1, std::to_string(number + 1));
            pointers[i] = values[i].c_str();
        }
        PQsendQueryPrepared(connection, "s", work.writes ? 9 : 10, settings, nullptr, nullptr, 1);
        PQsendQueryPrepared(connection, "c", int(pointers.size()), pointers.data(), nullptr, nullptr, 1);
        if (work.set)
            PQsendQueryPrepared(connection, "r", 0, nullptr, nullptr, nullptr, 1);
        PQpipelineSync(connection);
        bool sound = true, synced = false;
        while (!synced && PQstatus(connection) == CONNECTION_OK) {
            PGresult *result = PQgetResult(connection);
            synced = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
            sound = sound && (!result || synced || PQresultStatus(result) == PGRES_TUPLES_OK);
            PQclear(result);
        }
        ++(sound ? done : failed);
    }
    PQfinish(connection);
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    std::vector<std::thread> threads;
    Work work = work_of(argv[4]);
    auto started = std::chrono::steady_clock::now();
    for (int i = 0; i < std::atoi(argv[2]); ++i)
        threads.emplace_back(client, argv[1], work);
    std::this_thread::sleep_for(std::chrono::milliseconds(int(std::atof(argv[3]) * 1000)));
    running = false;
    for (auto &thread : threads)
        thread.join();
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    std::printf("%.0f %ld\n", double(done) / seconds, failed.load());
}
