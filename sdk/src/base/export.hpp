// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Marks what host/ and the unit tests use of the library's own C++: exported under BDEVKIT_PRIVATE.
#define BDK_INTERNAL __attribute__((visibility("default")))
