// SPDX-License-Identifier: BSD-3-Clause
// Memory outside of Python, with the buffer protocol.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "open_desc.hpp"

namespace bdevkit::python {

namespace py = pybind11;

/// A piece of memory that counts its views. It is valid as long as its owner keeps it.
class Memory {
public:
    Memory(void* address, size_t length, bool is_dma) : address_(address), length_(length), is_dma_(is_dma) {}
    ~Memory();
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    /// [with the GIL] Memory that devices may reach, zeroed. Throws MemoryError.
    static std::shared_ptr<Memory> allocate(size_t length, size_t alignment);

    void* address() const { return address_; }
    size_t length() const { return length_; }

    /// [with the GIL] Ends its use. Throws BufferError while views exist.
    void release();

    static int get_buffer(PyObject* self, Py_buffer* view, int flags);
    static void release_buffer(PyObject* self, Py_buffer* view);

private:
    void* address_;
    size_t length_;
    bool is_dma_;
    size_t views_ = 0;
};

/// Memory lent by the start of a zcopy, which must be ended once.
class Borrowed {
public:
    Borrowed(std::shared_ptr<OpenDesc> desc, bdk_bdev_io* io, const iovec* iovs, int32_t count);
    /// Ends the zcopy without a commit, unless it has already been ended.
    ~Borrowed();
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;

    const std::vector<std::shared_ptr<Memory>>& pieces() const { return pieces_; }

    /// [with the GIL] The bdev_io, which the caller now owns. Throws BufferError while views exist, and
    /// ValueError at the second call.
    bdk_bdev_io* take();

    const std::shared_ptr<OpenDesc>& desc() const { return desc_; }

private:
    const std::shared_ptr<OpenDesc> desc_;
    bdk_bdev_io* io_;
    std::vector<std::shared_ptr<Memory>> pieces_;
};

void bind_memory(py::module_& module);

}  // namespace bdevkit::python
