// The model that scores before a desk has learned from its own tickets.
#include "core/complexity/model.h"

namespace ticketflow::core::complexity {

const Model &cold_start_model() {
    static const Model model = Model::decode(decode_base64(
#include "core/complexity/cold_start.inc"
        ));
    return model;
}

} // namespace ticketflow::core::complexity
