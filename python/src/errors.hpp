// SPDX-License-Identifier: BSD-3-Clause
// Python's exceptions, thrown from C++. The classes are in bdevkit/_errors.py. All need the GIL.
#pragma once

#include <cstdint>
#include <string>

namespace bdevkit::python {

/// A failed I/O.
struct FailedIo {
    int32_t error;   ///< an errno
    int32_t status;  ///< BDK_BDEV_IO_STATUS_*; 0: the I/O was refused
    uint32_t sct, sc;
    std::string operation;
    std::string bdev;
    uint64_t offset, length;  ///< bytes
    std::string hint;         ///< may be empty
};

/// Throws bdevkit.Error, or the class for its status.
[[noreturn]] void raise_io_error(const FailedIo& failed);

/// Throws bdevkit.Error. `bdev` may be empty.
[[noreturn]] void raise_error(int error, const std::string& message, const std::string& bdev = {});

/// Throws bdevkit.StackError with one line for each fault of a stack or of options.
[[noreturn]] void raise_stack_error(const std::string& problems);

}  // namespace bdevkit::python
