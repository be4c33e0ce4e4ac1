// SPDX-License-Identifier: BSD-3-Clause
/// @file visibility.hpp
/// The C++ layer is compiled into each plugin and belongs to it alone: two plugins may hold different
/// versions of it, and classes of the same name. Hidden symbols are what keeps the dynamic linker from
/// merging them.
#pragma once

#define BDEVKIT_HIDDEN [[gnu::visibility("hidden")]]
