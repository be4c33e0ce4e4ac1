// SPDX-License-Identifier: BSD-3-Clause
#include "log/no_memory.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "log/log.hpp"

namespace bdk {

namespace {

thread_local uint32_t t_depth = 0;

}  // namespace

CannotFail::CannotFail() noexcept {
    t_depth++;
}

CannotFail::~CannotFail() {
    t_depth--;
}

bool CannotFail::here() noexcept {
    return t_depth != 0;
}

void CannotFail::ends_the_process(const char* what) noexcept {
    char text[256];
    std::snprintf(text, sizeof(text),
                  "bdevkit: out of memory in %s, which cannot be refused: the process ends", what);
    log_plain(text);
    flush_log(time_for_last_words);
    std::abort();
}

}  // namespace bdk
