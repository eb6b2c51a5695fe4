#include "import/progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace ticketflow::loader {

std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3;)
        digits.insert(at -= 3, ",");
    return digits;
}

std::string clock_time(double seconds) {
    const auto whole = static_cast<unsigned long>(std::clamp(seconds, 0.0, 3.6e6) + 0.5);
    char text[32];
    if (whole >= 3600)
        std::snprintf(text, sizeof text, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        std::snprintf(text, sizeof text, "%lu:%02lu", whole / 60, whole % 60);
    return text;
}

std::string progress_text(std::uint64_t total, std::uint64_t first, std::uint64_t bytes, std::uint64_t records, std::uint64_t rejected, double seconds, bool bar) {
    std::string out;
    if (total > 0) {
        const double share = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total));
        if (bar) {
            constexpr int kWidth = 30;
            const int full = static_cast<int>(share * kWidth);
            out = "[" + std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(kWidth - full), '.') + "] ";
        }
        char percent[8];
        std::snprintf(percent, sizeof percent, "%3.0f%%", share * 100);
        out.append(percent).append("  ");
    }
    out += grouped(records) + " records";
    if (seconds > 0)
        out += "  " + grouped(static_cast<std::uint64_t>(static_cast<double>(records) / seconds)) + "/s";
    if (total > 0 && bytes > first && seconds > 0)
        out += "  " + clock_time(seconds * static_cast<double>(total - std::min(bytes, total)) / static_cast<double>(bytes - first)) + " left";
    if (rejected > 0)
        out += "  " + grouped(rejected) + " rejected";
    return out;
}

Progress::Progress(std::uint64_t total, std::uint64_t first, bool quiet)
    : total_(total), first_bytes_(first), quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }

void Progress::show(std::uint64_t bytes, std::uint64_t records, std::uint64_t rejected) {
    if (first_) {
        first_ = false;
        shown_ = terminal_ ? Clock::time_point{} : started_;
    }
    const auto now = Clock::now();
    const bool complete = terminal_ && total_ > 0 && bytes >= total_;
    if (quiet_ || (!complete && now - shown_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(5000))))
        return;
    shown_ = now;
    const std::string text = progress_text(total_, first_bytes_, bytes, records, rejected, seconds(), terminal_);
    std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", text.c_str());
    std::fflush(stderr);
    drawn_ = terminal_;
}

void Progress::finish() {
    if (drawn_)
        std::fputs("\r\033[K", stderr);
    drawn_ = false;
}

} // namespace ticketflow::loader
