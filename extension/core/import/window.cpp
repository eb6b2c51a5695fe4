#include "core/import/window.h"

#include <cstring>

namespace ticketflow::core::import {

namespace {
constexpr std::size_t kChunk = 256 * 1024;
} // namespace

bool Window::grow() {
    if (at_end_ || held() > most_)
        return false;
    if (buffer_.size() - end_ < kChunk / 2) {
        if (begin_ > buffer_.size() / 2 || begin_ == end_) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, held());
            end_ -= begin_;
            begin_ = 0;
        }
        if (buffer_.size() - end_ < kChunk / 2)
            buffer_.resize(std::max(buffer_.size() * 2, kChunk));
    }
    const std::size_t got = read_(buffer_.data() + end_, std::min(buffer_.size() - end_, kChunk));
    end_ += got;
    at_end_ = got == 0;
    return got > 0;
}

void Window::consume(std::size_t size) {
    const std::string_view gone = view().substr(0, size);
    line_ += static_cast<std::uint64_t>(std::count(gone.begin(), gone.end(), '\n'));
    position_ += gone.size();
    begin_ += gone.size();
}

std::size_t Window::find_line_end() {
    for (std::size_t from = 0;;) {
        const std::size_t found = view().find('\n', from);
        if (found != std::string_view::npos)
            return found;
        from = view().size();
        if (!grow())
            return std::string_view::npos;
    }
}

void Window::drop_line() {
    for (;;) {
        const std::size_t end = view().find('\n');
        if (end != std::string_view::npos) {
            consume(end + 1);
            return;
        }
        consume(view().size());
        if (view().empty() && !grow())
            return;
    }
}

void Window::skip_to(std::uint64_t position) {
    while (position_ < position) {
        if (view().empty() && !grow())
            return;
        consume(std::min<std::uint64_t>(view().size(), position - position_));
    }
}

} // namespace ticketflow::core::import
