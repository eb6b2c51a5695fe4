// settings_key(): the key of the company's secrets, from a file of the server that ticketflow.settings_key_file names.
#include "pg/access.h"
#include "pg/datum.h"

extern "C" {
#include <storage/fd.h>
#include <utils/guc.h>
}

#include <string>

namespace ticketflow::pg::access {
namespace {

char *key_file = nullptr;
constexpr size_t kLongestKey = 4096;

struct Content {
    bool opened;
    size_t length;
    char bytes[kLongestKey];
};

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

} // namespace

void define_settings_key() {
    call([] {
        DefineCustomStringVariable("ticketflow.settings_key_file",
                                   "File of the server that holds the key of the company's secrets.",
                                   "Readable by the server only and kept apart from its backups; empty: none.", &key_file, "",
                                   PGC_SUSET, GUC_SUPERUSER_ONLY, nullptr, nullptr, nullptr);
    });
}

} // namespace ticketflow::pg::access

using namespace ticketflow;

TICKETFLOW_FUNCTION(ticketflow_access_settings_key) {
    using pg::access::Content;
    const char *const name = pg::access::key_file;
    if (!name || !*name)
        throw core::Failure(core::Condition::object_not_in_state, "there is no key for the company's secrets", {},
                            "Set ticketflow.settings_key_file to a file that holds one, and reload the configuration.");
    const Content content = pg::call([name] {
        Content read{};
        if (FILE *const file = AllocateFile(name, "r")) {
            read.opened = true;
            read.length = fread(read.bytes, 1, sizeof read.bytes, file);
            FreeFile(file);
        }
        return read;
    });
    const std::string_view key = pg::access::trimmed({content.bytes, content.length});
    if (!content.opened || content.length == sizeof content.bytes || key.size() < 16)
        throw core::Failure(core::Condition::object_not_in_state, "the key file of the company's secrets cannot be used", {},
                            "ticketflow.settings_key_file must name a readable file of 16 to 4095 characters.");
    return pg::make_text(key);
}
