// SPDX-License-Identifier: BSD-3-Clause
// Sources of keys.
#pragma once

#include "secret_memory.hpp"

/// Reads a key of `size` bytes from a file that only its owner may read. Throws bdevkit::Error for any other
/// file.
Secret key_from_file(const char* path, size_t size);

/// Reads the key of type `user` with that description and `size` bytes from the caller's keyrings. Throws
/// bdevkit::Error.
Secret key_from_keyring(const char* description, size_t size);
