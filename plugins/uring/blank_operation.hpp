// SPDX-License-Identifier: BSD-3-Clause
// The kernel's operations that empty a range.
#pragma once

#include <liburing.h>

#include "blanking.hpp"

/// The most bytes that one step can write.
constexpr uint64_t longest_zero_write = 1 << 20;

/// Prepares `sqe` for the step, on the file with index 0. @param offset start of the step in bytes
void prepare_blank(io_uring_sqe* sqe, const BlankStep& step, uint64_t offset) noexcept;
