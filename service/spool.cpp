#include "spool.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace ticketflow::http {

namespace {

constexpr size_t kChunk = 256 * 1024;

int open_temporary() {
    const char *folder = std::getenv("TMPDIR");
    std::string path = folder && *folder ? folder : "/tmp";
    int file = ::open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0)
        return file;
    path += "/ticketflow.XXXXXX"; // a file system without O_TMPFILE
    file = ::mkostemp(path.data(), O_CLOEXEC);
    if (file >= 0)
        ::unlink(path.c_str());
    return file;
}

} // namespace

Spool::Spool(Spool &&other) noexcept
    : memory_(std::move(other.memory_)), limit_(other.limit_), written_(other.written_), file_(std::exchange(other.file_, -1)) {}

Spool &Spool::operator=(Spool &&other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(limit_, other.limit_);
    std::swap(written_, other.written_);
    std::swap(file_, other.file_);
    return *this;
}

Spool::~Spool() {
    if (file_ >= 0)
        ::close(file_);
}

bool Spool::append(std::string_view bytes) {
    memory_ += bytes;
    if (memory_.size() < (file_ < 0 ? limit_ : kChunk))
        return true;
    if (file_ < 0 && (file_ = open_temporary()) < 0)
        return false;
    return flush();
}

bool Spool::flush() {
    size_t done = 0;
    while (done < memory_.size()) {
        ssize_t count = ::write(file_, memory_.data() + done, memory_.size() - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        done += size_t(count);
    }
    written_ += memory_.size();
    memory_.clear();
    return true;
}

bool Spool::finish() {
    bool done = file_ < 0 || flush();
    if (file_ >= 0)
        std::string().swap(memory_);
    return done;
}

long Spool::read(size_t offset, char *into, size_t most) const {
    ssize_t count;
    do
        count = ::pread(file_, into, most, off_t(offset));
    while (count < 0 && errno == EINTR);
    return count;
}

} // namespace ticketflow::http
