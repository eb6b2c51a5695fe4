// How far an import is: a bar on a terminal, a line now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ticketflow::loader {

class Progress {
  public:
    // total: bytes of the input, 0 where unknown; first: those that an earlier run took.
    Progress(std::uint64_t total, std::uint64_t first, bool quiet);
    void show(std::uint64_t bytes, std::uint64_t records, std::uint64_t rejected);
    void finish(); // leaves the cursor on a line of its own
    double seconds() const;

  private:
    using Clock = std::chrono::steady_clock;
    const Clock::time_point started_ = Clock::now();
    Clock::time_point shown_{};
    const std::uint64_t total_, first_bytes_;
    const bool quiet_, terminal_;
    bool drawn_ = false, first_ = true;
};

// 1234567 as 1,234,567.
std::string grouped(std::uint64_t number);
// 3725 as 1:02:05, 65 as 1:05.
std::string clock_time(double seconds);
// What the progress says, without colour or carriage return.
std::string progress_text(std::uint64_t total, std::uint64_t first, std::uint64_t bytes, std::uint64_t records, std::uint64_t rejected, double seconds, bool bar);

} // namespace ticketflow::loader
