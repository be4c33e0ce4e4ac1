// SPDX-License-Identifier: BSD-3-Clause
// The first code of the program. The dynamic linker calls it before the constructors of any library; these
// take most of the time until main().
#include "base/standard_fds.hpp"
#include "cli/stop_signals.hpp"

namespace {

void begin_process(int, char**, char**) {
    bdk::hold_standard_descriptors();
    bdevkit::host::hold_stop_signals();
}

[[gnu::section(".preinit_array"), gnu::used]] void (*first_of_all)(int, char**, char**) = begin_process;

}  // namespace
