// JSON lines: one object a line, as most systems export.
#pragma once

#include "core/import/window.h"

namespace ticketflow::core::import {

// Reads the members of an object. Text values are decoded; where that needs memory it is `arena`, which must outlive the
// fields. A problem where the text is no JSON object, or one that jsonb would refuse.
std::optional<Problem> read_json_object(std::string_view text, std::string &arena, std::vector<Field> &fields);

// The strings, numbers and truth values of a JSON array in order; false where the text is none or it holds other things.
bool read_json_array(std::string_view text, std::string &arena, std::vector<std::string_view> &values);

class JsonReader : public Reader {
  public:
    JsonReader(ReadBytes read, std::size_t most_bytes);
    bool next(Record &record) override;
    void skip_to(std::uint64_t end) override { window_.skip_to(end); }
    const std::vector<std::string> &columns() const override { return none_; }

  private:
    Window window_;
    std::string arena_;
    const std::vector<std::string> none_;
};

} // namespace ticketflow::core::import
