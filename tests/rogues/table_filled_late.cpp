// SPDX-License-Identifier: BSD-3-Clause
// Its table is filled by a constructor, so that the file does not tell its name. It is none of its file's.
#include <bdevkit/bdevkit.h>

#include <cstdlib>

namespace {

int create(const bdk_module*, bdk_create*, const char*, const void*) {
    BDK_NOTICELOG("here");
    return 0;
}

bdk_module make_table() {
    setenv("BDEVKIT_ROGUE_CODE_HAS_RUN", "table_filled_late", 1);
    bdk_module table{};
    table.size = sizeof(bdk_module);
    table.name = "filled_late";
    table.create = create;
    return table;
}

}  // namespace

BDK_MODULE = make_table();
