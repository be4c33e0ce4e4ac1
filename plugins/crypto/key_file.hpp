// SPDX-License-Identifier: BSD-3-Clause
// Files with keys.
#pragma once

#include "secret_memory.hpp"

/// Reads a file that only its owner may read. Throws bdevkit::Error for any other file, or one longer than
/// `most` bytes.
Secret read_key_file(const char* path, size_t most);
