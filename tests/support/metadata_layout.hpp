// SPDX-License-Identifier: BSD-3-Clause
// Layouts of metadata that disks of the modules malloc and null may have, as parameters of a test.
#pragma once

#include <cstdint>
#include <ostream>

#include "support/test_host.hpp"

namespace bdk::test {

struct MetadataLayout {
    uint32_t md_size;
    bool interleave;  ///< always with null, which has no option for it
    uint32_t dif_type;
    bool head;
    uint32_t pi_format;

    /// These options and `more`.
    GivenOptions options(GivenOptions more) const {
        more.insert(more.end(), {{"md_size", int(md_size)},
                                 {"dif_type", int(dif_type)},
                                 {"dif_is_head_of_md", head},
                                 {"dif_pi_format", int(pi_format)}});
        return more;
    }
};

/// What GoogleTest prints of a parameter.
inline void PrintTo(const MetadataLayout& layout, std::ostream* out) {
    *out << "md_size " << layout.md_size << (layout.interleave ? " interleaved" : " separate") << ", type "
         << layout.dif_type << (layout.head ? ", head" : ", tail") << ", format " << layout.pi_format;
}

}  // namespace bdk::test
