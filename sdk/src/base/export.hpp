// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Marks C++ functions of the library that host/ and the unit tests use: exported under BDEVKIT_PRIVATE.
#define BDK_INTERNAL __attribute__((visibility("default")))
