// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev_io.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

namespace bdevkit::python {

namespace py = pybind11;

/// An I/O at a bdev that is written in Python. It ends once, from any thread; one that is dropped fails.
class ModuleIo {
public:
    /// [the submitter's thread] @param base_desc, base_ch  of a virtual bdev, else nullptr
    ModuleIo(bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch);
    ~ModuleIo();
    ModuleIo(const ModuleIo&) = delete;
    ModuleIo& operator=(const ModuleIo&) = delete;

    /// What an I/O is known by until it has ended.
    static uint64_t id_of(const bdk_bdev_io* io) { return reinterpret_cast<uint64_t>(io); }
    uint64_t id() const { return id_; }

    std::string type() const { return bdk_bdev_io_type_name(type_); }
    uint64_t offset() const { return offset_; }  ///< in bytes, as the rest
    uint64_t length() const { return length_; }
    uint64_t source() const { return source_; }
    uint32_t flags() const { return flags_; }

    /// [with the GIL] A copy of what is to be written or compared.
    py::bytes data() const;
    /// [with the GIL] Of a compare-and-write: what is to be written.
    py::bytes second_data() const;
    /// [with the GIL] Gives a read its data, which must be as long as it is.
    void fill(const py::object& data);

    /// [any thread] Ends it: 0, or a negative errno.
    void complete(int rc);
    void complete_status(int32_t status);
    void complete_nvme(uint32_t sct, uint32_t sc);
    /// [any thread] Sends it to the base, whose status ends it.
    void forward();

    bool is_ended() const { return io_ == nullptr; }

private:
    /// What is to happen on the submitter's thread.
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
