// SPDX-License-Identifier: BSD-3-Clause
// Where keys come from.
#pragma once

#include "secret_memory.hpp"

/// The `size` bytes of a file that only its owner may read. Throws bdevkit::Error when it is not that.
Secret key_from_file(const char* path, size_t size);

/// The `size` bytes of the key of type `user` with that description, in the caller's keyrings. Throws
/// bdevkit::Error.
Secret key_from_keyring(const char* description, size_t size);
