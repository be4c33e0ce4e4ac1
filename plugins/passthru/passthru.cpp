// SPDX-License-Identifier: BSD-3-Clause
// passthru: a virtual bdev that forwards everything to its base. VirtualBdev's defaults do everything that a
// correct virtual bdev needs: open and claim the base, channels, forwarding with ENOMEM, hot removal, resize,
// teardown.
#include <bdevkit/bdevkit.hpp>

namespace {

class Passthru : public bdevkit::VirtualBdev<Passthru> {
public:
    struct Options {
        bdevkit::BdevName base;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that gets all I/O; claimed for writing.").required().claimed(),
    };

    Passthru(const char* name, const Options& given) : VirtualBdev(name, given.base) {}
};

}  // namespace

BDEVKIT_MODULE(Passthru, .name = "passthru", .version = "1.0.0",
               .description = "Forwards everything to its base bdev", .author = "bdevkit",
               .license = "BSD-3-Clause");
