// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev_io.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

namespace bdevkit::python {

namespace py = pybind11;

/// An I/O at a bdev that is written in Python. It ends once, from any thread; if it is dropped before, it
/// fails.
class ModuleIo {
public:
    /// [the submitter's thread] @param base_desc, base_ch of a virtual bdev, otherwise nullptr
    ModuleIo(bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch);
    ~ModuleIo();
    ModuleIo(const ModuleIo&) = delete;
    ModuleIo& operator=(const ModuleIo&) = delete;

    /// The identity of an I/O until it has ended.
    static uint64_t id_of(const bdk_bdev_io* io) { return reinterpret_cast<uint64_t>(io); }
    uint64_t id() const { return id_; }

    std::string type() const { return bdk_bdev_io_type_name(type_); }
    uint64_t offset() const { return offset_; }  ///< in bytes, like the following fields
    uint64_t length() const { return length_; }
    uint64_t source() const { return source_; }
    uint32_t flags() const { return flags_; }

    /// [with the GIL] A copy of the data to write or compare.
    py::bytes data() const;
    /// [with the GIL] A copy of the data that a compare-and-write writes.
    py::bytes second_data() const;
    /// [with the GIL] Sets the data of a read, which must have the read's length.
    void fill(const py::object& data);

    /// [any thread] Ends the I/O with 0 or a negative errno.
    void complete(int rc);
    void complete_status(int32_t status);
    void complete_nvme(uint32_t sct, uint32_t sc);
    /// [any thread] Sends the I/O to the base; it ends with the base's status.
    void forward();

    bool is_ended() const { return io_ == nullptr; }

private:
    /// The action for the submitter's thread.
    struct End;
    void end(End how);
    bdk_bdev_io* take();
    py::bytes gather(const iovec* iovs, int32_t count) const;

    bdk_bdev_io* io_;
    const uint64_t id_;
    bdk_thread* thread_;
    bdk_bdev_desc* base_desc_;
    bdk_io_channel* base_ch_;
    uint32_t type_, flags_ = 0;
    uint64_t offset_ = 0, length_ = 0, source_ = 0;
};

void bind_module_io(py::module_& module);

}  // namespace bdevkit::python
