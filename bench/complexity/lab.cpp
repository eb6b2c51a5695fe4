// Trains and measures complexity models outside the database, on ../shared/data; see bench/complexity/run.
//   lab tune FILE              what constants are chosen on: only rows marked train, and of them the newest fifth of three spans
//   lab tune-cold FILE         the same for a project never seen: learn on the others' rows marked train, measure on its own
//   lab incidents FILE         fields without text: learn on the oldest four fifths, report on the newest
//   lab tune-incidents FILE    the same five times inside the oldest four fifths, as time goes on
//   lab effort FILE            per project: learn on the rows marked train, report on val (error, rank correlation)
//   lab cold FILE              leave one project out: rank correlation of a model that never saw the project
//   lab ship FILE OUT SHA256   trains the shipped model on the rows marked train, writes it as C++ text
//   lab speed FILE             scores a second, and how long training on all tickets takes
#include "core/complexity/fit.h"
#include "core/complexity/statistics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

using namespace ticketflow::core::complexity;

namespace {

struct Ticket {
    std::string project, title, body;
    double effort;
    bool held_out;
};

std::vector<std::string> cells_of(const std::string &line) {
    std::vector<std::string> cells;
    for (std::size_t from = 0;;) {
        const auto tab = line.find('\t', from);
        cells.push_back(line.substr(from, tab - from));
        if (tab == std::string::npos)
            return cells;
        from = tab + 1;
    }
}

std::vector<Ticket> read_tickets(const char *path) {
    std::ifstream in(path);
    if (!in) {
        std::fprintf(stderr, "lab: cannot read %s\n", path);
        std::exit(2);
    }
    std::vector<Ticket> tickets;
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
        const auto cells = cells_of(line);
        tickets.push_back({cells[0], cells[5], cells[6], std::stod(cells[4]), cells[3] == "val"});
    }
    return tickets;
}

double seconds() {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string> projects_of(const std::vector<Ticket> &tickets) {
    std::vector<std::string> names;
    for (const Ticket &t : tickets)
        if (names.empty() || names.back() != t.project)
            names.push_back(t.project);
    return names;
}

FitOptions options(bool cold) {
    FitOptions o;
    o.bits = cold ? 16 : 18;
    o.group_field = "project";
    o.effort_unit = "points";
    o.new_groups = cold;
    return o;
}

template <class Keep> Model train(const std::vector<Ticket> &tickets, bool cold, FitReport &report, Keep keep) {
    Trainer trainer(options(cold));
    for (const Ticket &t : tickets)
        if (keep(t)) {
            const Detail project{"project", t.project, {}};
            trainer.add(t.title, t.body, std::span(&project, 1), t.effort);
        }
    return trainer.fit(report);
}

void effort(const std::vector<Ticket> &tickets) {
    FitReport report;
    const double from = seconds();
    const Model model = train(tickets, false, report, [](const Ticket &t) { return !t.held_out; });
    std::printf("trained in %.1f s; %s; %zu bytes\n", seconds() - from, report.json().c_str(), model.encode().size());
    Scorer scorer;
    double ratios = 0, rhos = 0, raw_rhos = 0, mae = 0, base = 0, n = 0;
    const auto names = projects_of(tickets);
    std::printf("%-20s %6s %9s %9s %6s %6s\n", "project", "val", "MAE", "median's", "ratio", "rho");
    for (const auto &name : names) {
        std::vector<double> actual, score, raw, learned;
        for (const Ticket &t : tickets)
            if (t.project == name && !t.held_out)
                learned.push_back(t.effort);
        const double middle = median(learned);
        double mine = 0, theirs = 0;
        for (const Ticket &t : tickets) {
            if (t.project != name || !t.held_out)
                continue;
            const Detail project{"project", t.project, {}};
            const auto s = scorer.score(model, t.title, t.body, std::span(&project, 1), false);
            actual.push_back(t.effort);
            score.push_back(s->score);
            raw.push_back(s->sum);
            mine += std::fabs(t.effort - s->effort->at(s->sum));
            theirs += std::fabs(t.effort - middle);
        }
        const double rho = spearman(score, actual);
        std::printf("%-20s %6zu %9.3f %9.3f %6.3f %6.3f\n", name.c_str(), actual.size(), mine / static_cast<double>(actual.size()),
                    theirs / static_cast<double>(actual.size()), mine / theirs, rho);
        ratios += mine / theirs;
        mae += mine / static_cast<double>(actual.size());
        base += theirs / static_cast<double>(actual.size());
        rhos += rho;
        raw_rhos += spearman(raw, actual);
        n += 1;
    }
    std::printf("%-20s %6s %9.3f %9.3f %6.3f %6.3f (unrounded sum %.3f)\n", "mean", "", mae / n, base / n, ratios / n, rhos / n, raw_rhos / n);
}

void tune(const std::vector<Ticket> &tickets) {
    std::map<std::string, int> size;
    for (const Ticket &t : tickets)
        size[t.project] += !t.held_out;
    double rho = 0, ratio = 0;
    for (const double until : {0.6, 0.8, 1.0}) {
        std::map<std::string, int> at;
        FitReport report;
        train(tickets, false, report, [&](const Ticket &t) { return !t.held_out && at[t.project]++ < until * size[t.project]; });
        std::printf("oldest %.0f %%: %s\n", 100 * until, report.json().c_str());
        rho += report.rank_correlation / 3;
        ratio += report.error_ratio / 3;
    }
    std::printf("mean rho %.4f, mean ratio %.4f\n", rho, ratio);
}

// Learns on the rows marked train of all other projects; `held_out`: measures on the rows marked val, else on train.
void cold(const std::vector<Ticket> &tickets, bool held_out) {
    double rhos = 0, n = 0;
    for (const auto &name : projects_of(tickets)) {
        FitReport report;
        const Model model = train(tickets, true, report, [&](const Ticket &t) { return !t.held_out && t.project != name; });
        Scorer scorer;
        std::vector<double> actual, score;
        for (const Ticket &t : tickets) {
            if (t.project != name || t.held_out != held_out)
                continue;
            actual.push_back(t.effort);
            score.push_back(scorer.score(model, t.title, t.body, {}, false)->score);
        }
        const double rho = spearman(score, actual);
        std::printf("%-20s %6zu rho %6.3f\n", name.c_str(), actual.size(), rho);
        std::fflush(stdout);
        rhos += rho;
        n += 1;
    }
    std::printf("mean rho %.4f\n", rhos / n);
}

struct Incident {
    std::vector<Detail> details;
    double hours;
    bool missed;
};

std::vector<Incident> read_incidents(const char *path) { // in the order of the file, which is that of opening
    std::ifstream in(path);
    std::vector<std::string> head;
    std::vector<Incident> incidents;
    for (std::string line; std::getline(in, line);) {
        const auto cells = cells_of(line);
        if (head.empty()) {
            head = cells;
            continue;
        }
        Incident one;
        for (std::size_t c = 0; c < cells.size(); ++c) {
            if (head[c] == "resolve_hours")
                one.hours = std::stod(cells[c]);
            else if (head[c] == "made_sla_final")
                one.missed = cells[c] != "True";
            else if (c >= 3 && c < 16) // known at opening
                one.details.push_back({head[c], cells[c], {}});
        }
        incidents.push_back(std::move(one));
    }
    return incidents;
}

double area_under_curve(const std::vector<double> &score, const std::vector<bool> &positive) {
    double above = 0, pairs = 0;
    for (std::size_t i = 0; i < score.size(); ++i)
        for (std::size_t k = 0; positive[i] && k < score.size(); ++k)
            if (!positive[k]) {
                above += score[i] > score[k] ? 1 : score[i] == score[k] ? 0.5 : 0;
                pairs += 1;
            }
    return above / pairs;
}

struct Measured {
    double rho, area;
};

// Learns on the incidents before `from`, measures on those from there to `until`.
Measured measure(const std::vector<Incident> &all, std::size_t from, std::size_t until) {
    Trainer trainer(FitOptions{});
    for (std::size_t i = 0; i < from; ++i)
        if (all[i].hours > 0)
            trainer.add("", "", all[i].details, all[i].hours);
    FitReport report;
    const Model model = trainer.fit(report);
    Scorer scorer;
    std::vector<double> score, hours;
    std::vector<bool> missed;
    for (std::size_t i = from; i < until; ++i) {
        const auto s = scorer.score(model, "", "", all[i].details, false);
        score.push_back(s ? s->score : 50);
        hours.push_back(all[i].hours);
        missed.push_back(all[i].missed);
    }
    const Measured m = {spearman(score, hours), area_under_curve(score, missed)};
    double off = 0; // mean |share at or below a score - score|
    for (int at = 10; at <= 90; at += 10)
        off += std::fabs(100.0 * static_cast<double>(std::count_if(score.begin(), score.end(), [at](double x) { return x < at; })) /
                             static_cast<double>(score.size()) - at) / 9;
    std::printf("%s; %zu bytes\n%zu to %zu: rho %.4f, area under the curve %.4f, calibration %.1f\n", report.json().c_str(), model.encode().size(), from, until, m.rho, m.area, off);
    return m;
}

void incidents(const char *path) {
    const auto all = read_incidents(path);
    measure(all, all.size() * 4 / 5, all.size());
}

// Five times inside the oldest four fifths: a tenth of them from what came before it.
void tune_incidents(const char *path) {
    const auto all = read_incidents(path);
    const auto older = all.size() * 4 / 5;
    Measured mean{};
    for (std::size_t tenth = 5; tenth < 10; ++tenth) {
        const auto m = measure(all, older * tenth / 10, older * (tenth + 1) / 10);
        mean.rho += m.rho / 5;
        mean.area += m.area / 5;
    }
    std::printf("mean rho %.4f, mean area under the curve %.4f\n", mean.rho, mean.area);
}

// Where the public tickets tell nothing, a stated prior: in the documentation, and marked "assumed" in the factors.
void assume(Model &model) {
    const double unit = (model.thresholds[84] - model.thresholds[15]) / 2; // about one deviation of the sum
    const auto levels = [&](const char *name, std::map<std::string, double> weights) {
        Field field;
        field.name = name;
        field.assumed = true;
        for (auto &[level, weight] : weights)
            field.levels[level] = weight * unit;
        model.fields.push_back(field);
    };
    levels("priority", {{"low", -0.15}, {"medium", 0}, {"high", 0.15}, {"urgent", 0.3}});
    levels("severity", {{"minor", -0.25}, {"normal", 0}, {"major", 0.25}, {"critical", 0.5}});
    for (const auto &[name, weight] : {std::pair{"comments", 0.1}, {"exchanges", 0.1}, {"reassignments", 0.25}, {"reopens", 0.4}, {"waiting_hours", 0.05}}) {
        Field field;
        field.name = name;
        field.number = field.assumed = true;
        field.scale.weight = weight * unit;
        model.fields.push_back(field);
    }
}

void ship(const std::vector<Ticket> &tickets, const char *path, const char *digest) {
    FitReport report;
    Model model = train(tickets, true, report, [](const Ticket &t) { return !t.held_out; });
    assume(model);
    model.provenance = std::string("{\"name\":\"shipped\",\"learned_from\":\"Deep-SE story points as kept in awsm-research/gpt2sp (MIT), "
                                   "rows marked train\",\"sha256\":\"") +
                       digest + "\",\"report\":" + report.json() + '}';
    const std::string bytes = model.encode(), text = encode_base64(bytes);
    std::ofstream out(path);
    out << "// The shipped complexity model, base64. Made by scripts/train-cold-start; do not edit.\n";
    for (std::size_t i = 0; i < text.size(); i += 116)
        out << '"' << text.substr(i, 116) << "\"\n";
    std::printf("%s\n%zu bytes\n", report.json().c_str(), bytes.size());
}

void speed(const std::vector<Ticket> &tickets) {
    Scorer scorer;
    for (const bool factors : {false, true}) {
        const double from = seconds();
        double sum = 0;
        for (const Ticket &t : tickets)
            sum += scorer.score(cold_start_model(), t.title, t.body, {}, factors)->score;
        std::printf("%s factors: %.0f scores a second (mean score %.1f)\n", factors ? "with" : "without",
                    static_cast<double>(tickets.size()) / (seconds() - from), sum / static_cast<double>(tickets.size()));
    }
    FitReport report;
    const double from = seconds();
    train(tickets, false, report, [](const Ticket &) { return true; });
    std::printf("training on all %zu tickets: %.1f s\n", tickets.size(), seconds() - from);
}

} // namespace

int main(int argc, char **argv) {
    const std::string command = argc > 2 ? argv[1] : "";
    if (command == "incidents")
        return incidents(argv[2]), 0;
    if (command == "tune-incidents")
        return tune_incidents(argv[2]), 0;
    const auto tickets = argc > 2 ? read_tickets(argv[2]) : std::vector<Ticket>();
    if (command == "tune")
        tune(tickets);
    else if (command == "effort")
        effort(tickets);
    else if (command == "cold")
        cold(tickets, true);
    else if (command == "tune-cold")
        cold(tickets, false);
    else if (command == "ship" && argc == 5)
        ship(tickets, argv[3], argv[4]);
    else if (command == "speed")
        speed(tickets);
    else
        return std::fprintf(stderr, "usage: lab effort|cold|speed|tune|tune-cold|incidents|tune-incidents FILE, lab ship FILE OUT SHA256\n"), 2;
}
