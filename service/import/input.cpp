#include "import/input.h"

#include "core/failure.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <iconv.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#include <zlib.h>

namespace ticketflow::loader {
namespace {

constexpr char kNeverUtf8 = '\xFF';

[[noreturn]] void fail(const std::string &message, const std::string &hint = {}) {
    throw core::Failure(core::Condition::invalid_parameter_value, message, {}, hint);
}

bool is_utf8(const std::string &name) {
    return name.empty() || strcasecmp(name.c_str(), "UTF-8") == 0 || strcasecmp(name.c_str(), "UTF8") == 0;
}

// Of every byte: a file that was mended where nothing had been read yet is another one. Reading it once more takes about a
// hundredth of the time that the tickets in it take.
std::string file_digest(int file) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::vector<char> part(1 << 20);
    off_t at = 0;
    for (ssize_t got; (got = pread(file, part.data(), part.size(), at)) > 0; at += got)
        EVP_DigestUpdate(context.get(), part.data(), static_cast<std::size_t>(got));
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned length = 0;
    EVP_DigestFinal_ex(context.get(), hash.data(), &length);
    std::string result;
    for (unsigned i = 0; i < length; i++) {
        constexpr std::string_view kHex = "0123456789abcdef";
        result += kHex[hash[i] >> 4];
        result += kHex[hash[i] & 15];
    }
    return result;
}

} // namespace

struct Input::State {
    gzFile file = nullptr;
    iconv_t converter = reinterpret_cast<iconv_t>(-1);
    std::string pending; // read and not yet converted

    bool converts() const { return converter != reinterpret_cast<iconv_t>(-1); }
    ~State() {
        if (file != nullptr)
            gzclose(file);
        if (converts())
            iconv_close(converter);
    }
};

Input::Input(const std::string &path, const std::string &encoding) : state_(std::make_unique<State>()), path_(path) {
    const bool standard = path == "-";
    const int file = standard ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        fail("cannot open \"" + path + "\": " + std::strerror(errno), "Name a readable file, or - for standard input.");
    struct stat about {};
    if (fstat(file, &about) == 0 && S_ISDIR(about.st_mode)) {
        close(file);
        fail("\"" + path + "\" is a directory", "Name a file.");
    }
    if (!standard && S_ISREG(about.st_mode)) {
        size_ = static_cast<std::uint64_t>(about.st_size);
        digest_ = file_digest(file);
    }
    state_->file = gzdopen(file, "rb");
    if (state_->file == nullptr) {
        close(file);
        fail("cannot read \"" + path + "\": out of memory");
    }
    gzbuffer(state_->file, 256 * 1024);
    if (!is_utf8(encoding)) {
        state_->converter = iconv_open("UTF-8", encoding.c_str());
        if (!state_->converts())
            fail("unknown encoding \"" + encoding + "\"", "iconv --list names them, such as ISO-8859-1, WINDOWS-1252 or UTF-16.");
    }
}

Input::~Input() = default;

std::uint64_t Input::position() const {
    const auto at = gzoffset(state_->file);
    return at < 0 ? 0 : static_cast<std::uint64_t>(at);
}

std::size_t Input::read_packed(char *buffer, std::size_t size) {
    const int got = gzread(state_->file, buffer, static_cast<unsigned>(size));
    int error = Z_OK;
    const char *const text = gzerror(state_->file, &error);
    if (got < 0 || (got == 0 && error != Z_OK && error != Z_STREAM_END))
        fail("cannot read \"" + path_ + "\": " + (error == Z_ERRNO ? std::strerror(errno) : text),
             error == Z_BUF_ERROR ? "The compressed file is cut off." : "");
    return static_cast<std::size_t>(got);
}

std::size_t Input::read(char *buffer, std::size_t size) {
    if (!state_->converts())
        return read_packed(buffer, size);
    std::string &pending = state_->pending;
    char *out = buffer;
    std::size_t room = size;
    bool at_end = false;
    while (out == buffer && !(at_end && pending.empty())) {
        const std::size_t held = pending.size();
        pending.resize(held + size / 4);
        const std::size_t got = read_packed(pending.data() + held, size / 4);
        pending.resize(held + got);
        at_end = got == 0;
        char *in = pending.data();
        std::size_t left = pending.size();
        while (left > 0 && iconv(state_->converter, &in, &left, &out, &room) == static_cast<std::size_t>(-1)) {
            if (errno == E2BIG || (errno == EINVAL && !at_end) || room == 0)
                break;
            *out++ = kNeverUtf8;
            room--;
            in++;
            left--;
        }
        pending.erase(0, pending.size() - left);
    }
    return static_cast<std::size_t>(out - buffer);
}

} // namespace ticketflow::loader
