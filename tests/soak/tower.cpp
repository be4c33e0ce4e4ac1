// SPDX-License-Identifier: BSD-3-Clause
#include "soak/tower.hpp"

namespace bdk::test {

int Tower::build_next(SoakRandom& random) {
    const int rc = standing_ == 0 ? build_disk(random) : build_layer(random);
    if (rc == 0) standing_++;
    return rc;
}

int Tower::build_disk(SoakRandom& random) {
    switch (random.below(4)) {
        case 0:
            return host_.create("null", name(0), {{"size", 1 << 20}});
        case 1:
            return host_.create("malloc", name(0), {{"size", 1 << 20}, {"optimal_io_boundary", 8}});
        case 2:
            return host_.create("flaky_disk", name(0),
                                {{"seed", random.below(1000)},
                                 {"max_rw_size", random.one_of<uint64_t>({0, 3, 8})},
                                 {"required_alignment", random.one_of<uint64_t>({0, 9, 12})}});
        default:
            return host_.create("malloc", name(0), {{"size", 1 << 20}});
    }
}

int Tower::build_layer(SoakRandom& random) {
    const char* module = random.one_of({"passthru", "passthru", "passthru", "readonly", "xor"});
    return host_.create(module, name(standing_), {{"base", name(standing_ - 1)}});
}

}  // namespace bdk::test
