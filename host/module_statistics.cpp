// SPDX-License-Identifier: BSD-3-Clause
#include "module_statistics.hpp"

#include <bdevkit/bdev_module.h>

#include "json/json_text.hpp"
#include "json/json_writer.hpp"

namespace bdevkit::host {

std::string module_statistics(const bdk_bdev* bdev) {
    const bdk_bdev_fn_table* functions = bdev->fn_table;
    if (!BDK_HAS_FIELD(functions, bdk_bdev_fn_table, dump_device_stat_json)) return {};
    if (functions->dump_device_stat_json == nullptr) return {};
    bdk_json_writer writer;
    functions->dump_device_stat_json(bdev->ctxt, &writer);
    return bdk::json_text(writer.root());
}

}  // namespace bdevkit::host
