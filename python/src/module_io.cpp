// SPDX-License-Identifier: BSD-3-Clause
#include "module_io.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/thread.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "held.hpp"
#include "python_lock.hpp"

namespace bdevkit::python {

namespace {

bool has_blocks(uint32_t type) {
    switch (type) {
        case BDK_BDEV_IO_TYPE_RESET:
        case BDK_BDEV_IO_TYPE_ABORT:
        case BDK_BDEV_IO_TYPE_NVME_ADMIN:
        case BDK_BDEV_IO_TYPE_NVME_IO:
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
            return false;
        default:
            return true;
    }
}

}  // namespace

struct ModuleIo::End {
    enum class Kind { error, status, nvme, forward } kind;
    int32_t value = 0;
    uint32_t sct = 0, sc = 0;
    bdk_bdev_io* io = nullptr;
    bdk_bdev_desc* base_desc = nullptr;
    bdk_io_channel* base_ch = nullptr;

    void carry_out() const {
        switch (kind) {
            case Kind::error:
                return bdk_bdev_io_complete_aio_status(io, value);
            case Kind::status:
                return bdk_bdev_io_complete(io, value);
            case Kind::nvme:
                return bdk_bdev_io_complete_nvme_status(io, 0, sct, sc);
            case Kind::forward:
                return bdk_bdev_io_forward(io, base_desc, base_ch);
        }
    }
};

ModuleIo::ModuleIo(bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch)
    : io_(io),
      id_(id_of(io)),
      thread_(bdk_bdev_io_get_thread(io)),
      base_desc_(base_desc),
      base_ch_(base_ch),
      type_(io->type) {
    if (!has_blocks(type_)) return;
    const uint64_t block = bdk_bdev_get_block_size(io->bdev);
    flags_ = io->u.bdev.flags;
    offset_ = io->u.bdev.offset_blocks * block;
    length_ = io->u.bdev.num_blocks * block;
    source_ = io->u.bdev.src_offset_blocks * block;
}

ModuleIo::~ModuleIo() {
    if (io_ != nullptr) complete(-EIO);
}

py::bytes ModuleIo::gather(const iovec* iovs, int32_t count) const {
    PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(length_));
    if (bytes == nullptr) throw py::error_already_set();
    char* to = PyBytes_AS_STRING(bytes);
    uint64_t left = length_;
    for (int32_t i = 0; i < count && left != 0; ++i) {
        const size_t piece = std::min<uint64_t>(iovs[i].iov_len, left);
        std::memcpy(to, iovs[i].iov_base, piece);
        to += piece;
        left -= piece;
    }
    return py::reinterpret_steal<py::bytes>(bytes);
}

py::bytes ModuleIo::data() const {
    if (io_ == nullptr) throw py::value_error("this I/O has ended");
    const bool has_data = type_ == BDK_BDEV_IO_TYPE_WRITE || type_ == BDK_BDEV_IO_TYPE_COMPARE ||
                          type_ == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE;
    if (!has_data) throw py::value_error("a " + type() + " has no data");
    return gather(io_->u.bdev.iovs, io_->u.bdev.iovcnt);
}

py::bytes ModuleIo::second_data() const {
    if (io_ == nullptr) throw py::value_error("this I/O has ended");
    if (type_ != BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE)
        throw py::value_error("a " + type() + " has no second data");
    return gather(io_->u.bdev.fused_iovs, io_->u.bdev.fused_iovcnt);
}

void ModuleIo::fill(const py::object& data) {
    if (io_ == nullptr) throw py::value_error("this I/O has ended");
    if (type_ != BDK_BDEV_IO_TYPE_READ) throw py::value_error("a " + type() + " takes no data");
    Held held;
    const iovec given = held.add(data, false);
    if (given.iov_len != length_)
        throw py::value_error("a read of " + std::to_string(length_) + " bytes was given " +
                              std::to_string(given.iov_len));
    const auto* from = static_cast<const char*>(given.iov_base);
    uint64_t left = length_;
    for (int32_t i = 0; i < io_->u.bdev.iovcnt && left != 0; ++i) {
        const iovec& to = io_->u.bdev.iovs[i];
        const size_t piece = std::min<uint64_t>(to.iov_len, left);
        std::memcpy(to.iov_base, from, piece);
        from += piece;
        left -= piece;
    }
}

bdk_bdev_io* ModuleIo::take() {
    if (io_ == nullptr) throw py::value_error("this I/O has already ended");
    return std::exchange(io_, nullptr);
}

void ModuleIo::end(End how) {
    how.io = take();
    how.base_desc = base_desc_;
    how.base_ch = base_ch_;
    if (bdk_get_thread() == thread_) return how.carry_out();
    auto message = std::make_unique<End>(how);
    const auto carry_out_there = [](void* arg) { std::unique_ptr<End>(static_cast<End*>(arg))->carry_out(); };
    // The thread has the I/O in flight, so it lives; a full ring empties soon, once nothing waits for the
    // GIL.
    const WithoutGil without_gil;
    while (bdk_thread_send_msg(thread_, carry_out_there, message.get()) == -ENOMEM) {
    }
    static_cast<void>(message.release());
}

void ModuleIo::complete(int rc) {
    end({.kind = End::Kind::error, .value = rc});
}

void ModuleIo::complete_status(int32_t status) {
    end({.kind = End::Kind::status, .value = status});
}

void ModuleIo::complete_nvme(uint32_t sct, uint32_t sc) {
    end({.kind = End::Kind::nvme, .sct = sct, .sc = sc});
}

void ModuleIo::forward() {
    if (base_desc_ == nullptr) throw py::value_error("this bdev has no base");
    end({.kind = End::Kind::forward});
}

void bind_module_io(py::module_& module) {
    py::class_<ModuleIo, std::shared_ptr<ModuleIo>>(module, "Io", "An I/O for a bdev written in Python.")
        .def_property_readonly("type", &ModuleIo::type, "\"read\", \"write\", \"unmap\", ...")
        .def_property_readonly("offset", &ModuleIo::offset, "Its first byte.")
        .def_property_readonly("length", &ModuleIo::length, "In bytes.")
        .def_property_readonly("source", &ModuleIo::source, "For a copy: the first byte to copy.")
        .def_property_readonly(
            "fua", [](const ModuleIo& io) { return (io.flags() & BDK_BDEV_IO_FUA) != 0; },
            "For a write: whether it must be on stable storage when it ends.")
        .def_property_readonly("data", &ModuleIo::data, "A copy of the data of a write or compare.")
        .def_property_readonly("write_data", &ModuleIo::second_data,
                               "A copy of the data that a compare-and-write would write.")
        .def("fill", &ModuleIo::fill, py::arg("data"), "Sets the data of a read.")
        .def("forward", &ModuleIo::forward, "Sends the I/O to the base; it ends with the base's status.")
        .def_property_readonly("_id", &ModuleIo::id)
        .def("_complete", &ModuleIo::complete)
        .def("_complete_status", &ModuleIo::complete_status)
        .def("_complete_nvme", &ModuleIo::complete_nvme)
        .def_property_readonly("ended", &ModuleIo::is_ended);
}

}  // namespace bdevkit::python
