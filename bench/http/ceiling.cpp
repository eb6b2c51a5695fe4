// The most that libpq gives: settings and call in one pipeline flush and one Sync, over blocking connections, without HTTP.
//   ceiling DATABASE CONNECTIONS SECONDS get_task|create_task|search_tasks|list_tasks
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

const char *kSettings = "SELECT set_config($1,$2,true),set_config($3,$4,true),set_config($5,$6,true),set_config($7,$8,true),"
                        "set_config($9,$10,true),set_config($11,$12,true),set_config($13,$14,true)";

struct Work {
    const char *sql;
    std::vector<std::string> values; // # stands for a number that changes from call to call, as in rpc.lua
    int numbers = 1;
};

Work work_of(const std::string &name) {
    if (name == "get_task")
        return {"SELECT row_to_json(t)::text FROM api.get_task($1::int) t", {"#"}, 10000};
    if (name == "create_task")
        return {"SELECT row_to_json(t)::text FROM api.create_task($1::text,$2::text) t", {"Printer", "Stuck"}};
    if (name == "search_tasks")
        return {"SELECT row_to_json(t)::text FROM api.search_tasks($1::text) t", {"printer driver #"}, 97};
    return {"SELECT row_to_json(t)::text FROM api.list_tasks() t", {}};
}

void client(const std::string &database, const Work &work) {
    PGconn *connection = PQconnectdb(("user=bench_web dbname=" + database).c_str());
    PQclear(PQprepare(connection, "s", kSettings, 0, nullptr));
    // Parsing needs the right to the schema, which only the role has.
    PQclear(PQexec(connection, "SET ROLE bench_agent"));
    PQclear(PQprepare(connection, "c", work.sql, 0, nullptr));
    PQclear(PQexec(connection, "RESET ROLE"));
    const char *settings[] = {"search_path", "api, public", "request.method", "GET", "request.path", "/rpc/get_task",
                              "request.headers", "{\"host\":\"localhost\",\"authorization\":\"Bearer\"}", "request.jwt.claims",
                              "{\"role\":\"bench_agent\",\"sub\":\"user1\"}", "app.current_user_id", "user1", "role", "bench_agent"};
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
        PQsendQueryPrepared(connection, "s", 14, settings, nullptr, nullptr, 1);
        PQsendQueryPrepared(connection, "c", int(pointers.size()), pointers.data(), nullptr, nullptr, 1);
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
