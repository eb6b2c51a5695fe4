#include "core/complexity/model.h"

#include "core/failure.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

namespace ticketflow::core::complexity {

namespace {

constexpr std::string_view kMagic = "TFCX\x02";

class Writer {
  public:
    void bytes(std::string_view value) {
        number(value.size());
        out.append(value);
    }
    void number(std::uint64_t value) { // 7 bits a byte, least first
        for (; value >= 0x80; value >>= 7)
            out += static_cast<char>(value | 0x80);
        out += static_cast<char>(value);
    }
    void real(double value) {
        auto bits = std::bit_cast<std::uint64_t>(value);
        for (int i = 0; i < 8; ++i, bits >>= 8)
            out += static_cast<char>(bits);
    }
    void reals(const std::vector<double> &values) {
        number(values.size());
        for (const double value : values)
            real(value);
    }
    void scaled(const Scaled &value) {
        real(value.mean);
        real(value.deviation);
        real(value.weight);
    }
    std::string out;
};

[[noreturn]] void corrupted(const char *what) {
    throw Failure(Condition::data_corrupted, "complexity model is damaged", what,
                  "Import the model again from where it was exported.");
}

class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}
    std::string_view take(std::size_t size) {
        if (rest_.size() < size)
            corrupted("It ends too early.");
        const auto result = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return result;
    }
    std::string bytes() { return std::string(take(number())); }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1)[0]);
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80)
                return value;
        }
        corrupted("A number is too long.");
    }
    std::size_t size(std::size_t most) {
        const auto value = number();
        if (value > most)
            corrupted("A list is too long.");
        return value;
    }
    double real() {
        const auto raw = take(8);
        std::uint64_t bits = 0;
        for (int i = 7; i >= 0; --i)
            bits = bits << 8 | static_cast<unsigned char>(raw[static_cast<std::size_t>(i)]);
        const auto value = std::bit_cast<double>(bits);
        if (!std::isfinite(value) || std::fabs(value) > 1e12)
            corrupted("A weight is not a finite number.");
        return value;
    }
    std::vector<double> reals(std::size_t most) {
        std::vector<double> values(size(most));
        for (double &value : values)
            value = real();
        return values;
    }
    Scaled scaled() {
        Scaled value{real(), real(), real()};
        if (!(value.deviation > 0))
            corrupted("A deviation is not positive.");
        return value;
    }
    bool done() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

unsigned zigzag(int value) { return value > 0 ? static_cast<unsigned>(value) * 2u : static_cast<unsigned>(-value) * 2u - (value < 0 ? 1u : 0u); }
std::int16_t from_zigzag(std::uint64_t code) {
    if (code > 65534)
        corrupted("A weight is too large.");
    const int half = static_cast<int>((code + 1) / 2);
    return static_cast<std::int16_t>(code % 2 ? -half : half);
}

// Most weights are zero or small: a run of zeros is 0 and its length, any other weight its zigzag number.
void write_weights(Writer &w, const std::vector<std::int16_t> &weights) {
    for (std::size_t i = 0; i < weights.size();) {
        if (weights[i] == 0) {
            const std::size_t from = i;
            while (i < weights.size() && weights[i] == 0)
                ++i;
            w.number(0);
            w.number(i - from);
        } else {
            w.number(zigzag(weights[i++]));
        }
    }
}

void read_weights(Reader &r, std::vector<std::int16_t> &weights, std::size_t size) {
    weights.assign(size, 0);
    for (std::size_t i = 0; i < size;) {
        const auto code = r.number();
        if (code == 0) {
            const auto run = r.number();
            if (run == 0 || run > size - i)
                corrupted("A run of weights is too long.");
            i += run;
        } else {
            weights[i++] = from_zigzag(code);
        }
    }
}

void write_field(Writer &w, const Field &field) {
    w.bytes(field.name);
    w.number((field.number ? 1u : 0u) | (field.assumed ? 2u : 0u) | (field.paired ? 4u : 0u));
    w.scaled(field.scale);
    w.number(field.levels.size());
    for (const auto &[level, weight] : field.levels) {
        w.bytes(level);
        w.real(weight);
    }
}

Field read_field(Reader &r) {
    Field field;
    field.name = r.bytes();
    const auto flags = r.size(7);
    field.number = flags & 1;
    field.assumed = flags & 2;
    field.paired = flags & 4;
    field.scale = r.scaled();
    for (auto n = r.size(1000000); n > 0; --n) {
        std::string level = r.bytes();
        field.levels[std::move(level)] = r.real();
    }
    return field;
}

void write_effort(Writer &w, const EffortScale &effort) {
    w.real(effort.middle);
    w.real(effort.slope);
    w.reals(effort.quantiles);
}

EffortScale read_effort(Reader &r) {
    EffortScale effort;
    effort.middle = r.real();
    effort.slope = r.real();
    effort.quantiles = r.reals(kQuantiles);
    if (effort.quantiles.size() != kQuantiles || !std::is_sorted(effort.quantiles.begin(), effort.quantiles.end()))
        corrupted("Its efforts do not rise.");
    return effort;
}

std::uint64_t checksum(std::string_view bytes) { return hash_finish(hash_bytes(bytes)); }

} // namespace

std::string Model::encode() const {
    Writer w;
    w.number(static_cast<std::uint64_t>(bits));
    w.real(unit_weight);
    write_weights(w, weights);
    for (const double gain : gains)
        w.real(gain);
    for (const double sum : usual)
        w.real(sum);
    for (const Scaled &scale : structure)
        w.scaled(scale);
    w.number(fields.size());
    for (const Field &field : fields)
        write_field(w, field);
    w.number(pairs.size());
    std::uint32_t before = 0;
    for (const Pair &pair : pairs) {
        w.number(pair.hash - before);
        w.number(zigzag(pair.weight));
        before = pair.hash;
    }
    w.bytes(group_field);
    w.number(groups.size());
    for (const Group &group : groups) {
        w.bytes(group.name);
        for (const double weight : group.structure)
            w.real(weight);
        write_effort(w, group.effort);
    }
    w.real(start);
    w.reals(thresholds);
    w.bytes(effort_unit);
    write_effort(w, effort);
    w.bytes(provenance);

    Writer out;
    out.out = kMagic;
    auto sum = checksum(w.out);
    for (int i = 0; i < 8; ++i, sum >>= 8)
        out.out += static_cast<char>(sum);
    return out.out + w.out;
}

Model Model::decode(std::string_view bytes) {
    if (bytes.substr(0, 4) != kMagic.substr(0, 4))
        throw Failure(Condition::data_corrupted, "not a complexity model", "It does not begin with TFCX.",
                      "Pass what train_complexity() or export_complexity_model() made.");
    if (bytes.substr(0, kMagic.size()) != kMagic)
        throw Failure(Condition::feature_not_supported, "complexity model has an unknown format version", {},
                      "Install the version of TicketFlow that made it, or train again.");
    Reader r(bytes.substr(kMagic.size()));
    std::uint64_t sum = 0;
    const auto stored = r.take(8);
    for (int i = 7; i >= 0; --i)
        sum = sum << 8 | static_cast<unsigned char>(stored[static_cast<std::size_t>(i)]);
    if (sum != checksum(bytes.substr(kMagic.size() + 8)))
        corrupted("Its checksum is wrong.");

    Model m;
    m.bits = static_cast<int>(r.size(22));
    m.unit_weight = r.real();
    read_weights(r, m.weights, std::size_t{1} << m.bits);
    for (double &gain : m.gains)
        gain = r.real();
    for (double &block : m.usual)
        block = r.real();
    for (Scaled &scale : m.structure)
        scale = r.scaled();
    for (auto n = r.size(10000); n > 0; --n)
        m.fields.push_back(read_field(r));
    std::uint32_t hash = 0;
    for (auto n = r.size(10000000); n > 0; --n) {
        hash += static_cast<std::uint32_t>(r.number());
        m.pairs.push_back({hash, from_zigzag(r.number())});
    }
    m.group_field = r.bytes();
    for (auto n = r.size(100000); n > 0; --n) {
        Group group;
        group.name = r.bytes();
        for (double &weight : group.structure)
            weight = r.real();
        group.effort = read_effort(r);
        m.groups.push_back(std::move(group));
    }
    m.start = r.real();
    m.thresholds = r.reals(100);
    m.effort_unit = r.bytes();
    m.effort = read_effort(r);
    m.provenance = r.bytes();
    if (!r.done() || m.thresholds.size() != 100)
        corrupted("Its parts do not fit together.");
    const auto by_hash = [](const Pair &a, const Pair &b) { return a.hash < b.hash; };
    if (!std::is_sorted(m.thresholds.begin(), m.thresholds.end()) || !std::is_sorted(m.pairs.begin(), m.pairs.end(), by_hash))
        corrupted("Its lists do not rise.");
    return m;
}

double Model::pair_weight(std::uint32_t hash) const {
    const auto found = std::lower_bound(pairs.begin(), pairs.end(), hash, [](const Pair &pair, std::uint32_t h) { return pair.hash < h; });
    return found != pairs.end() && found->hash == hash ? unit_weight * found->weight : 0;
}

std::uint32_t pair_hash(std::string_view field, std::string_view level, std::string_view other, std::string_view other_level) {
    auto state = hash_step(hash_bytes(field), '=');
    state = hash_step(hash_bytes(level, state), '&');
    state = hash_step(hash_bytes(other, state), '=');
    return static_cast<std::uint32_t>(hash_finish(hash_bytes(other_level, state)));
}

std::string number_text(double x) {
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, x).ptr);
}

} // namespace ticketflow::core::complexity
