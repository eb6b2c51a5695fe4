#include "core/complexity/tokens.h"

#include "core/complexity/text.h"

#include <array>

namespace ticketflow::core::complexity {

namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_small(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_separator(char c) { return static_cast<unsigned char>(c) <= ' ' || std::string_view("\"'()[]{}<>,;!?*|=").find(c) != std::string_view::npos; }

// One look at each byte: separators, bytes that make a token worth a closer look, and the rest.
enum Kind : unsigned char { kPlain, kTelling, kBetween };
constexpr std::array<Kind, 256> kKinds = [] {
    std::array<Kind, 256> kinds{};
    for (int c = 0; c < 256; ++c) {
        const char byte = static_cast<char>(c);
        kinds[static_cast<std::size_t>(c)] = is_separator(byte) ? kBetween
            : is_digit(byte) || is_capital(byte) || byte == '.' || byte == '/' || byte == '\\' || byte == '_' || byte == ':' ? kTelling
            : kPlain;
    }
    return kinds;
}();

bool is_version(std::string_view token) {
    if (token.front() == 'v' || token.front() == 'V')
        token.remove_prefix(1);
    if (token.empty() || !is_digit(token.front()) || !is_digit(token.back()))
        return false;
    int dots = 0;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] == '.' && is_digit(token[i - 1]))
            ++dots;
        else if (!is_digit(token[i]))
            return false;
    }
    return dots >= 1 && dots <= 3;
}

bool is_code(std::string_view token) {
    if (token.size() >= 6 && token[0] == '0' && (token[1] == 'x' || token[1] == 'X')) {
        for (const char c : token.substr(2))
            if (!is_hex(c))
                return false;
        return true;
    }
    if (is_capital(token[0]) && (token.ends_with("Exception") || (token.size() > 5 && token.ends_with("Error"))))
        return true;
    std::size_t i = 0;
    while (i < token.size() && is_capital(token[i]))
        ++i;
    if (i == 0 || i > 8)
        return false;
    if (i < token.size() && (token[i] == '-' || token[i] == '_'))
        ++i;
    const std::size_t digits = token.size() - i;
    if (digits < 3 || digits > 8)
        return false;
    for (; i < token.size(); ++i)
        if (!is_digit(token[i]))
            return false;
    return true;
}

bool is_system(std::string_view token) {
    int capitals = 0, smalls = 0, joints = 0, humps = 0;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const char c = token[i];
        capitals += is_capital(c);
        smalls += is_small(c);
        if (i > 0 && i + 1 < token.size()) {
            joints += c == '.' || c == '/' || c == '\\' || c == '_' || c == ':';
            humps += is_capital(c) && is_small(token[i - 1]);
        }
    }
    if (capitals + smalls < 2)
        return false;
    if (smalls == 0 && joints == 0)
        return capitals >= 2 && token.size() <= 12; // an acronym
    return humps > 0 || (joints > 0 && token.size() >= 5);
}

constexpr std::array<std::string_view, 30> kUrgentWords = {
    "urgent", "urgently", "urgency", "asap", "immediately", "immediate", "emergency", "outage", "blocker", "blocking", "blocked", "blocks",
    "deadline", "critical", "escalate", "escalation", "down", "today", "dringend", "sofort", "eilig", "notfall", "urgente", "urgence",
    "urgentemente", "subito", "срочно", "авария", "pilne", "acil"};
constexpr std::array<std::string_view, 24> kAskingWords = {
    "how", "what", "why", "where", "when", "which", "who", "whether", "wie", "was", "warum", "wo", "wann", "comment", "pourquoi", "quand",
    "cómo", "qué", "cuándo", "perché", "как", "почему", "где", "когда"};

struct Entry {
    std::uint64_t hash = 0;
    Tone tone = Tone::none;
};
constexpr std::size_t kSlots = 512;
constexpr std::array<Entry, kSlots> kTones = [] {
    std::array<Entry, kSlots> slots{};
    const auto put = [&slots](std::string_view word, Tone tone) {
        const std::uint64_t hash = hash_bytes(word);
        std::size_t at = hash % kSlots;
        while (slots[at].tone != Tone::none)
            at = (at + 1) % kSlots;
        slots[at] = {hash, tone};
    };
    for (const auto word : kUrgentWords)
        put(word, Tone::urgent);
    for (const auto word : kAskingWords)
        put(word, Tone::asking);
    return slots;
}();

} // namespace

Token classify_token(std::string_view token) {
    while (!token.empty() && (token.back() == '.' || token.back() == ':' || token.back() == '/'))
        token.remove_suffix(1);
    if (token.size() < 2 || token.size() > 200)
        return Token::other;
    if (is_code(token))
        return Token::code;
    if (is_version(token))
        return Token::version;
    return is_system(token) ? Token::system : Token::other;
}

TokenCounts count_tokens(std::string_view text) {
    TokenCounts counts;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i, telling = 0;
        for (; end < text.size(); ++end) {
            const Kind kind = kKinds[static_cast<unsigned char>(text[end])];
            if (kind == kBetween)
                break;
            telling += kind == kTelling;
        }
        if (telling > 0) {
            const Token what = classify_token(text.substr(i, end - i));
            counts.systems += what == Token::system;
            counts.versions += what == Token::version;
            counts.codes += what == Token::code;
        }
        i = end + 1;
    }
    return counts;
}

Tone tone_of(std::uint64_t hash) {
    for (std::size_t at = hash % kSlots; kTones[at].tone != Tone::none; at = (at + 1) % kSlots)
        if (kTones[at].hash == hash)
            return kTones[at].tone;
    return Tone::none;
}

} // namespace ticketflow::core::complexity
