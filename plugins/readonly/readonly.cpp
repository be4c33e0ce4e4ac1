// SPDX-License-Identifier: BSD-3-Clause
// readonly: a read-only view of the base. The base is opened for reading and not claimed, so other users may
// write to it.
#include <bdevkit/bdevkit.hpp>

namespace {

using bdevkit::IoType;

class Readonly : public bdevkit::VirtualBdev<Readonly> {
public:
    struct Options {
        bdevkit::BdevName base;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev to show; others may write to it.").required(),
    };

    Readonly(const char* name, const Options& given)
        : VirtualBdev(name, given.base, bdevkit::BaseUse::shared_read) {}

    bool io_type_supported(IoType type) const {
        switch (type) {
            case IoType::read:
            case IoType::flush:
            case IoType::compare:
            case IoType::seek_data:
            case IoType::seek_hole:
            case IoType::get_zone_info:
            case IoType::abort:
                return VirtualBdev::io_type_supported(type);
            default:
                return false;  // a reset too, because it would abort the I/O of writers of the base
        }
    }
};

}  // namespace

BDEVKIT_MODULE(Readonly, .name = "readonly", .version = "1.0.0",
               .description = "Passes reads and flushes, refuses every change", .author = "bdevkit",
               .license = "BSD-3-Clause");
