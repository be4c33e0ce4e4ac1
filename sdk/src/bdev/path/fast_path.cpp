// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/fast_path.hpp"

#include "bdev/model/desc.hpp"
#include "bdev/model/io_type.hpp"

namespace bdk {

uint64_t fast_types_of(const BdevChannel* ch) {
    const Bdev* bdev = ch->bdev;
    if ((bdev->flags & BDK_BDEV_DYNAMIC_IO_TYPES) != 0) return 0;
    // The fast path does not look at the flags of an I/O.
    if (bdev->module_flags != io_flags_of_minor(BDK_ABI_MINOR)) return 0;
    const bool writes = ch->desc->write.load(std::memory_order_relaxed);
    const uint64_t allowed =
        types_where([writes](const IoType& type) { return type.is_plain && (writes || !type.needs_write); });
    return bdev->io_types & ~bdev->core_types & allowed;
}

}  // namespace bdk
